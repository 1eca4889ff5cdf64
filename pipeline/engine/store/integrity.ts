// Whether a layer is what was made: looked at before its first use in a session, by its stamp where that will do, else byte by byte.
import { lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EnvironmentError } from '../errors.ts';
import { BOOT_ID } from '../process-name.ts';
import { differingPlace, hashOf, Manifest, stampOf, type TakeOptions, takeManifest } from './manifest.ts';
import { readSealed, seal } from './sealed.ts';

/** The part of a layer's mark that says what it holds. */
export interface Contents {
  /** The hash of the manifest. */
  readonly manifest: string;
  /** Whether that speaks of extended attributes. */
  readonly attributes: boolean;
  /** The names at the layer's top: most questions are answered by these alone. */
  readonly names: readonly string[];
}

const MANIFEST = 'manifest';
const STAMP = 'stamp';

/** Writes down what a new layer holds. */
export async function noteContents(folder: string, options: TakeOptions): Promise<Contents> {
  const { manifest, stamp, hasAttributes } = await takeManifest(join(folder, 'fs'), options);
  writeFileSync(join(folder, MANIFEST), manifest, 'latin1');
  noteStamp(folder, stamp);
  return { manifest: hashOf(manifest), attributes: hasAttributes, names: readdirSync(join(folder, 'fs'), 'latin1') };
}

/** A note that can be made again: on a disk without room the layer is read once more. */
function noteStamp(folder: string, stamp: string): void {
  try {
    writeFileSync(join(folder, STAMP), seal({ boot: BOOT_ID, stamp }));
  } catch {}
}

/** A place of a layer that is not as it was made, or undefined. */
export async function alteredPlace(folder: string, contents: Contents, { everyByte = false } = {}) {
  try {
    if (!everyByte && (await hasStamp(folder))) return undefined;
    return await differingFrom(folder, contents);
  } catch (error) {
    if (UNREADABLE.includes((error as NodeJS.ErrnoException).code ?? '')) return (error as Error).message;
    throw error;
  }
}

/** What the kernel says of files that are gone, and of disks and file systems that are damaged. */
const UNREADABLE = ['ENOENT', 'ENOTDIR', 'EIO', 'EBADMSG', 'EUCLEAN'];

async function hasStamp(folder: string): Promise<boolean> {
  const noted = readSealed<{ boot: string; stamp: string }>(join(folder, STAMP));
  return noted?.boot === BOOT_ID && noted.stamp === (await stampOf(join(folder, 'fs')));
}

async function differingFrom(folder: string, { manifest, attributes }: Contents): Promise<string | undefined> {
  const now = await takeManifest(join(folder, 'fs'), { mayHaveAttributes: attributes });
  if (!now.hasAttributes)
    throw new EnvironmentError('the program tar cannot read extended attributes', 'install GNU tar');
  const made = readFileSync(join(folder, MANIFEST), 'latin1');
  const isWhole = hashOf(made) === manifest;
  if (hashOf(now.manifest) !== manifest) return isWhole ? differingPlace(made, now.manifest) : '';
  if (!isWhole) writeFileSync(join(folder, MANIFEST), now.manifest, 'latin1');
  noteStamp(folder, now.stamp);
  return undefined;
}

/** The manifest of a layer; undefined when it is not the one that the mark tells of. */
export function readManifest(folder: string, { manifest }: Contents): Manifest | undefined {
  if (lstatSync(join(folder, MANIFEST), { throwIfNoEntry: false }) === undefined) return undefined;
  const text = readFileSync(join(folder, MANIFEST));
  return hashOf(text) === manifest ? new Manifest(text) : undefined;
}
