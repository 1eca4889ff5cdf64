// The reader of bbolt files against a real database of Trivy, and against copies of it in which something is damaged.
import { closeSync, openSync, writeSync } from 'node:fs';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readBolt } from '../../src/oci/bolt.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { OciError } from '../../src/oci/errors.ts';
import { scratch } from './helpers.ts';
import { databasePath } from './vulnerabilities.ts';

const folder = await scratch();
const sound = await readFile(databasePath('trivy.db'));
const PAGE = sound.readUInt32LE(24);

type Pair = [buckets: string, key: string, value: string];

function read(path: string): Pair[] {
  const pairs: Pair[] = [];
  readBolt(path, { pair: (names, key, value) => pairs.push([names.join('/'), key, value.toString()]) });
  return pairs;
}

let copies = 0;
async function changed(change: (bytes: Buffer) => void): Promise<string> {
  const bytes = Buffer.from(sound);
  change(bytes);
  const path = join(folder, `${copies++}.db`);
  await writeFile(path, bytes);
  return path;
}

/** What is read, as one digest; or that it was a fault, and no other kind of error. */
function outcome(path: string): string {
  try {
    return digestOf(JSON.stringify(read(path)));
  } catch (error) {
    if (error instanceof OciError && error.code === 'DATABASE_INVALID') return 'fault';
    throw error;
  }
}

test('buckets in buckets, inline ones and pages of their own', () => {
  const pairs = read(databasePath('trivy.db'));
  expect(pairs).toContainEqual(['debian 13/zlib', 'CVE-2022-37434', '{"FixedVersion":"1:1.2.11.dfsg-4.1"}']);
  expect(pairs).toContainEqual([
    'npm::GitHub Security Advisory npm/lodash',
    'CVE-2021-23337',
    expect.stringContaining('4.17.21'),
  ]);
  expect(pairs.filter(([names]) => names === 'vulnerability').map(([, key]) => key)).toEqual([
    'CVE-2005-2541',
    'CVE-2014-0160',
    'CVE-2019-10744',
    'CVE-2021-23337',
    'CVE-2021-44906',
    'CVE-2022-37434',
    'CVE-2025-43859',
    'CVE-2025-9230',
  ]);
});

test('a bucket that nobody wants is not gone into', () => {
  const seen = new Set<string>();
  readBolt(databasePath('trivy.db'), {
    bucket: ([top = '']) => top.startsWith('debian'),
    pair: ([top = '']) => seen.add(top),
  });
  expect([...seen]).toEqual(['debian 12', 'debian 13']);
});

const large: [name: string, file: string][] = [
  ['with branches and a value on several pages', 'branches.db'],
  ['with pages of 1024 bytes', 'small-pages.db'],
];
for (const [name, file] of large) {
  test(`a file ${name}`, () => {
    const path = new URL(`../fixtures/bolt/${file}`, import.meta.url).pathname;
    const pairs = read(path);
    expect(pairs.filter(([names]) => names === 'many').map(([, key]) => key)).toEqual(
      Array.from({ length: 1000 }, (_, index) => `key-${String(index).padStart(4, '0')}`),
    );
    expect(pairs.find(([names]) => names === 'large')?.[2]).toBe('long '.repeat(4000));
    expect(pairs).toContainEqual(['outer/middle/inner', 'deep', 'value']);
  });
}

/** Pages in use; behind them the file only has room. */
const USED = Math.max(...[0, PAGE].map((meta) => Number(sound.readBigUInt64LE(meta + 56))));

test('a flipped bit of any page header is a fault, or changes nothing', { timeout: 60_000 }, async () => {
  const whole = outcome(databasePath('trivy.db'));
  const path = await changed(() => {});
  const file = openSync(path, 'r+');
  const outcomes = new Set<string>();
  for (let page = 0; page < USED; page += 1) {
    for (let bit = 0; bit < 16 * 8; bit += 1) {
      const at = page * PAGE + (bit >> 3);
      const byte = sound.subarray(at, at + 1);
      writeSync(file, Buffer.from([(byte[0] ?? 0) ^ (1 << (bit & 7))]), 0, 1, at);
      outcomes.add(outcome(path));
      writeSync(file, byte, 0, 1, at);
    }
  }
  closeSync(file);
  expect([...outcomes].sort()).toEqual(['fault', whole].sort());
});

test('a file that is cut off within its pages is a fault', async () => {
  for (let length = 0; length < USED * PAGE; length += PAGE / 2) {
    const path = await changed(() => {});
    await truncate(path, length);
    expect(outcome(path), `${length} bytes`).toBe('fault');
  }
});

const faults: [name: string, change: (bytes: Buffer) => void, says: RegExp][] = [
  ['another file', (bytes) => bytes.fill('x'), /does not begin as one/],
  ['another version', (bytes) => void bytes.writeUInt32LE(3, 20), /meta page 0 is damaged/],
  ['a checksum that is wrong', (bytes) => void bytes.writeUInt8(1, PAGE + 72), /meta page 1 is damaged/],
  ['pages of no size', (bytes) => void bytes.writeUInt32LE(0, 24), /its pages have 0 bytes/],
  ['pages of all ones', (bytes) => void bytes.fill(0xff, 2 * PAGE), /says that it is another/],
  ['pages of nothing', (bytes) => void bytes.fill(0, 2 * PAGE), /says that it is another/],
];
for (const [name, change, says] of faults) {
  test(`refused: ${name}`, async () => {
    const path = await changed(change);
    expect(() => read(path)).toThrow(says);
    expect(() => read(path)).toThrow(OciError);
  });
}
