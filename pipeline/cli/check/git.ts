// What git knows of the files of a working copy.
import { closeSync, lstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { SOURCE_IGNORE } from '../../src/core/ignore.ts';
import { onDisk } from '../../src/oci/names.ts';
import { ignoredAmong, listFiles } from '../git-files.ts';

export type ListedFile = { path: string; kind: 'file' | 'link' | 'submodule' };

const KINDS: Readonly<Record<string, ListedFile['kind']>> = { 120000: 'link', 160000: 'submodule' };

/** Of what is not tracked, what is no part of the source whatever git says. */
const NO_SOURCE = SOURCE_IGNORE.map((pattern) => `--exclude=${pattern}`);

/** What git tracks, and on demand what it would; nothing where it does not answer. */
export function listedFiles(root: string, withOthers: boolean): ListedFile[] {
  try {
    // One that is in conflict is listed once for each side.
    const tracked = new Map(
      listFiles(root, '--stage').map((line) => [line.slice(line.indexOf('\t') + 1), line.slice(0, 6)]),
    );
    const others = withOthers ? listFiles(root, '--others', '--exclude-standard', ...NO_SOURCE) : [];
    return [
      ...[...tracked].map(([path, mode]) => ({ path, kind: KINDS[mode] ?? 'file' })),
      ...others.filter((path) => !path.endsWith('/')).map((path) => ({ path, kind: 'file' as const })),
    ];
  } catch {
    return [];
  }
}

/** Of these paths those that git ignores; none where it does not answer. */
export function ignoredOf(root: string, paths: readonly string[]): Set<string> {
  try {
    return new Set(ignoredAmong(root, paths));
  } catch {
    return new Set();
  }
}

/** "version https://git-lfs.github.com/spec/v1" (git-lfs docs/spec.md). */
const POINTER = 'version https://git-lfs.github.com/spec/';

/** Files of Git LFS whose pointer lies in their place. */
export function filesLackingContent(root: string, files: readonly string[]): string[] {
  const attributes = files.filter((path) => /(^|\/)\.gitattributes$/.test(path));
  if (!attributes.some((path) => startOf(join(root, path), 1 << 16).includes('filter=lfs'))) return [];
  try {
    const kept = listFiles(root, '--', ':(attr:filter=lfs)');
    return kept.filter((path) => startOf(join(root, path), POINTER.length) === POINTER);
  } catch {
    return [];
  }
}

function startOf(file: string, bytes: number): string {
  try {
    if (!lstatSync(onDisk(file)).isFile()) return '';
    const descriptor = openSync(onDisk(file), 'r');
    try {
      const buffer = Buffer.alloc(bytes);
      return buffer.toString('utf8', 0, readSync(descriptor, buffer, 0, bytes, 0));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return '';
  }
}
