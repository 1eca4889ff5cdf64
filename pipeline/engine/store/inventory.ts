// What is in a store: each thing with its size, its last use, and what it is of no use without.
import { existsSync, type Stats } from 'node:fs';
import { lstat, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Flushes, type Made } from './flushes.ts';
import { readSealed, seal } from './sealed.ts';

export const KINDS = ['images', 'layers', 'execs', 'volumes', 'records'] as const;
export type Kind = (typeof KINDS)[number];

/** A file or folder of the store; `name` is its path from the root. */
interface Part {
  readonly kind: Kind;
  readonly name: string;
  readonly bytes: number;
}

/** What is evicted as one: a command's result goes with its layers. */
export interface Item {
  readonly parts: readonly Part[];
  /** Milliseconds since 1970. */
  readonly lastUse: number;
  /** Names of parts without which this one is never asked for. */
  readonly needs: readonly string[];
  /** Nothing leads to it any more, or it is damaged. */
  readonly isGarbage: boolean;
}

export const execRecord = (key: string) => `execs/${key}/result.json`;

/** What an inventory reads of the records that others write. */
interface ExecFacts {
  readonly made: Made;
  readonly layer: string | null;
  readonly mounts: Readonly<Record<string, string>>;
  readonly below: readonly string[];
}
interface ImageFacts {
  readonly top: { digest: string };
  readonly manifest: { digest: string };
  readonly blobs: readonly { digest: string }[];
}

const SIZE = 'size';
/** Records that say how to find an image. */
const IMAGE_RECORDS = ['images', 'archives'];

export interface InventoryOptions {
  /** Volumes change: measured anew for people, taken from the last time where it has to be quick. */
  readonly measureVolumes: boolean;
  /** Volumes that are measured in any case. */
  readonly changed?: ReadonlySet<string>;
}

export async function takeInventory(root: string, options: InventoryOptions): Promise<Item[]> {
  const flushes = new Flushes(root);
  const execs = await readExecs(root, flushes);
  const layers = await readLayers(root, flushes, execs);
  return [
    ...execs.map(({ item }) => withLayers(item, layers.owned)),
    ...layers.others,
    ...(await readBlobs(root)),
    ...(await readRecords(root)),
    ...(await readVolumes(root, options)),
  ];
}

interface ExecItem {
  readonly key: string;
  readonly item: Item;
  readonly layers: readonly string[];
}

async function readExecs(root: string, flushes: Flushes): Promise<ExecItem[]> {
  const found: ExecItem[] = [];
  for (const key of await list(join(root, 'execs'))) {
    const folder = join(root, 'execs', key);
    const stats = await statsOf(folder);
    if (stats === undefined) continue;
    const facts = readSealed<ExecFacts>(root, execRecord(key));
    const layers = facts === undefined ? [] : [facts.layer, ...Object.values(facts.mounts)].filter((id) => id !== null);
    const isGarbage = facts === undefined || !flushes.isReliable(facts.made);
    const part: Part = { kind: 'execs', name: `execs/${key}`, bytes: await sizeOf(folder) };
    const needs = (facts?.below ?? []).map((id) => `layers/${id}`);
    found.push({ key, layers, item: { parts: [part], lastUse: stats.mtimeMs, needs, isGarbage } });
  }
  return found;
}

async function readLayers(root: string, flushes: Flushes, execs: readonly ExecItem[]) {
  const owners = new Map(execs.flatMap(({ key, layers }) => layers.map((id) => [id, key] as const)));
  const owned = new Map<string, Part[]>();
  const others: Item[] = [];
  for (const id of await list(join(root, 'layers'))) {
    const folder = join(root, 'layers', id);
    const stats = await statsOf(folder);
    if (stats === undefined) continue;
    const mark = readSealed<{ made: Made; exec?: string }>(root, `layers/${id}/mark`);
    const parts: Part[] = [{ kind: 'layers', name: `layers/${id}`, bytes: await measureLayer(folder) }];
    // How a layer is packed is remembered as long as the layer: packed anew it might have another digest.
    const record = `records/layer-blobs/${id}`;
    if (existsSync(join(root, record))) parts.push(await recordPart(root, record));
    const owner = owners.get(id);
    if (owner !== undefined) owned.set(`execs/${owner}`, [...(owned.get(`execs/${owner}`) ?? []), ...parts]);
    else {
      const isGarbage = mark === undefined || mark.exec !== undefined || !flushes.isReliable(mark.made);
      const packed = readSealed<{ descriptor: { digest: string } }>(root, record);
      const needs = packed === undefined ? [] : [blobName(packed.descriptor.digest)];
      others.push({ parts, lastUse: stats.mtimeMs, needs, isGarbage });
    }
  }
  return { owned, others };
}

function withLayers(item: Item, owned: ReadonlyMap<string, Part[]>): Item {
  const [exec] = item.parts as [Part];
  return { ...item, parts: [exec, ...(owned.get(exec.name) ?? [])] };
}

async function readBlobs(root: string): Promise<Item[]> {
  const found: Item[] = [];
  for (const hex of await list(join(root, 'blobs/sha256'))) {
    const stats = await statsOf(join(root, 'blobs/sha256', hex));
    if (stats === undefined) continue;
    const part: Part = { kind: 'images', name: `blobs/sha256/${hex}`, bytes: stats.blocks * 512 };
    found.push({ parts: [part], lastUse: stats.mtimeMs, needs: [], isGarbage: false });
  }
  return found;
}

const blobName = (digest: string) => `blobs/sha256/${digest.replace(/^sha256:/, '')}`;

async function readRecords(root: string): Promise<Item[]> {
  const found: Item[] = [];
  for (const kind of await list(join(root, 'records'))) {
    if (kind === 'layer-blobs' || kind === 'volume-uses' || kind === 'volume-sizes') continue; // go with what they tell of
    for (const key of await list(join(root, 'records', kind))) {
      const name = `records/${kind}/${key}`;
      const stats = await statsOf(join(root, name));
      if (stats === undefined) continue;
      const isImage = IMAGE_RECORDS.includes(kind);
      const facts = isImage ? readSealed<ImageFacts>(root, name) : undefined;
      const needs =
        facts === undefined ? [] : [facts.top, facts.manifest, ...facts.blobs].map(({ digest }) => blobName(digest));
      const part: Part = { kind: isImage ? 'images' : 'records', name, bytes: stats.blocks * 512 };
      found.push({ parts: [part], lastUse: stats.mtimeMs, needs, isGarbage: false });
    }
  }
  return found;
}

async function recordPart(root: string, name: string): Promise<Part> {
  return { kind: 'records', name, bytes: ((await statsOf(join(root, name)))?.blocks ?? 0) * 512 };
}

async function readVolumes(root: string, { measureVolumes, changed }: InventoryOptions): Promise<Item[]> {
  const found: Item[] = [];
  for (const key of await list(join(root, 'volumes'))) {
    const folder = join(root, 'volumes', key);
    const record = `records/volume-sizes/${key}`;
    const known = measureVolumes || changed?.has(key) ? undefined : readSealed<number>(root, record);
    const bytes = known ?? (await sizeOf(folder));
    if (known === undefined) await writeNote(join(root, record), seal(record, bytes));
    // A volume's own time is what its users made it; when it was used is written beside it.
    const used = (await statsOf(join(root, 'records/volume-uses', key))) ?? (await statsOf(folder));
    const parts: Part[] = [{ kind: 'volumes', name: `volumes/${key}`, bytes }];
    for (const kind of ['volume-uses', 'volume-sizes'])
      if (existsSync(join(root, 'records', kind, key))) parts.push(await recordPart(root, `records/${kind}/${key}`));
    found.push({ parts, lastUse: used?.mtimeMs ?? 0, needs: [], isGarbage: false });
  }
  return found;
}

/** The size of a layer, which never changes: measured once and noted in it. Files that it shares with others are counted in each. */
export async function measureLayer(folder: string): Promise<number> {
  const noted = await readFile(join(folder, SIZE), 'utf8').catch(() => '');
  if (/^\d+\n$/.test(noted)) return Number(noted);
  const bytes = await sizeOf(folder);
  await writeNote(join(folder, SIZE), `${bytes}\n`);
  return bytes;
}

/** A note that can be made again at any time; where it can't be written, it will be. */
async function writeNote(path: string, text: string): Promise<void> {
  await writeFile(path, text).catch(() => {});
}

/** What a file or folder takes up on disk; hard links in it are counted once. */
export async function sizeOf(path: string, seen = new Set<number>()): Promise<number> {
  const stats = await statsOf(path);
  if (stats === undefined) return 0;
  if (stats.nlink > 1 && !stats.isDirectory()) {
    if (seen.has(stats.ino)) return 0;
    seen.add(stats.ino);
  }
  let bytes = stats.blocks * 512;
  if (stats.isDirectory()) for (const name of await list(path)) bytes += await sizeOf(join(path, name), seen);
  return bytes;
}

const statsOf = (path: string): Promise<Stats | undefined> => lstat(path).catch(() => undefined);
const list = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);
