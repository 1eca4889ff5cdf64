// Under which tags an image is delivered: which of them move, and what of git's names a tag cannot hold.
import { createHash } from 'node:crypto';
import { PipelineError } from '../errors.ts';
import type { SourceFacts } from '../model.ts';

export type Tags = {
  /** Those that never move: the commit, and the version. */
  fixed: string[];
  /** Those that say what is deployed, and so are the ones that a rollback puts back: a branch, 1.2 and 1. */
  moving: string[];
  /** Where a tag is not what git's name would make one expect. */
  remarks: string[];
};

type Version = { numbers: [major: bigint, minor: bigint, patch: bigint]; isRelease: boolean; text: string };

/** As a tag of git, or of a registry, where `_` stands for the `+` that it cannot hold. */
const VERSION = /^v?(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?(?:[+_]([0-9A-Za-z.-]+))?$/;
const NUMBERS = /^v?\d+(\.\d+){0,2}$|^v?\d+\.\d+\.\d+[-_]/;
const COMMIT = /^([\da-f]{40}|[\da-f]{64})$/;
const LONGEST = 128;

/** `ref` is git's full name of what was built (`refs/tags/v1.2.3`); empty for the branch that is checked out. */
export function tagsOf({ commit, branch }: SourceFacts, ref: string): Tags {
  const [, kind, name = ''] = /^refs\/(heads|tags)\/(.+)$/s.exec(ref) ?? [];
  if (ref !== '' && kind === undefined)
    throw new PipelineError(
      'BAD_OPTION',
      `--ref ${ref} is no branch and no tag`,
      'write refs/heads/main or refs/tags/v1.2.3',
    );
  const named = kind === 'tags' ? ofTag(name) : ofName('branch', name || (branch ?? ''));
  const fixed = [...(commit ? [commit] : []), ...named.fixed];
  return { ...named, fixed };
}

export const allTags = ({ fixed, moving }: Tags): string[] => [...new Set([...fixed, ...moving])];

function ofTag(name: string): Tags {
  const version = versionOf(name);
  if (version === null) return ofName('tag', name);
  const { numbers, isRelease, text } = version;
  const [major, minor] = numbers;
  const remarks = name.includes('+') ? [`a tag cannot hold a +: ${name} is tagged ${text}`] : [];
  return { fixed: [text], moving: isRelease ? [`${major}.${minor}`, `${major}`] : [], remarks };
}

function versionOf(name: string): Version | null {
  const [, major = '', minor = '', patch = '', early = '', build] = VERSION.exec(name) ?? [];
  if (major === '') return null;
  const text = `${major}.${minor}.${patch}${early}${build === undefined ? '' : `_${build}`}`;
  return { numbers: [BigInt(major), BigInt(minor), BigInt(patch)], isRelease: early === '', text };
}

/** As registries allow it. What would read as something else, or as another name, gets a spelling of its own, always the same. */
function ofName(what: 'branch' | 'tag', name: string): Tags {
  if (name === '') return { fixed: [], moving: [], remarks: [] };
  const plain = name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[.-]+/, '');
  const isTaken = what === 'branch' && (NUMBERS.test(plain) || COMMIT.test(plain));
  const spelled = isTaken ? `branch-${plain}` : plain;
  const isWhole = spelled !== '' && spelled.length <= LONGEST && !/\P{ASCII}/u.test(name);
  const tag = isWhole ? spelled : marked(spelled || what, name);
  const named = `the ${what} ${JSON.stringify(name)}`;
  const why = isTaken
    ? `${named} would read as a version or a commit`
    : spelled.length > LONGEST
      ? `${named} is longer than a tag may be (${LONGEST})`
      : `a tag cannot hold the letters of ${named}`;
  const remarks = isWhole && !isTaken ? [] : [`${why}: it is tagged ${tag}`];
  return { fixed: [], moving: [tag], remarks };
}

/** With a part of the name's hash: two names that are cut alike are not one tag. */
function marked(spelled: string, name: string): string {
  const mark = createHash('sha256').update(name.normalize('NFC')).digest('hex').slice(0, 8);
  return `${spelled.slice(0, LONGEST - mark.length - 1).replace(/[.-]+$/, '')}-${mark}`;
}

/** Without those that a newer release has, by the tags that are there: an older one that is delivered late moves no tag back. */
export function withoutNewer(tags: Tags, present: readonly string[]): Tags {
  const [version] = tags.fixed.flatMap((tag) => versionOf(tag) ?? []);
  if (version === undefined) return tags;
  const releases = present.flatMap((tag) => versionOf(tag) ?? []).filter(({ isRelease }) => isRelease);
  const newerThan = (line: string) =>
    releases.filter(({ text, numbers }) => `${text}.`.startsWith(`${line}.`) && isNewer(numbers, version.numbers));
  const kept = tags.moving.filter((line) => newerThan(line).length > 0);
  const remarks = kept.map((line) => `${line} stays where it is: ${newest(newerThan(line))} is newer`);
  return {
    ...tags,
    moving: tags.moving.filter((line) => !kept.includes(line)),
    remarks: [...tags.remarks, ...remarks],
  };
}

function isNewer(a: Version['numbers'], b: Version['numbers']): boolean {
  const at = a.findIndex((number, index) => number !== b[index]);
  return at >= 0 && (a[at] as bigint) > (b[at] as bigint);
}

const newest = (releases: readonly Version[]) =>
  releases.reduce((best, release) => (isNewer(release.numbers, best.numbers) ? release : best)).text;
