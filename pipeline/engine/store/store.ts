// The engine's folder on disk: content-addressed, written aside and renamed into place, shared by sessions that run at once.
//   blobs/sha256/<digest>   bytes as registries hold them        layers/<id>/fs   one layer of a file system, shifted owners
//   execs/<key>/            what a command answered              records/<kind>/  small JSON facts by key
//   volumes/<key>/          cache volumes                        tmp/<session>/   work in progress, swept when its owner is gone
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Changes whenever what is on disk would be read wrongly by another version; older folders are left alone. */
const FORMAT = 'v1';

export const sha256 = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex');

/** A key made of any JSON value, the same for equal values whatever the order of their fields. */
export function keyOf(value: unknown): string {
  return sha256(JSON.stringify(value, (_, field) => (isPlainObject(field) ? sorted(field) : field)));
}

const isPlainObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const sorted = (value: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));

/** The project's cache folder: `$XDG_CACHE_HOME/drydock`, by default below `~/.cache`. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'drydock');
}

export class Store {
  readonly root: string;
  readonly layers: string;
  readonly #tmp: string;
  #counter = 0;

  constructor(root = join(cacheFolder(), `store-${FORMAT}`)) {
    this.root = root;
    this.layers = join(root, 'layers');
    this.#tmp = join(root, 'tmp', `${process.pid}-${randomBytes(4).toString('hex')}`);
    mkdirSync(root, { recursive: true, mode: 0o700 });
    for (const folder of ['blobs/sha256', 'layers', 'execs', 'records', 'volumes'])
      mkdirSync(join(root, folder), { recursive: true });
    sweepAbandoned(join(root, 'tmp'));
    mkdirSync(this.#tmp, { recursive: true });
  }

  /** A fresh path for work in progress, on the same file system as everything else here. */
  scratch(label = 'work'): string {
    return join(this.#tmp, `${label}-${this.#counter++}`);
  }

  scratchFolder(label?: string): string {
    const folder = this.scratch(label);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  /** Removes this session's work in progress. */
  close(): void {
    rmSync(this.#tmp, { recursive: true, force: true });
  }

  layerPath(id: string): string {
    return join(this.layers, id, 'fs');
  }

  hasLayer(id: string): boolean {
    return existsSync(this.layerPath(id));
  }

  /** Makes `folder`, which holds a ready `fs`, the layer `id`. Whoever comes second finds the first one's and drops its own. */
  commitLayer(id: string, folder: string): void {
    this.#commit(folder, join(this.layers, id));
  }

  execPath(key: string): string {
    return join(this.root, 'execs', key);
  }

  commitExec(key: string, folder: string): void {
    this.#commit(folder, this.execPath(key));
  }

  #commit(folder: string, target: string): void {
    try {
      renameSync(folder, target);
    } catch (error) {
      if (!existsSync(target)) throw error;
      rmSync(folder, { recursive: true, force: true });
    }
  }

  volumePath(key: string): string {
    return join(this.root, 'volumes', key);
  }

  blobPath(digest: string): string {
    return join(this.root, 'blobs', 'sha256', digest.replace(/^sha256:/, ''));
  }

  hasBlob(digest: string): boolean {
    return existsSync(this.blobPath(digest));
  }

  /** Takes a file over as the blob of its digest. Throws when the content is another. */
  async adoptBlob(file: string, digest: string): Promise<void> {
    const actual = await digestOfFile(file);
    if (actual !== digest) {
      await rm(file, { force: true });
      throw new Error(`expected ${digest}, found ${actual}`);
    }
    await rename(file, this.blobPath(digest));
  }

  /** A small fact that was kept under `kind` and `key`, or undefined. An unreadable one counts as absent. */
  record<T>(kind: string, key: string): T | undefined {
    try {
      return JSON.parse(readFileSync(join(this.root, 'records', kind, key), 'utf8')) as T;
    } catch {
      return undefined;
    }
  }

  async keep(kind: string, key: string, value: unknown): Promise<void> {
    mkdirSync(join(this.root, 'records', kind), { recursive: true });
    await writeDurably(this.scratch('record'), join(this.root, 'records', kind, key), JSON.stringify(value));
  }
}

/** Writes aside, flushes to disk and renames into place, so that a crash leaves the old file or the new one. */
export async function writeDurably(aside: string, target: string, data: string | Uint8Array): Promise<void> {
  const file = await open(aside, 'w', 0o644);
  try {
    await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(aside, target);
}

export async function digestOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}

/** Removes the work of sessions whose process is gone. */
function sweepAbandoned(tmp: string): void {
  for (const name of existsSync(tmp) ? readdirSync(tmp) : []) {
    if (!isAlive(Number.parseInt(name, 10))) rmSync(join(tmp, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
