// Writes and reads tar as a stream: deterministic ustar with PAX where ustar is too small; reads ustar, PAX and GNU.
import { type FileHandle, open } from 'node:fs/promises';
import { OciError } from './errors.ts';
import { decodeName, encodeName } from './names.ts';

/** What an entry is. `link` is a hard link to an earlier entry. */
type TarType = 'file' | 'directory' | 'symlink' | 'link' | 'character' | 'block' | 'fifo';

/** Where the bytes of a file to be written come from. */
type TarContent = Uint8Array | string | AsyncIterable<Uint8Array>;

/** An entry to be written. What is absent is 0 or empty, so that an archive says nothing about where it was made. */
export type TarInput = {
  path: string;
  type: TarType;
  mode: number;
  /** Must be given when `content` is a stream; the stream has to keep to it. */
  size?: number;
  content?: TarContent;
  linkpath?: string;
  /** Seconds since the epoch; a fraction is kept. */
  mtime?: number;
  uid?: number;
  gid?: number;
  uname?: string;
  gname?: string;
  devMajor?: number;
  devMinor?: number;
  /** Extended attributes by name (`security.capability`), written as SCHILY.xattr records. */
  xattrs?: ReadonlyMap<string, Uint8Array>;
};

/** What the headers of an entry say. */
export type TarHeader = {
  /** As stored, without a trailing slash. Unpackers must still check it: it may be absolute or climb. */
  path: string;
  type: TarType;
  mode: number;
  size: number;
  linkpath: string;
  mtime: number;
  uid: number;
  gid: number;
  uname: string;
  gname: string;
  devMajor: number;
  devMinor: number;
  xattrs: Map<string, Buffer>;
  /** Where the content begins, in bytes from the start of the archive. */
  offset: number;
};

/** An entry that was read. `content` can be read once, before the next entry is asked for; what is left is skipped. */
export type TarEntry = TarHeader & { content: AsyncIterable<Buffer> };

export type ReadOptions = {
  /** `false` accepts an archive without the two closing zero blocks, as Go's reader does. Default: true. */
  requireEnd?: boolean;
};

const BLOCK = 512;
const CHUNK = 256 * 1024;
/** Large enough for any real path or attribute, small enough that a hostile archive cannot fill the memory. */
const MAX_META = 1024 * 1024;
/** Of what is said of all entries: each carries it. git says there which commit it is. */
const MAX_GLOBAL = 64 * 1024;
const TYPE_FLAGS: Record<TarType, string> = {
  file: '0',
  link: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};
const TYPES_BY_FLAG = new Map<string, TarType>([
  ...Object.entries(TYPE_FLAGS).map(([type, flag]): [string, TarType] => [flag, type as TarType]),
  ['\0', 'file'],
  ['7', 'file'], // "contiguous": a file like any other today
]);

/** Order by the bytes of the UTF-8 path: no locale has a say, and a folder comes before what is in it. */
export function comparePaths(a: string, b: string): number {
  return Buffer.compare(encodeName(a), encodeName(b));
}

/** Sort entries (or anything with a path) by the bytes of their paths, into a new array. */
export function sortedByPath<T extends { path: string }>(entries: readonly T[]): T[] {
  return [...entries].sort((a, b) => comparePaths(a.path, b.path));
}

// ---------------------------------------------------------------------------------------------------- writing

/** Write entries, in the order given, as the bytes of a tar archive. The same entries make the same bytes. */
export async function* writeTar(entries: Iterable<TarInput> | AsyncIterable<TarInput>): AsyncGenerator<Buffer> {
  for await (const entry of entries) {
    const size = sizeOf(entry);
    yield encodeHeader(entry, size);
    if (size > 0) {
      yield* checkedContent(entry, size);
      const padding = paddingOf(size);
      if (padding > 0) yield Buffer.alloc(padding);
    }
  }
  yield Buffer.alloc(2 * BLOCK);
}

/** The header blocks of an entry, PAX records included; useful to know an archive's size without writing it. */
function encodeHeader(entry: TarInput, size: number): Buffer {
  const stored = entry.type === 'directory' ? `${stripSlashes(entry.path)}/` : entry.path;
  if (stored === '' || stored.includes('\0')) throw badInput(entry.path, 'has a path that cannot be stored');
  const records: [string, Uint8Array][] = [];
  const record = (key: string, value: string) => records.push([key, encodeName(value)]);

  const split = splitPath(stored);
  if (split === undefined) record('path', stored);
  const linkpath = entry.linkpath ?? '';
  const linkFits = isAscii(linkpath) && linkpath.length <= 100;
  if (!linkFits) record('linkpath', linkpath);
  if (size > 0o77777777777) record('size', String(size));
  const uid = entry.uid ?? 0;
  const gid = entry.gid ?? 0;
  if (uid > 0o7777777) record('uid', String(uid));
  if (gid > 0o7777777) record('gid', String(gid));
  const mtime = entry.mtime ?? 0;
  const mtimeFits = Number.isInteger(mtime) && mtime >= 0 && mtime <= 0o77777777777;
  if (!mtimeFits) record('mtime', String(mtime));
  const names = [...(entry.xattrs?.keys() ?? [])].sort(comparePaths);
  for (const name of names) records.push([`SCHILY.xattr.${name}`, entry.xattrs?.get(name) ?? Buffer.alloc(0)]);

  const block = encodeBlock({
    // Readers take the PAX record; what stands here is for those that know none.
    name: split?.name ?? asciiTail(stored),
    prefix: split?.prefix ?? '',
    mode: entry.mode & 0o7777,
    uid: uid > 0o7777777 ? 0 : uid,
    gid: gid > 0o7777777 ? 0 : gid,
    size: size > 0o77777777777 ? 0 : size,
    mtime: mtimeFits ? mtime : 0,
    flag: TYPE_FLAGS[entry.type],
    linkpath: linkFits ? linkpath : asciiTail(linkpath),
    uname: entry.uname ?? '',
    gname: entry.gname ?? '',
    devMajor: entry.devMajor ?? 0,
    devMinor: entry.devMinor ?? 0,
  });
  return records.length === 0 ? block : Buffer.concat([encodePax(records, stored), block]);
}

/** How many zero bytes follow content of this size. */
function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

function sizeOf(entry: TarInput): number {
  if (entry.type !== 'file') return 0;
  if (entry.content === undefined) {
    if ((entry.size ?? 0) > 0) throw badInput(entry.path, `has a size of ${entry.size} but no content`);
    return 0;
  }
  if (typeof entry.content === 'string') return Buffer.byteLength(entry.content);
  if (entry.content instanceof Uint8Array) return entry.content.byteLength;
  if (entry.size === undefined) throw badInput(entry.path, 'is a stream without a size');
  return entry.size;
}

async function* checkedContent(entry: TarInput, size: number): AsyncGenerator<Buffer> {
  const { content } = entry;
  if (typeof content === 'string') yield Buffer.from(content);
  else if (content instanceof Uint8Array) yield asBuffer(content);
  else if (content !== undefined) {
    let written = 0;
    for await (const chunk of content) {
      written += chunk.byteLength;
      if (written > size) break;
      yield asBuffer(chunk);
    }
    // A header that lies about its size would shift every entry after it.
    if (written !== size) {
      const found = written > size ? 'more' : String(written);
      throw badInput(
        entry.path,
        `was announced with ${size} bytes but has ${found} (did it change while it was read?)`,
      );
    }
  }
}

type Block = {
  name: string;
  prefix: string;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtime: number;
  flag: string;
  linkpath: string;
  uname: string;
  gname: string;
  devMajor: number;
  devMinor: number;
};

function encodeBlock(fields: Block): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(fields.name, 0, 100, 'latin1');
  writeOctal(block, fields.mode, 100, 8);
  writeOctal(block, fields.uid, 108, 8);
  writeOctal(block, fields.gid, 116, 8);
  writeOctal(block, fields.size, 124, 12);
  writeOctal(block, fields.mtime, 136, 12);
  block.write('        ', 148, 8, 'latin1'); // the checksum is taken over blanks in its own place
  block.write(fields.flag, 156, 1, 'latin1');
  block.write(fields.linkpath, 157, 100, 'latin1');
  block.write('ustar\x0000', 257, 8, 'latin1');
  block.write(fields.uname, 265, 31, 'utf8');
  block.write(fields.gname, 297, 31, 'utf8');
  writeOctal(block, fields.devMajor, 329, 8);
  writeOctal(block, fields.devMinor, 337, 8);
  block.write(fields.prefix, 345, 155, 'latin1');
  block.write(`${checksumOf(block).unsigned.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1');
  return block;
}

function encodePax(records: [string, Uint8Array][], path: string): Buffer {
  const body = Buffer.concat(records.map(([key, value]) => encodePaxRecord(key, value)));
  const header = encodeBlock({
    name: `PaxHeaders.0/${asciiTail(path).slice(-80)}`,
    prefix: '',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: body.byteLength,
    mtime: 0,
    flag: 'x',
    linkpath: '',
    uname: '',
    gname: '',
    devMajor: 0,
    devMinor: 0,
  });
  return Buffer.concat([header, body, Buffer.alloc(paddingOf(body.byteLength))]);
}

function encodePaxRecord(key: string, value: Uint8Array): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  // The length counts its own digits, so adding them may add one more.
  let length = rest.byteLength + 1;
  while (length !== rest.byteLength + String(length).length) length = rest.byteLength + String(length).length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function splitPath(path: string): { name: string; prefix: string } | undefined {
  if (!isAscii(path)) return undefined;
  if (path.length <= 100) return { name: path, prefix: '' };
  // The earliest slash that leaves at most 100 characters, and at least one, behind it.
  const slash = path.indexOf('/', path.length - 101);
  if (slash <= 0 || slash > 155 || slash === path.length - 1) return undefined;
  return { name: path.slice(slash + 1), prefix: path.slice(0, slash) };
}

function writeOctal(block: Buffer, value: number, offset: number, length: number): void {
  const digits = value.toString(8).padStart(length - 1, '0');
  if (digits.length > length - 1) throw badInput('', `needs the number ${value}, which does not fit its field`);
  block.write(`${digits}\0`, offset, length, 'latin1');
}

function asciiTail(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '_').slice(-100);
}

function isAscii(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

function stripSlashes(path: string): string {
  return path.length > 1 ? path.replace(/(?<!\/)\/+$/, '') : path;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function badInput(path: string, what: string): OciError {
  return new OciError(
    'TAR_INPUT',
    path === '' ? `an entry ${what}` : `the entry ${path} ${what}`,
    'this entry cannot be stored as asked; see the sentence above',
  );
}

// ---------------------------------------------------------------------------------------------------- reading

/** Read the entries of a tar archive from a stream. The stream is read to its end, so that a hash over it is whole. */
export async function* readTar(source: AsyncIterable<Uint8Array>, options: ReadOptions = {}): AsyncGenerator<TarEntry> {
  const reader = streamReader(source);
  try {
    yield* readEntries(reader, options);
    await reader.drain();
  } finally {
    await reader.close();
  }
}

/** Read the entries of a tar file; content that nobody asks for is not read from the disk. */
export async function* readTarFile(path: string, options: ReadOptions = {}): AsyncGenerator<TarEntry> {
  const handle = await open(path, 'r');
  try {
    yield* readEntries(fileReader(handle, (await handle.stat()).size), options);
  } finally {
    await handle.close();
  }
}

/** Bytes in order: what both a stream and a file can give. */
type ByteReader = {
  position(): number;
  /** Up to `limit` bytes, at least one; undefined at the end. */
  some(limit: number): Promise<Buffer | undefined>;
  /** Go on by `count` bytes; false when the archive has fewer. */
  skip(count: number): Promise<boolean>;
  drain(): Promise<void>;
  close(): Promise<void>;
};

function streamReader(source: AsyncIterable<Uint8Array>): ByteReader {
  const chunks = source[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  let position = 0;
  const some = async (limit: number): Promise<Buffer | undefined> => {
    while (rest.byteLength === 0) {
      const next = await chunks.next();
      if (next.done === true) return undefined;
      rest = asBuffer(next.value);
    }
    const part = rest.subarray(0, limit);
    rest = rest.subarray(part.byteLength);
    position += part.byteLength;
    return part;
  };
  return {
    position: () => position,
    some,
    async skip(count) {
      for (let left = count; left > 0; ) {
        const part = await some(left);
        if (part === undefined) return false;
        left -= part.byteLength;
      }
      return true;
    },
    async drain() {
      while ((await some(CHUNK)) !== undefined);
    },
    async close() {
      await chunks.return?.();
    },
  };
}

function fileReader(handle: FileHandle, size: number): ByteReader {
  let position = 0;
  return {
    position: () => position,
    async some(limit) {
      const want = Math.min(limit, CHUNK, size - position);
      if (want <= 0) return undefined;
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(want), 0, want, position);
      position += bytesRead;
      return bytesRead === 0 ? undefined : buffer.subarray(0, bytesRead);
    },
    async skip(count) {
      const isThere = position + count <= size;
      position = Math.min(size, position + count);
      return isThere;
    },
    async drain() {},
    async close() {},
  };
}

/** Exactly `count` bytes; undefined if the archive is at its end; an error if it ends in between. */
async function exactly(reader: ByteReader, count: number, what: string): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let have = 0;
  while (have < count) {
    const part = await reader.some(count - have);
    if (part === undefined) break;
    parts.push(part);
    have += part.byteLength;
  }
  if (have === 0) return undefined;
  if (have < count) throw truncated(what, reader.position());
  return parts.length === 1 ? parts[0] : Buffer.concat(parts, count);
}

/** What the headers before an entry (PAX, GNU long names) say about it. */
type Overrides = { pax: Map<string, Buffer>; longName?: string; longLink?: string };

async function* readEntries(reader: ByteReader, options: ReadOptions): AsyncGenerator<TarEntry> {
  const globals = new Map<string, Buffer>();
  let pending: Overrides = { pax: new Map() };
  for (;;) {
    const block = await exactly(reader, BLOCK, 'in a header');
    if (block === undefined) {
      if (options.requireEnd ?? true) throw truncated('before its closing zero blocks', reader.position());
      return;
    }
    // One zero block ends an archive just as well as two: some writers stop there.
    if (isZero(block)) return;
    verifyChecksum(block, reader.position() - BLOCK);
    const flag = String.fromCharCode(block[156] ?? 0);
    if (flag === 'x' || flag === 'g' || flag === 'L' || flag === 'K') {
      await readMeta(reader, block, flag, globals, pending);
      continue;
    }
    const header = decodeHeader(block, flag, reader.position(), {
      ...pending,
      pax: new Map([...globals, ...pending.pax]),
    });
    pending = { pax: new Map() };
    let left = header.size;
    let failure: OciError | undefined;
    const content = async function* (): AsyncGenerator<Buffer> {
      while (left > 0) {
        const part = await reader.some(left);
        if (part === undefined) {
          failure = truncated(`in the content of ${header.path}`, reader.position());
          throw failure;
        }
        left -= part.byteLength;
        yield part;
      }
    };
    yield { ...header, content: content() };
    if (failure !== undefined) throw failure;
    const end = header.offset + header.size + paddingOf(header.size);
    left = 0; // content that is asked for too late is empty, not the bytes of another entry
    if (!(await reader.skip(end - reader.position()))) {
      throw truncated(`in the content of ${header.path}`, reader.position());
    }
  }
}

async function readMeta(
  reader: ByteReader,
  block: Buffer,
  flag: string,
  globals: Map<string, Buffer>,
  pending: Overrides,
): Promise<void> {
  const at = reader.position() - BLOCK;
  const size = readNumber(block, 124, 12, at);
  if (size > MAX_META) throw invalid(`an extended header of ${size} bytes`, at);
  const padded = size + paddingOf(size);
  const body = padded === 0 ? Buffer.alloc(0) : await exactly(reader, padded, 'in an extended header');
  if (body === undefined) throw truncated('in an extended header', reader.position());
  const bytes = body.subarray(0, size);
  if (flag === 'L') pending.longName = decodeName(untilNul(bytes));
  else if (flag === 'K') pending.longLink = decodeName(untilNul(bytes));
  else for (const [key, value] of decodePax(bytes, at)) (flag === 'g' ? globals : pending.pax).set(key, value);
  const global = [...globals].reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  if (global > MAX_GLOBAL) throw invalid(`${global} bytes said of all entries`, at);
}

function decodeHeader(block: Buffer, flag: string, offset: number, over: Overrides): TarHeader {
  const at = offset - BLOCK;
  const known = TYPES_BY_FLAG.get(flag);
  if (known === undefined || [...over.pax.keys()].some((key) => key.startsWith('GNU.sparse.'))) {
    const kind = known === undefined ? `type ${JSON.stringify(flag)}` : 'a sparse file';
    throw new OciError(
      'TAR_UNSUPPORTED',
      `the archive has an entry of ${kind} at byte ${at}`,
      'repack it with plain entries',
    );
  }
  const text = (key: string): string | undefined => {
    const value = over.pax.get(key);
    if (value?.includes(0)) throw invalid(`a NUL character in its ${key}`, at);
    return value === undefined || value.byteLength === 0 ? undefined : decodeName(value);
  };
  const number = (key: string, fallback: () => number): number => {
    const value = text(key);
    if (value === undefined) return fallback();
    const parsed = Number(value);
    if (!Number.isFinite(parsed)) throw invalid(`the ${key} ${JSON.stringify(value)}`, at);
    return parsed;
  };
  const stored = text('path') ?? over.longName ?? ustarPath(block);
  // Old archives have no type for folders, only a slash.
  const type = known === 'file' && stored.endsWith('/') ? 'directory' : known;
  const size = number('size', () => readNumber(block, 124, 12, at));
  if (!Number.isSafeInteger(size) || size < 0) throw invalid(`a size of ${size}`, at);
  return {
    path: stripSlashes(stored),
    type,
    mode: readNumber(block, 100, 8, at) & 0o7777,
    // Links and folders may carry a size (of what they point to); they never carry content.
    size: type === 'file' ? size : 0,
    linkpath: text('linkpath') ?? over.longLink ?? decodeName(untilNul(block.subarray(157, 257))),
    mtime: knownTime(number('mtime', () => readNumber(block, 136, 12, at))),
    uid: number('uid', () => readNumber(block, 108, 8, at)),
    gid: number('gid', () => readNumber(block, 116, 8, at)),
    uname: text('uname') ?? decodeName(untilNul(block.subarray(265, 297))),
    gname: text('gname') ?? decodeName(untilNul(block.subarray(297, 329))),
    devMajor: isDevice(type) ? readNumber(block, 329, 8, at) : 0,
    devMinor: isDevice(type) ? readNumber(block, 337, 8, at) : 0,
    xattrs: xattrsOf(over.pax),
    offset,
  };
}

/** In seconds. As containerd has it, what its clock cannot count is the beginning. */
const LAST_TIME = 9_223_372_036;
const knownTime = (mtime: number): number => (Math.abs(mtime) > LAST_TIME ? 0 : mtime);

function isDevice(type: TarType): boolean {
  return type === 'character' || type === 'block';
}

function xattrsOf(pax: Map<string, Buffer>): Map<string, Buffer> {
  const prefix = 'SCHILY.xattr.';
  const pairs = [...pax].filter(([key]) => key.startsWith(prefix));
  return new Map(pairs.map(([key, value]) => [key.slice(prefix.length), value]));
}

function ustarPath(block: Buffer): string {
  const name = decodeName(untilNul(block.subarray(0, 100)));
  // GNU's own format keeps times where POSIX keeps the prefix; only "ustar\0" has one.
  const isPosix = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isPosix ? decodeName(untilNul(block.subarray(345, 500))) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function decodePax(bytes: Buffer, at: number): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let start = 0; start < bytes.byteLength; ) {
    const blank = bytes.indexOf(0x20, start);
    const length = blank < 0 ? Number.NaN : Number(bytes.toString('latin1', start, blank));
    const end = start + length;
    const equals = bytes.indexOf(0x3d, blank);
    if (!Number.isInteger(length) || end > bytes.byteLength || bytes[end - 1] !== 0x0a || equals < 0 || equals >= end) {
      throw invalid('a PAX record that cannot be read', at);
    }
    records.set(bytes.toString('utf8', blank + 1, equals), Buffer.from(bytes.subarray(equals + 1, end - 1)));
    start = end;
  }
  return records;
}

function readNumber(block: Buffer, offset: number, length: number, at: number): number {
  const field = block.subarray(offset, offset + length);
  const first = field[0] ?? 0;
  // GNU's base-256: the top bit marks it, the rest is a big-endian two's complement.
  if ((first & 0x80) !== 0) {
    let value = BigInt((first & 0x40) !== 0 ? (first & 0x7f) - 0x80 : first & 0x7f);
    for (const byte of field.subarray(1)) value = (value << 8n) | BigInt(byte);
    if (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER)
      throw invalid('a number that is too large', at);
    return Number(value);
  }
  const text = untilNul(field).toString('latin1').trim();
  if (text === '') return 0;
  if (!/^[0-7]+$/.test(text)) throw invalid(`the number ${JSON.stringify(text)}`, at);
  return Number.parseInt(text, 8);
}

function verifyChecksum(block: Buffer, at: number): void {
  const stored = readNumber(block, 148, 8, at);
  const { unsigned, signed } = checksumOf(block);
  if (stored !== unsigned && stored !== signed) throw invalid('a header whose checksum does not match', at);
}

/** Both sums: some old writers added the bytes as signed numbers. The checksum's own field counts as blanks. */
function checksumOf(block: Buffer): { unsigned: number; signed: number } {
  let unsigned = 8 * 0x20;
  let signed = unsigned;
  for (let index = 0; index < BLOCK; index += 1) {
    if (index === 148) index = 156;
    const byte = block[index] ?? 0;
    unsigned += byte;
    signed += byte < 0x80 ? byte : byte - 0x100;
  }
  return { unsigned, signed };
}

function isZero(block: Buffer): boolean {
  return block.every((byte) => byte === 0);
}

function untilNul(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

function truncated(where: string, at: number): OciError {
  return new OciError(
    'TAR_TRUNCATED',
    `the archive ends ${where}, at byte ${at}`,
    'it was cut short: copy or fetch it again',
  );
}

function invalid(what: string, at: number): OciError {
  return new OciError(
    'TAR_INVALID',
    `the archive has ${what}, at byte ${at}`,
    'is it a tar archive, and not compressed?',
  );
}
