// The engine's folder on disk: content-addressed, written aside and renamed into place, shared by sessions that run at once.
//   blobs/sha256/<digest>   bytes as registries hold them        layers/<id>/     one layer of a file system (`fs`), shifted owners
//   execs/<key>/            what a command answered              records/<kind>/  small JSON facts by key, with a checksum
//   volumes/<key>/          cache volumes                        tmp/<session>/   work in progress, swept when its owner is gone
//   leases/<session>        who is alive, and what it uses       flushed/<boot>   until when all is known to be on disk
//   format  lock  evicting  the stamp; the lock that one eviction at a time holds, and the sign that it chooses
import { createHash } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  statfsSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { encodeName } from '../../src/oci/names.ts';
import { BOOT_ID } from '../../src/process-name.ts';
import { EngineError } from '../errors.ts';
import { REFUSAL } from '../run/isolation.ts';
import { type Collected, collect } from './collect.ts';
import { contentOf, contentWay, type FolderState, isTold, stateOf, toldLayer } from './contents.ts';
import { diskFullError } from './disk.ts';
import { settleDurably, writeDurably } from './durable.ts';
import { Flushes, type Made, madeNow } from './flushes.ts';
import { claimFormat, FORMAT } from './format.ts';
import { hasOneId } from './ids.ts';
import { measureLayer, sizeOf } from './inventory.ts';
import { Lease } from './leases.ts';
import { withLock } from './lock.ts';
import { removeTree } from './remove.ts';
import { readSealed, seal } from './sealed.ts';
import { budgetOf } from './sizes.ts';
import { sweepDead } from './sweep.ts';
import type { LayerXattrs } from './xattrs.ts';

export const sha256 = (text: string | Uint8Array): string =>
  createHash('sha256')
    .update(typeof text === 'string' ? encodeName(text) : text)
    .digest('hex');

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

/** Where packages are kept, by their hash. */
export const packageFolder = (): string => join(cacheFolder(), 'packages');

/**
 * Sessions that know one owner only, and those that cannot mount, have stores of their own: what others have made says more than the first can
 * use, and is not in the form that the second can read.
 */
export const storeFolder = (env?: NodeJS.ProcessEnv): string => {
  const kind = hasOneId ? '-one-id' : REFUSAL === undefined ? '' : '-not-isolated';
  return join(cacheFolder(env), `store-v${FORMAT}${kind}`);
};

/** The mark of a layer: when it was made, what it holds, and of which command's result it is a part. */
export interface LayerMark {
  readonly made: Made;
  /** As `contentOf` says it. */
  readonly content: string;
  readonly exec?: string;
  /** The extended attributes that files of it have. */
  readonly xattrs?: LayerXattrs;
}

/** How many times as large as the store may be a layer may be whose files have holes. */
const HOLES = 4;

const LAYER_MARK = 'mark';
export const markPlace = (id: string) => `layers/${id}/${LAYER_MARK}`;

/** The mark of a layer, if it is one of this machine's ways to tell content. */
export async function markOf(root: string, id: string): Promise<LayerMark | undefined> {
  const mark = readSealed<LayerMark>(root, markPlace(id));
  return mark !== undefined && isTold(mark.content, await contentWay()) ? mark : undefined;
}

/** When all of a layer was last found to be as it was made: in which boot, and what the file system then knew of it. */
interface LayerState {
  readonly boot: string;
  readonly state: FolderState;
}

const LAYER_STATE = 'state';
const statePlace = (id: string) => `layers/${id}/${LAYER_STATE}`;

const recordPlace = (kind: string, key: string) => `records/${kind}/${key}`;

/** What names a blob, and how large it has to be. */
export interface BlobName {
  readonly digest: string;
  readonly size: number;
}

/** A last use is written down again when the one that is written is older than this. */
const TOUCH_MS = 60_000;

/** When the store was last looked through, and how long ago that may be. */
const COLLECTED = 'collected';
const COLLECT_MS = 60 * 60 * 1000;

export interface StoreOptions {
  /** What DRYDOCK_STORE_BUDGET says. */
  readonly budget?: string | undefined;
}

export class Store {
  readonly root: string;
  readonly layers: string;
  readonly budget: number;
  readonly lease: Lease;
  readonly #flushes: Flushes;
  readonly #tmp: string;
  readonly #sweeping: Promise<readonly string[]>;
  /** Layers and blobs that were looked at in this session and are as they should be. */
  readonly #sound = new Set<string>();
  readonly #verified = new Set<string>();
  readonly #intact = new Map<string, Promise<void>>();
  readonly #xattrs = new Map<string, LayerXattrs>();
  readonly #madeLayers: string[] = [];
  readonly #madeExecs: string[] = [];
  #madeBlobBytes = 0;
  #isUnflushed = false;
  #hasGrown = false;
  #counter = 0;

  constructor(root = storeFolder(), options: StoreOptions = {}) {
    this.root = root;
    this.layers = join(root, 'layers');
    this.budget = budgetFor(root, options.budget);
    mkdirSync(root, { recursive: true, mode: 0o700 });
    claimFormat(root);
    for (const folder of ['blobs/sha256', 'layers', 'execs', 'records', 'volumes', 'tmp'])
      mkdirSync(join(root, folder), { recursive: true });
    if (!existsSync(join(root, 'lock'))) writeFileSync(join(root, 'lock'), '');
    this.#flushes = new Flushes(root);
    // The lease first: a folder without one is an abandoned one.
    this.lease = new Lease(root);
    this.#tmp = join(root, 'tmp', this.lease.name);
    mkdirSync(this.#tmp);
    void contentWay(); // takes a while, and is asked for soon
    const dead = sweepDead(root);
    // Sessions that were killed had no time to flush what they made.
    this.#isUnflushed = dead.leases.length > 0;
    this.#sweeping = dead.done.catch(() => []);
  }

  /** A fresh path for work in progress, on the same file system as everything else here. */
  scratch(label = 'work'): string {
    return join(this.#tmp, `${label}-${this.#counter++}`);
  }

  isScratch(path: string): boolean {
    return path.startsWith(`${this.#tmp}/`);
  }

  scratchFolder(label?: string): string {
    const folder = this.scratch(label);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  /** Ends the session: what it made is put on disk, and the least recently used makes room where the store has grown too large. */
  async close(): Promise<void> {
    try {
      await this.#sweeping;
      if (await this.#restsOnAltered()) for (const key of this.#madeExecs.splice(0)) await this.dropExec(key);
      const flushed = this.#isUnflushed ? this.#flushes.flush(this.scratch('flushed')) : undefined;
      const made = await this.#measureMade();
      await flushed;
      if (this.#hasGrown && this.#isWorthCollecting(made)) await this.collect(this.budget);
    } catch (error) {
      // Without room nothing can be noted, and nothing has to be: what isn't known to be on disk is made again after a power cut.
      if (diskFullError(error, this.root) === undefined) throw error;
    } finally {
      await removeTree(this.#tmp);
      this.lease.end();
    }
  }

  /** Whether commands of this session may have run on a layer that was altered meanwhile. */
  async #restsOnAltered(): Promise<boolean> {
    for (const key of this.#madeExecs.length > 0 ? [...this.#intact.keys()] : []) {
      const [id = '', ...names] = key.split('/');
      const isStill = this.stillIntact(id, names).then(
        () => true,
        () => false,
      );
      if (!(await isStill)) return true;
    }
    return false;
  }

  async #measureMade(): Promise<number> {
    let bytes = this.#madeBlobBytes;
    for (const id of this.#madeLayers) bytes += await measureLayer(join(this.layers, id));
    for (const key of this.#madeExecs) bytes += await sizeOf(this.execPath(key));
    return bytes;
  }

  /** To look through a store takes the longer the larger it is: a session that added next to nothing leaves that to a later one. */
  #isWorthCollecting(made: number): boolean {
    const lastMs = lstatSync(join(this.root, COLLECTED), { throwIfNoEntry: false })?.mtimeMs ?? 0;
    return made > this.budget / 1000 || Math.abs(Date.now() - lastMs) > COLLECT_MS;
  }

  /** Evicts until no more than `keep` bytes are left of what no other session uses. */
  async collect(keep: number): Promise<Collected> {
    const collected = await collect(this.root, { keep, aside: this.scratch('evicted'), except: this.lease.name });
    writeFileSync(join(this.root, COLLECTED), '');
    return collected;
  }

  // ── Layers ──────────────────────────────────────────────────────────────────────────────────

  layerPath(id: string): string {
    return join(this.layers, id, 'fs');
  }

  /** Whether a layer is there and whole. From then on this session holds it. */
  async hasLayer(id: string): Promise<boolean> {
    const thing = `layers/${id}`;
    if (this.#sound.has(thing)) return true;
    await this.lease.use(thing);
    const folder = join(this.layers, id);
    const found = inodeOf(folder);
    if (found === undefined) return false;
    if (!(await this.#isSoundLayer(id))) {
      await this.#discard(folder, found);
      return false;
    }
    touch(folder);
    this.#sound.add(thing);
    return true;
  }

  /** The extended attributes of a layer's files. */
  xattrsOf(id: string): LayerXattrs {
    const known = this.#xattrs.get(id) ?? readSealed<LayerMark>(this.root, markPlace(id))?.xattrs ?? {};
    this.#xattrs.set(id, known);
    return known;
  }

  async #isSoundLayer(id: string): Promise<boolean> {
    const mark = await markOf(this.root, id);
    this.#xattrs.set(id, mark?.xattrs ?? {});
    return mark !== undefined && this.#flushes.isReliable(mark.made) && existsSync(this.layerPath(id));
  }

  /** Makes `folder`, which holds a ready `fs`, the layer `id`. Whoever comes second finds the first one's and drops its own. */
  async commitLayer(id: string, folder: string, exec?: string): Promise<void> {
    await this.lease.use(`layers/${id}`);
    await this.#writeState(id, await stateOf(join(folder, 'fs')), folder);
    const { content, xattrs } = await toldLayer(join(folder, 'fs'), HOLES * this.budget);
    const mark: LayerMark = { made: madeNow(), content, ...(exec === undefined ? {} : { exec }), xattrs };
    writeFileSync(join(folder, LAYER_MARK), seal(markPlace(id), mark));
    this.#hasGrown = true;
    this.#isUnflushed = true;
    while (!tryRename(folder, join(this.layers, id))) {
      if (!(await this.hasLayer(id))) continue; // it was damaged, and is away now
      await removeTree(folder);
      return;
    }
    this.#madeLayers.push(id);
    this.#sound.add(`layers/${id}`);
    this.#xattrs.set(id, xattrs);
    this.#intact.set(id, Promise.resolve());
  }

  /**
   * To be awaited before anything of a layer is read, or with names, before that entry alone is: throws where it is not what was made. It is not taken
   * away from under those who use it, but no later session finds it, and so makes it again.
   */
  intact(id: string, names: readonly string[] = []): Promise<void> {
    const key = [id, ...names].join('/');
    const known = this.#intact.get(id) ?? this.#intact.get(key);
    if (known !== undefined) return known;
    const looking = this.#look(id, names);
    this.#intact.set(key, looking);
    looking.catch(() => {}); // told to whoever asks
    return looking;
  }

  /** The same, looked at once more before anything of the layer leaves: others may have altered it while this session runs. */
  stillIntact(id: string, names: readonly string[] = []): Promise<void> {
    const looking = this.#look(id, names);
    looking.catch(() => this.#intact.set(id, looking));
    return looking;
  }

  async #look(id: string, names: readonly string[]): Promise<void> {
    const known = readSealed<LayerState>(this.root, statePlace(id));
    if (known?.boot === BOOT_ID && (await isStill(known.state, this.layerPath(id), names))) return;
    // Before it is read: what is altered later has another.
    const state = await stateOf(this.layerPath(id)).catch(() => undefined);
    // On a disk without room it is read once more.
    if (state !== undefined && (await isWholeLayer(this.root, id)))
      return await this.#writeState(id, state).catch(() => {});
    rmSync(join(this.root, markPlace(id)), { force: true });
    throw new EngineError(
      `layer ${id} of the cache is not what was made, and is thrown away`,
      'run it again, and it is made again',
      { lack: 'DAMAGED' },
    );
  }

  async #writeState(id: string, state: FolderState, folder = join(this.layers, id)): Promise<void> {
    const fact: LayerState = { boot: BOOT_ID, state };
    const aside = this.scratch('state');
    writeFileSync(aside, seal(statePlace(id), fact));
    renameSync(aside, join(folder, LAYER_STATE));
  }

  // ── Results of commands ─────────────────────────────────────────────────────────────────────

  execPath(key: string): string {
    return join(this.root, 'execs', key);
  }

  /** Looks at a result while this session holds it. One that is there and not sound is thrown away. */
  async soundExec<T>(key: string, check: (folder: string) => Promise<T | undefined>): Promise<T | undefined> {
    await this.lease.use(`execs/${key}`);
    const folder = this.execPath(key);
    const looked = inodeOf(folder);
    if (looked === undefined) return undefined;
    const found = await check(folder);
    if (found === undefined) await this.#discard(folder, looked);
    else touch(folder);
    return found;
  }

  isReliable(made: Made): boolean {
    return this.#flushes.isReliable(made);
  }

  /** Puts a result in its place; false when there is one already. */
  async commitExec(key: string, folder: string): Promise<boolean> {
    await this.lease.use(`execs/${key}`);
    this.#hasGrown = true;
    this.#isUnflushed = true;
    const isNew = tryRename(folder, this.execPath(key));
    if (isNew) this.#madeExecs.push(key);
    return isNew;
  }

  /** Throws a result away that turned out to be of no use. */
  async dropExec(key: string): Promise<void> {
    const path = this.execPath(key);
    await this.#discard(path, inodeOf(path));
  }

  // ── Cache volumes ───────────────────────────────────────────────────────────────────────────

  volumePath(key: string): string {
    return join(this.root, 'volumes', key);
  }

  /** The folder of a volume, which `fill` makes when it is new. From then on this session holds it. */
  async volume(key: string, fill: (aside: string) => Promise<unknown>): Promise<string> {
    await this.lease.use(`volumes/${key}`);
    const folder = this.volumePath(key);
    if (!existsSync(folder)) {
      const aside = this.scratch('volume');
      await fill(aside);
      // Somebody may have been faster, and a step may have it mounted: to rename over an empty folder would take it away from there.
      await withLock(this.root, async () => existsSync(folder) || renameSync(aside, folder));
      await removeTree(aside);
    }
    this.#hasGrown = true;
    // It is about to change: whoever looks through the store next measures it.
    rmSync(join(this.root, recordPlace('volume-sizes', key)), { force: true });
    if (this.record('volume-uses', key) === undefined) await this.keep('volume-uses', key, { key }, { flush: false });
    return folder;
  }

  // ── Blobs ───────────────────────────────────────────────────────────────────────────────────

  blobPath(digest: string): string {
    return join(this.root, 'blobs', 'sha256', digest.replace(/^sha256:/, ''));
  }

  /** Whether a blob of the right size is there. From then on this session holds it. */
  async hasBlob({ digest, size }: BlobName): Promise<boolean> {
    const path = this.blobPath(digest);
    if (this.#sound.has(path)) return true;
    await this.lease.use(`blobs/sha256/${digest.replace(/^sha256:/, '')}`);
    const actual = lstatSync(path, { throwIfNoEntry: false });
    if (actual?.size !== size) {
      await this.#discard(path, actual?.ino);
      return false;
    }
    touch(path);
    this.#sound.add(path);
    return true;
  }

  /** The same, its content read as well, once a session: for when its bytes leave the engine. */
  async verifyBlob(blob: BlobName): Promise<boolean> {
    const path = this.blobPath(blob.digest);
    if (this.#verified.has(path)) return true;
    this.#sound.delete(path);
    if (!(await this.hasBlob(blob))) return false;
    const found = inodeOf(path);
    if ((await digestOfFile(path)) === blob.digest) {
      this.#verified.add(path);
      return true;
    }
    this.#sound.delete(path);
    await this.#discard(path, found);
    return false;
  }

  /** Takes a file over as the blob of its digest. Throws when the content is another. */
  async adoptBlob(file: string, digest: string): Promise<void> {
    const actual = await digestOfFile(file);
    if (actual !== digest) {
      await rm(file, { force: true });
      throw new Error(`expected ${digest}, found ${actual}`);
    }
    await this.#settleBlob(digest, (path) => settleDurably(file, path));
  }

  /**
   * The same for a file that was hashed while it was written and that can be made again: it is neither read nor flushed. A power cut may
   * spoil it, which is found when it is next verified.
   */
  async keepBlob(file: string, digest: string): Promise<void> {
    await this.#settleBlob(digest, (path) => rename(file, path));
    this.#isUnflushed = true;
  }

  async #settleBlob(digest: string, settle: (path: string) => Promise<void>): Promise<void> {
    const path = this.blobPath(digest);
    await this.lease.use(`blobs/sha256/${digest.replace(/^sha256:/, '')}`);
    await settle(path);
    this.#madeBlobBytes += lstatSync(path, { throwIfNoEntry: false })?.size ?? 0;
    this.#hasGrown = true;
    this.#sound.add(path);
    this.#verified.add(path);
  }

  // ── Records ─────────────────────────────────────────────────────────────────────────────────

  /** A small fact that was kept under `kind` and `key`, or undefined. A damaged one counts as absent. */
  record<T>(kind: string, key: string): T | undefined {
    const place = recordPlace(kind, key);
    const value = readSealed<T>(this.root, place);
    if (value !== undefined) touch(join(this.root, place));
    return value;
  }

  /** Without `flush` a power cut may lose the fact; never leave half of it, since the checksum tells. */
  async keep(kind: string, key: string, value: unknown, { flush = true } = {}): Promise<void> {
    const place = recordPlace(kind, key);
    const path = join(this.root, place);
    mkdirSync(dirname(path), { recursive: true });
    const aside = this.scratch('record');
    const sealed = seal(place, value);
    if (flush) return writeDurably(aside, path, sealed);
    writeFileSync(aside, sealed);
    renameSync(aside, path);
  }

  /** Removes what was found to be not as it should be, unless another session has put a new one there meanwhile. */
  async #discard(path: string, found: number | undefined): Promise<void> {
    if (found === undefined) return;
    const aside = this.scratch('damaged');
    await withLock(this.root, async () => {
      if (inodeOf(path) === found) await rename(path, aside);
    });
    await removeTree(aside);
  }
}

/** Whether a folder, or one entry of it, is in the state in which it was read whole. */
async function isStill(known: FolderState, folder: string, names: readonly string[]): Promise<boolean> {
  const now = await stateOf(folder, names).catch(() => undefined);
  if (now === undefined) return false;
  const places = Object.keys(names.length === 0 ? { ...known, ...now } : now);
  return places.every((place) => known[place] === now[place]);
}

/** Whether every byte of a layer is as it was made. */
export async function isWholeLayer(root: string, id: string): Promise<boolean> {
  const content = await contentOf(join(root, 'layers', id, 'fs')).catch(() => undefined);
  return content !== undefined && content === (await markOf(root, id))?.content;
}

const inodeOf = (path: string): number | undefined => lstatSync(path, { throwIfNoEntry: false })?.ino;

/** False when something is there already. */
function tryRename(folder: string, target: string): boolean {
  try {
    renameSync(folder, target);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
    throw error;
  }
}

/** Writes down that something was used. A time in the future is a clock's that has jumped, and is put right. */
function touch(path: string): void {
  const now = Date.now();
  const age = now - (lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? now);
  if (age > TOUCH_MS || age < -TOUCH_MS) {
    try {
      utimesSync(path, now / 1000, now / 1000);
    } catch {
      // gone meanwhile, or a disk without room: when it was used matters less than using it
    }
  }
}

export async function digestOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}

/** How large a store may be: what is named, or what its disk allows for. */
export const budgetFor = (root: string, named: string | undefined): number =>
  budgetOf(named, () => diskSize(dirname(root)));

/** Of the disk that a folder is on, or will be. */
function diskSize(folder: string): number {
  const place = existsSync(folder) ? folder : dirname(folder);
  if (place !== folder) return diskSize(place);
  const { blocks, bsize } = statfsSync(folder);
  return blocks * bsize;
}
