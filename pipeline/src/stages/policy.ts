// Reads what people decided: policy and VEX. In a pull request they come from the base branch: nobody accepts their own findings.
import type { Directory, GitRepository } from '@dagger.io/dagger';
import { PipelineError, reasonOf } from '../core/errors.ts';
import { DEFAULT_POLICY, POLICY_FILE, type Policy, parsePolicy } from '../core/gate/policy.ts';
import { type DecidingText, decidingText } from '../core/gate/verdict.ts';
import { parseVex, VEX_FOLDER } from '../core/gate/vex.ts';
import { contentsIfAny } from './engine.ts';

export type Deciding = {
  /** The tree that they come from. */
  tree: Directory;
  /** Where the texts were read: `the working tree`, or `main (base branch)`. */
  from: string;
  policy: DecidingText | null;
  vex: DecidingText[];
  parsed: Policy;
  /** Files that this change would decide otherwise; empty outside pull requests. */
  changes: string[];
};

/** Throws `BAD_POLICY` or `BAD_VEX`, also for texts that do not decide yet: a pull request may not bring a broken policy. */
export async function readDeciding(source: Directory, repo: GitRepository, base: string): Promise<Deciding> {
  const own = await readTexts(source);
  check(own);
  if (base === '') return { tree: source, from: 'the working tree', ...own, parsed: parsed(own), changes: [] };
  const tree = await treeOf(repo, base);
  const theirs = await readTexts(tree);
  check(theirs);
  return {
    tree,
    from: `${base} (base branch)`,
    ...theirs,
    parsed: parsed(theirs),
    changes: changesBetween(theirs, own),
  };
}

type Texts = Pick<Deciding, 'policy' | 'vex'>;

async function treeOf(repo: GitRepository, base: string): Promise<Directory> {
  try {
    return await repo.ref(base).tree().sync();
  } catch (cause) {
    throw new PipelineError(
      'BAD_OPTION',
      `--base ${base} is no commit of this repository: ${reasonOf(cause).split('\n')[0]}`,
      'name a branch or commit that was fetched, e.g. origin/main (a shallow clone has none: fetch it first)',
      { cause },
    );
  }
}

async function readTexts(tree: Directory): Promise<Texts> {
  const text = await contentsIfAny(tree, POLICY_FILE);
  const paths = await tree.glob(`${VEX_FOLDER}/**/*.json`);
  const vex = await Promise.all(paths.sort().map(async (path) => decidingText(path, await tree.file(path).contents())));
  return { policy: text === null ? null : decidingText(POLICY_FILE, text), vex };
}

function parsed({ policy }: Texts): Policy {
  return policy === null ? DEFAULT_POLICY : parsePolicy(policy.text, policy.file);
}

function check(texts: Texts): void {
  parsed(texts);
  parseVex(texts.vex);
}

function changesBetween(base: Texts, own: Texts): string[] {
  const hashes = ({ policy, vex }: Texts) =>
    new Map([...(policy === null ? [] : [policy]), ...vex].map(({ file, sha256 }) => [file, sha256]));
  const [before, after] = [hashes(base), hashes(own)];
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((file) => before.get(file) !== after.get(file))
    .sort();
}
