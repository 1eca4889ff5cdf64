// Reads bbolt files, the key-value store that Go programs keep in one file: pages are read when their turn comes, and believed only so far as they add up.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { OciError } from './errors.ts';

export type BoltVisitor = {
  /** Whether to go into a bucket, named from the root down. Default: into all. */
  bucket?: (names: readonly string[]) => boolean;
  /** A key with its value, in the buckets named; keys come in order. The value is a view: copy what is to be kept. */
  pair: (names: readonly string[], key: string, value: Buffer) => void;
};

/** A page, or a bucket so small that its page lies inside the value of its key. */
type Page = { bytes: Buffer; kind: number; count: number; where: string };

const HEADER = 16;
const ELEMENT = 16;
const BRANCH = 0x01;
const LEAF = 0x02;
const META = 0x04;
const BUCKET_FLAG = 0x01;
const BUCKET_HEADER = 16;

const MAGIC = 0xed0cdaed;
const VERSION = 2;
const PAGE_SIZES = [1024, 2048, 4096, 8192, 16384, 32768, 65536];
const CHECKSUM_AT = HEADER + 56;
const META_END = CHECKSUM_AT + 8;
/** Far deeper than any real tree: a page holds dozens of keys. */
const MAX_DEPTH = 64;

/** Go through all buckets and keys, each page once. A file that contradicts itself is a fault. */
export function readBolt(path: string, visitor: BoltVisitor): void {
  const file = openSync(path, 'r');
  try {
    new BoltWalk(file, path, visitor).run();
  } finally {
    closeSync(file);
  }
}

class BoltWalk {
  readonly #file: number;
  readonly #path: string;
  readonly #visitor: BoltVisitor;
  /** A page belongs to one parent; one that is met twice would be a circle, or half the tree over again. */
  readonly #seen = new Set<number>();
  #pageSize = 0;
  /** One more than the last page in use. */
  #pages = 0;

  constructor(file: number, path: string, visitor: BoltVisitor) {
    this.#file = file;
    this.#path = path;
    this.#visitor = visitor;
  }

  run(): void {
    const root = this.#readMeta();
    this.#walk(this.#page(root), [], 0);
  }

  // ------------------------------------------------------------------------------------------------ meta

  /** Where the root bucket's page is. The two meta pages are written in turn, so the later one counts; both must be sound. */
  #readMeta(): number {
    const size = fstatSync(this.#file).size;
    const start = this.#read(0, META_END, 'meta page 0');
    this.#pageSize = start.readUInt32LE(HEADER + 8);
    if (start.readUInt32LE(HEADER) !== MAGIC) throw this.#fault('it does not begin as one');
    if (!PAGE_SIZES.includes(this.#pageSize)) throw this.#fault(`it says that its pages have ${this.#pageSize} bytes`);
    const [first, second] = [this.#meta(0), this.#meta(1)] as const;
    const meta = second.readBigUInt64LE(HEADER + 48) > first.readBigUInt64LE(HEADER + 48) ? second : first;
    this.#pages = this.#number(meta, HEADER + 40, 'its number of pages');
    if (this.#pages * this.#pageSize > size) {
      throw this.#fault(`${this.#pages} pages of ${this.#pageSize} bytes do not fit into its ${size}: it is cut off`);
    }
    return this.#number(meta, HEADER + 16, 'its root');
  }

  #meta(id: number): Buffer {
    const where = `meta page ${id}`;
    const bytes = this.#read(id * this.#pageSize, META_END, where);
    const isSound =
      bytes.readBigUInt64LE(0) === BigInt(id) &&
      bytes.readUInt16LE(8) === META &&
      bytes.readUInt32LE(HEADER) === MAGIC &&
      bytes.readUInt32LE(HEADER + 8) === this.#pageSize &&
      bytes.readBigUInt64LE(CHECKSUM_AT) === fnv64(bytes.subarray(HEADER, CHECKSUM_AT));
    if (!isSound) throw this.#fault(`${where} is damaged`);
    const version = bytes.readUInt32LE(HEADER + 4);
    if (version !== VERSION) throw this.#fault(`it is of version ${version}, and only ${VERSION} is known`);
    return bytes;
  }

  // ------------------------------------------------------------------------------------------------ pages

  #page(id: number): Page {
    const where = `page ${id}`;
    if (id < 2 || id >= this.#pages) throw this.#fault(`${where} is asked for, and there are ${this.#pages}`);
    const first = this.#read(id * this.#pageSize, this.#pageSize, where);
    if (first.readBigUInt64LE(0) !== BigInt(id)) throw this.#fault(`${where} says that it is another`);
    const overflow = first.readUInt32LE(12);
    if (id + overflow >= this.#pages) throw this.#fault(`${where} goes on beyond the last page`);
    for (let one = id; one <= id + overflow; one += 1) {
      if (this.#seen.has(one)) throw this.#fault(`page ${one} is used twice`);
      this.#seen.add(one);
    }
    const bytes = overflow === 0 ? first : this.#read(id * this.#pageSize, this.#pageSize * (overflow + 1), where);
    return this.#toPage(bytes, where);
  }

  /** A bucket that holds nothing has no page, and neither has a branch: without entries, a page has lost them. */
  #pageBelow(id: number): Page {
    const page = this.#page(id);
    if (page.count === 0) throw this.#fault(`${page.where} says that it holds nothing`);
    return page;
  }

  #toPage(bytes: Buffer, where: string): Page {
    const kind = bytes.readUInt16LE(8);
    const count = bytes.readUInt16LE(10);
    if (kind !== BRANCH && kind !== LEAF) throw this.#fault(`${where} is neither a branch nor a leaf`);
    if (kind === BRANCH && count === 0) throw this.#fault(`${where} is a branch without a child`);
    if (HEADER + count * ELEMENT > bytes.length) throw this.#fault(`${where} says that it holds ${count} entries`);
    return { bytes, kind, count, where };
  }

  #read(position: number, length: number, where: string): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; ) {
      const read = readSync(this.#file, bytes, at, length - at, position + at);
      if (read === 0) throw this.#fault(`it ends within ${where}`);
      at += read;
    }
    return bytes;
  }

  // ------------------------------------------------------------------------------------------------ trees

  /** All below a page. What the entries hold lies without a gap behind their table, in order: else one of the two is damaged. */
  #walk(page: Page, names: readonly string[], depth: number): void {
    const { bytes, kind, count, where } = page;
    if (depth > MAX_DEPTH) throw this.#fault(`${where} is deeper than any tree should be`);
    let at = HEADER + count * ELEMENT;
    let before: Buffer | undefined;
    for (let index = 0; index < count; index += 1) {
      const element = HEADER + index * ELEMENT;
      const isLeaf = kind === LEAF;
      const position = element + bytes.readUInt32LE(isLeaf ? element + 4 : element);
      const keyEnd = position + bytes.readUInt32LE(isLeaf ? element + 8 : element + 4);
      const end = isLeaf ? keyEnd + bytes.readUInt32LE(element + 12) : keyEnd;
      if (position !== at || end > bytes.length) throw this.#fault(`entry ${index} of ${where} is out of place`);
      const key = bytes.subarray(position, keyEnd);
      if (before !== undefined && before.compare(key) >= 0) throw this.#fault(`the keys of ${where} are out of order`);
      if (!isLeaf) this.#walk(this.#pageBelow(this.#number(bytes, element + 8, where)), names, depth + 1);
      else this.#entry(bytes.readUInt32LE(element), key.toString(), bytes.subarray(keyEnd, end), names, depth, where);
      before = key;
      at = end;
    }
  }

  #entry(flags: number, key: string, value: Buffer, names: readonly string[], depth: number, where: string): void {
    if (flags === 0) {
      this.#visitor.pair(names, key, value);
      return;
    }
    if (flags !== BUCKET_FLAG) throw this.#fault(`${where} holds an entry of an unknown kind`);
    const inner = [...names, key];
    if (this.#visitor.bucket?.(inner) === false) return;
    if (value.length < BUCKET_HEADER) throw this.#fault(`the bucket ${inner.join('/')} is cut off`);
    const root = this.#number(value, 0, where);
    this.#walk(root === 0 ? this.#inlinePage(value, inner) : this.#pageBelow(root), inner, depth + 1);
  }

  #inlinePage(value: Buffer, names: readonly string[]): Page {
    const where = `the bucket ${names.join('/')}`;
    if (value.length < BUCKET_HEADER + HEADER) throw this.#fault(`${where} is cut off`);
    const page = this.#toPage(value.subarray(BUCKET_HEADER), where);
    if (page.kind !== LEAF) throw this.#fault(`${where} is no leaf`);
    return page;
  }

  #number(bytes: Buffer, at: number, where: string): number {
    const value = bytes.readBigUInt64LE(at);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.#fault(`${where} names page ${value}`);
    return Number(value);
  }

  #fault(what: string): OciError {
    return new OciError(
      'DATABASE_INVALID',
      `${this.#path} is not a sound bbolt file: ${what}`,
      'it is damaged, or another file: fetch it again',
    );
  }
}

/** FNV-1a of 64 bits, by which a meta page is checked. */
function fnv64(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}
