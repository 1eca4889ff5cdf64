// Looks at every byte of a store, and throws away what is not as it was made: it is made again when it is next asked for.
import { mkdirSync } from 'node:fs';
import { lstat, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hasSoundOutputs } from './execs.ts';
import { digestOfFile } from './hash.ts';
import { alteredPlace } from './integrity.ts';
import { type Kind, sizeOf } from './inventory.ts';
import { withLock } from './lock.ts';
import { readSealed } from './sealed.ts';
import { markOf } from './store.ts';

export interface Verified {
  readonly count: number;
  readonly bytes: number;
  /** What was thrown away: its kind, and where it was altered. */
  readonly altered: readonly { readonly kind: Kind; readonly place: string }[];
}

/** Where a thing is altered, or undefined. */
type Look = (path: string, name: string) => Promise<string | undefined>;

const LOOKS: readonly { kind: Kind; folder: string; look: Look }[] = [
  {
    kind: 'layers',
    folder: 'layers',
    look: async (path, name) => {
      const mark = markOf(path);
      const place = mark === undefined ? 'mark' : await alteredPlace(path, mark, { everyByte: true });
      return place === undefined ? undefined : `${name}/${place}`;
    },
  },
  {
    kind: 'images',
    folder: 'blobs/sha256',
    look: async (path, name) => ((await digestOfFile(path)) === `sha256:${name}` ? undefined : name),
  },
  {
    kind: 'execs',
    folder: 'execs',
    look: async (path, name) => ((await hasSoundOutputs(path)) ? undefined : name),
  },
];

export async function verifyStore(root: string, aside: string): Promise<Verified> {
  const records = (await list(join(root, 'records'))).map((kind) => ({
    kind: 'records' as const,
    folder: join('records', kind),
    look: async (path: string, name: string) => (readSealed(path) === undefined ? `${kind}/${name}` : undefined),
  }));
  const altered: { kind: Kind; place: string }[] = [];
  let [count, bytes] = [0, 0];
  for (const { kind, folder, look } of [...LOOKS, ...records]) {
    for (const name of await list(join(root, folder))) {
      const path = join(root, folder, name);
      const found = await inodeOf(path);
      const place = await look(path, name).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error; // else evicted meanwhile
        return undefined;
      });
      count += 1;
      bytes += await sizeOf(path);
      if (place === undefined || found === undefined) continue;
      if (await moveAside(root, path, found, join(aside, `altered-${count}`))) altered.push({ kind, place });
    }
  }
  await rm(aside, { recursive: true, force: true });
  return { count, bytes, altered };
}

/** False when it is gone by now, or another has taken its place. */
function moveAside(root: string, path: string, found: number, aside: string): Promise<boolean> {
  return withLock(root, async () => {
    if ((await inodeOf(path)) !== found) return false;
    mkdirSync(join(aside, '..'), { recursive: true });
    await rename(path, aside);
    return true;
  });
}

const inodeOf = (path: string): Promise<number | undefined> =>
  lstat(path).then(
    ({ ino }) => ino,
    () => undefined,
  );
const list = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);
