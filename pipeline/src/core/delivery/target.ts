// Where an image is delivered to, and under which tags.
import { PipelineError } from '../errors.ts';
import type { SourceFacts } from '../model.ts';

export type Target = {
  /** `ghcr.io`, `127.0.0.1:5000` */
  registry: string;
  /** `acme/app` */
  repository: string;
  /** This machine by its very address: what happens there is a rehearsal. */
  isLoopback: boolean;
};

export function nameOf({ registry, repository }: Target): string {
  return `${registry}/${repository}`;
}

const VERSION = /^v?(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?$/;
const LONGEST = 128;

/**
 * The tags of an image, those that never move first: the commit, then the version (with 1.2 and 1, but for a pre-release) or the branch.
 * `ref` is git's full name of what was built (`refs/tags/v1.2.3`); empty for the branch that is checked out.
 */
export function tagsOf({ commit, branch }: SourceFacts, ref: string): string[] {
  const [, kind, name = ''] = /^refs\/(heads|tags)\/(.+)$/.exec(ref) ?? [];
  if (ref !== '' && kind === undefined)
    throw new PipelineError(
      'BAD_OPTION',
      `--ref ${ref} is no branch and no tag`,
      'write refs/heads/main or refs/tags/v1.2.3',
    );
  const tags = [commit ?? ''];
  if (kind === 'tags') tags.push(...versions(name));
  else tags.push(slug(name || (branch ?? '')));
  return [...new Set(tags.filter((tag) => tag !== ''))];
}

function versions(tag: string): string[] {
  const [, major, minor, patch, rest = ''] = VERSION.exec(tag) ?? [];
  if (major === undefined) return [slug(tag)];
  const whole = `${major}.${minor}.${patch}${rest}`;
  return rest === '' ? [whole, `${major}.${minor}`, major] : [whole];
}

/** As registries allow it. */
function slug(name: string): string {
  return name
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[.-]+/, '')
    .slice(0, LONGEST);
}

/** Those that say what is deployed, and so are the ones that a rollback puts back: neither a commit nor a whole version moves. */
export function movingTags(tags: readonly string[], commit: string | null): string[] {
  return tags.filter((tag) => tag !== commit && !VERSION.test(tag));
}
