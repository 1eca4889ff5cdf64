// Which paths a pattern means: include and exclude lists as Docker's .dockerignore reads them, globs, and .gitignore files.
import { posix } from 'node:path';
import ignore from 'ignore';
import { BadPattern, dockerPattern, literalStart, Patterns, type Wildcards } from '../../src/oci/wildcards.ts';
import { EngineError } from '../errors.ts';
import { commonStart, type DirNode, dirNode, type Node } from './tree.ts';

/** A pattern with `*`, `?`, `[…]` and `**`, which means whole paths. */
export const patternOf = (pattern: string): Wildcards => readPattern(() => dockerPattern(pattern));

/** What reads one, whose fault a client is told. */
export function readPattern<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof BadPattern ? new EngineError(error.message, undefined, { cause: error }) : error;
  }
}

/** Whether a path means more than the file of that very name. */
export const isPattern = (path: string) => /[*?[]/.test(path);

/** The same of a list, of which the last that fits decides. */
export const patternsOf = (patterns: readonly string[]): Patterns => readPattern(() => new Patterns(patterns));

/** Says of a path whether it is ignored or taken back; undefined where no rule fits. A folder ends with a slash. */
type Verdict = (path: string) => boolean | undefined;

/** How many `**` of a line become a regular expression: with each more it takes as many times longer as a path has names. */
const MOST_FOLDERS = 2;

/** The rules of a .gitignore file, in lists of which later ones count more. */
function gitignoreRules(text: string): Verdict[] {
  const lists: (string[] | string)[] = [];
  for (const line of text.split(/\r?\n/)) {
    const last = lists.at(-1);
    if (line.split('**').length - 1 > MOST_FOLDERS) lists.push(line);
    else if (Array.isArray(last)) last.push(line);
    else lists.push([line]);
  }
  const isAlone = lists.length === 1;
  return lists.map((list) => (Array.isArray(list) ? plainRules(list, isAlone) : wideRule(list)));
}

function plainRules(lines: readonly string[], isAlone: boolean): Verdict {
  const rules = ignore().add(lines.join('\n'));
  return (path) => {
    // Others may have taken back the folder that it is in.
    if (!isAlone && /[^/]\/[^/]/.test(path) && rules.ignores(`${posix.dirname(path)}/`)) return undefined;
    const { ignored, unignored } = rules.test(path);
    return ignored || unignored ? ignored : undefined;
  };
}

function wideRule(line: string): Verdict {
  const [, mark, pattern = '', end] = /^(!?)\/?(.*?)(\/?)$/.exec(line.trimEnd()) ?? [];
  if (line.startsWith('#')) return () => undefined;
  let wildcards: Wildcards;
  try {
    wildcards = dockerPattern(pattern);
  } catch {
    return () => undefined; // as git has it
  }
  return (path) => {
    if (end !== '' && !path.endsWith('/')) return undefined;
    return wildcards.fits(path.replace(/\/$/, '')) ? mark === '' : undefined;
  };
}

export interface Filter {
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  readonly gitignore?: boolean | undefined;
}

/** Decides, path by path and folders before their content, what a filter lets through. */
export class PathFilter {
  readonly #include: Patterns;
  readonly #exclude: Patterns;
  readonly #gitignores: { folder: string; above: string; rules: readonly Verdict[] }[] = [];
  readonly readsGitignore: boolean;

  constructor({ include = [], exclude = [], gitignore = false }: Filter) {
    this.#include = patternsOf(include);
    this.#exclude = patternsOf(exclude);
    this.readsGitignore = gitignore;
  }

  /** Takes over the rules of the .gitignore file of `folder` ("" for the root, else "a/b/"), or of a folder that has the root at `above`. */
  addGitignore(folder: string, text: string, above = ''): void {
    this.#gitignores.push({ folder, above, rules: gitignoreRules(text) });
  }

  keepsFile(path: string): boolean {
    if (!this.#include.isEmpty && !this.#include.matches(path)) return false;
    return !this.#exclude.matches(path) && !this.#isGitignored(path);
  }

  /** Whether a folder may be passed over whole. */
  skipsFolder(path: string): boolean {
    if (!this.#include.isEmpty && !this.#include.mayFitIn(path)) return true;
    if (this.#isGitignored(`${path}/`)) return true;
    return this.#exclude.matches(path) && !this.#exclude.hasExceptions;
  }

  /** Whether a folder stays for its own sake, be it empty. */
  keepsFolder(path: string): boolean {
    if (!this.#include.isEmpty && !this.#include.matches(path)) return false;
    return !this.#exclude.matches(path) && !this.#isGitignored(`${path}/`);
  }

  #isGitignored(path: string): boolean {
    let ignored = false;
    for (const { folder, above, rules } of this.#gitignores) {
      if (!path.startsWith(folder) || path.length === folder.length) continue;
      for (const verdict of rules) ignored = verdict(above + path.slice(folder.length)) ?? ignored;
    }
    return ignored;
  }
}

/** The names that lead to all that a filter lets through, and to what it reads for that. */
export function namesBefore({ include = [], gitignore = false }: Filter = {}): readonly string[] {
  if (gitignore) return [];
  const places = include.map((pattern): readonly string[] => {
    const names = posix.normalize(pattern.trim()).replace(/\/+$/, '').split('/');
    const first = names.findIndex((name) => name === '..' || name === '' || literalStart(name) !== name);
    return first < 0 ? names : names.slice(0, first);
  });
  return places.length === 0 ? [] : places.reduce((start, names) => commonStart(start, names));
}

/** The part of a tree that a filter lets through. */
export async function filterTree(
  root: DirNode,
  filter: Filter,
  read: (node: Node) => Promise<Buffer>,
): Promise<DirNode> {
  const paths = new PathFilter(filter);
  const filterDir = async (dir: DirNode, prefix: string): Promise<DirNode> => {
    const gitignore = paths.readsGitignore ? dir.children.get('.gitignore') : undefined;
    if (gitignore?.kind === 'file') paths.addGitignore(prefix, (await read(gitignore)).toString());
    const children = new Map<string, Node>();
    for (const [name, node] of dir.children) {
      const path = prefix + name;
      if (node.kind !== 'dir') {
        if (paths.keepsFile(path)) children.set(name, node);
      } else if (!paths.skipsFolder(path)) {
        const kept = await filterDir(node, `${path}/`);
        if (kept.children.size > 0 || paths.keepsFolder(path)) children.set(name, kept);
      }
    }
    // The same one where nothing is left out of it: its digest may be known.
    const isWhole = [...dir.children].every(([name, node]) => children.get(name) === node);
    return isWhole ? dir : dirNode(dir, children);
  };
  return filterDir(root, '');
}
