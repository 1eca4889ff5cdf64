// The three commands about the vulnerability database, against registries over real http, and against real and wrong databases.
import { existsSync, readdirSync } from 'node:fs';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { digestOf } from '../../src/oci/digest.ts';
import { parseReference, type RegistryOptions } from '../../src/oci/registry.ts';
import type { TarInput } from '../../src/oci/tar.ts';
import { main } from '../../src/oci/vuln-db.ts';
import { downloadDatabase } from '../../src/oci/vuln-db-artifact.ts';
import { type DatabaseFacts, inspectDatabase } from '../../src/oci/vuln-db-inspect.ts';
import { type ResolvedDatabase, resolveDatabase } from '../../src/oci/vuln-db-resolve.ts';
import { ending, scratch, tarOf } from './helpers.ts';
import { atFirst, faultOf, startRegistry } from './registry-server.ts';
import { type Artifact, DATABASE, databaseArtifact, databaseFiles, databasePath } from './vulnerabilities.ts';

// The program sets it for itself.
beforeEach(() => void vi.stubEnv('RES_OPTIONS', undefined));

const folder = await scratch();
let folders = 0;
const fresh = () => join(folder, String(folders++));

const artifact = await databaseArtifact();
const at = (host: string, name = ':2') => parseReference(`${host}/aquasecurity/trivy-db${name}`);
/** Nobody listens there. */
const NOBODY = '127.0.0.1:9';

const waits: number[] = [];
const impatient: RegistryOptions = { wait: async (ms) => void waits.push(ms) };
const resolve = (hosts: string[], memory = fresh(), options: RegistryOptions = {}) =>
  resolveDatabase(
    hosts.map((host) => at(host)),
    memory,
    { ...impatient, ...options },
  );

// ---------------------------------------------------------------------------------------------------- resolve

describe('resolve', () => {
  test('the first registry that answers', async () => {
    const { host } = await startRegistry(artifact);
    expect(await resolve([NOBODY, host])).toEqual({
      reference: `${host}/aquasecurity/trivy-db:2`,
      registry: host,
      digest: artifact.digest,
      from: 'registry',
      reason: null,
    });
  });

  test('a mirror that answers in place of the registry is named', async () => {
    const mirror = await startRegistry({ ...artifact, repository: 'prefix/aquasecurity/trivy-db' });
    const mirrors = { 'ghcr.example': [`${mirror.host}/prefix`] };
    expect(await resolve(['ghcr.example'], fresh(), { mirrors })).toMatchObject({
      reference: 'ghcr.example/aquasecurity/trivy-db:2',
      registry: mirror.host,
      digest: artifact.digest,
    });
  });

  const silences: [name: string, answer: (response: ServerResponse) => void, reason: RegExp, waited: number[]][] = [
    [
      '429 with Retry-After',
      (response) => response.writeHead(429, { 'retry-after': '2' }).end(),
      /allows no more requests for now \(429\) \(asked again 2 times\)/,
      [2000, 2000],
    ],
    [
      '429 for an hour',
      (response) => response.writeHead(429, { 'retry-after': '3600' }).end(),
      /allows no more requests for now \(429\)$/,
      [],
    ],
    ['401', (response) => response.writeHead(401).end(), /wants to know who asks for aquasecurity\/trivy-db/, []],
    ['404', (response) => response.writeHead(404).end(), /has no such image/, []],
    ['500', (response) => response.writeHead(500).end(), /answers 500 \(asked again 2 times\)/, [500, 1000]],
    [
      'a cut connection',
      (response) => response.destroy(),
      /cannot be reached: .* \(asked again 2 times\)/,
      [500, 1000],
    ],
  ];
  test.each(silences)('%s is said, and the memory answers', async (_, answer, reason, waited) => {
    const memory = fresh();
    let isWell = true;
    const { host } = await startRegistry(artifact, (_, response) => {
      if (isWell) return false;
      answer(response);
      return true;
    });
    const before = await resolve([host], memory);
    isWell = false;
    waits.length = 0;
    expect(await resolve([host])).toMatchObject({
      digest: null,
      from: 'nowhere',
      reason: expect.stringMatching(reason),
    });
    expect(waits).toEqual(waited);
    const after = await resolve([host], memory);
    expect(after).toEqual({
      ...before,
      from: 'memory',
      reason: expect.stringMatching(/^no registry answered: the database remembered from 20\d\d-\S+Z is used \(/),
    });
  });

  const wrong: [name: string, answer: (response: ServerResponse) => void][] = [
    ['a redirect with a login', (response) => response.writeHead(307, { location: 'http://a:b@127.0.0.1:1/' }).end()],
    ['no HTTP', (response) => response.socket?.end('SSH-2.0-OpenSSH_9.2\r\n')],
    ['a part', (response) => response.writeHead(200, { 'content-length': 9 }).write('{', () => response.destroy())],
  ];
  test.each(wrong)('%s is no silence: nothing is remembered in its place', async (_, answer) => {
    const { host } = await startRegistry(artifact, (_request, response) => {
      answer(response);
      return true;
    });
    expect(await faultOf(resolve([host]))).toMatchObject({ code: 'ANSWER_INVALID' });
  });

  test('a rate limit that passes is waited for', async () => {
    const { host } = await startRegistry(
      artifact,
      atFirst(1, (response) => response.writeHead(429, { 'retry-after': '0' }).end()),
    );
    expect(await resolve([host])).toMatchObject({ from: 'registry', digest: artifact.digest });
  });

  test('while the first is silent the second is asked as well, and the answer of the first counts', async () => {
    let silent: ServerResponse | undefined;
    const first = await startRegistry(
      artifact,
      atFirst(1, (response) => {
        silent = response;
      }),
    );
    const second = await startRegistry(artifact, ({ url }) => {
      silent?.writeHead(307, { location: `http://${first.host}${url}` }).end();
      return undefined;
    });
    expect(await resolve([first.host, second.host])).toMatchObject({ registry: first.host, digest: artifact.digest });
    expect(second.seen.length).toBeGreaterThan(0);
  });

  test('where the first answers, the second is not asked', async () => {
    const [first, second] = [await startRegistry(artifact), await startRegistry(artifact)];
    expect(await resolve([first.host, second.host])).toMatchObject({ registry: first.host });
    expect(second.seen).toEqual([]);
  });

  test('who refuses connections, or has no address, is asked once and not waited for', async () => {
    waits.length = 0;
    const { from, reason } = await resolve([NOBODY, 'nobody.invalid']);
    expect(from).toBe('nowhere');
    // A busy machine's resolver may take longer to say so than a connection may.
    expect(reason).toMatch(
      /127\.0\.0\.1:9 cannot be reached: ECONNREFUSED; .*nobody\.invalid cannot be reached: (E|no connection)/,
    );
    expect(waits).toEqual([]);
  });

  test('of what is remembered, only what was asked for counts, and the latest of it', async () => {
    const memory = fresh();
    const [old, newer] = [await startRegistry(artifact), await startRegistry(artifact)];
    await resolve([old.host], memory);
    await resolve([newer.host], memory);
    for (const { stop } of [old, newer]) await stop();
    expect(await resolve([old.host, newer.host], memory)).toMatchObject({ registry: newer.host });
    expect(await resolve([old.host], memory)).toMatchObject({ registry: old.host });
    expect(await resolve([NOBODY], memory)).toMatchObject({ from: 'nowhere' });
  });

  test('a memory that cannot be read is no memory', async () => {
    const memory = fresh();
    await mkdir(memory);
    await writeFile(join(memory, `${encodeURIComponent(`${NOBODY}/aquasecurity/trivy-db:2`)}.json`), '{"digest":1}');
    expect(await resolve([NOBODY], memory)).toMatchObject({ from: 'nowhere' });
  });

  test('a memory that does not say from when it is is no memory', async () => {
    const memory = fresh();
    await mkdir(memory);
    const reference = `${NOBODY}/aquasecurity/trivy-db:2`;
    const answer = { reference, registry: NOBODY, digest: artifact.digest };
    for (const at of [undefined, '', 'yesterday', '2026-02-30T00:00:00.000Z', '2026-01-01\n2027-01-01T00:00:00.000Z']) {
      await writeFile(join(memory, `${encodeURIComponent(reference)}.json`), JSON.stringify({ ...answer, at }));
      expect(await resolve([NOBODY], memory), String(at)).toMatchObject({ from: 'nowhere' });
    }
  });

  const nonsense: [name: string, answer: string, code: string][] = [
    ['no JSON', '<html>', 'MANIFEST_INVALID'],
    ['an index', '{"schemaVersion":2,"manifests":[]}', 'DATABASE_INVALID'],
    ['an image', JSON.stringify(manifestOf('application/vnd.oci.image.layer.v1.tar+gzip')), 'DATABASE_INVALID'],
  ];
  test.each(nonsense)('%s for an answer is a fault, whoever else could be asked', async (_, answer, code) => {
    const { host } = await startRegistry(
      artifact,
      atFirst(9, (response) => response.end(answer)),
    );
    expect(await faultOf(resolve([host]))).toMatchObject({ code });
  });
});

function manifestOf(mediaType: string) {
  const blob = { mediaType, digest: digestOf(''), size: 0 };
  return { schemaVersion: 2, config: blob, layers: [blob] };
}

// ---------------------------------------------------------------------------------------------------- download

const download = async (
  { digest, ...content }: Artifact,
  { first, pin = digest }: { first?: Parameters<typeof startRegistry>[1]; pin?: string } = {},
) => {
  const { host } = await startRegistry(content, first);
  const out = fresh();
  await downloadDatabase(at(host, `@${pin}`), out, impatient);
  return out;
};

describe('download', () => {
  test('the two files, byte for byte, and nothing else', async () => {
    const out = await download(artifact);
    expect(readdirSync(out).sort()).toEqual(['metadata.json', 'trivy.db']);
    for (const name of ['trivy.db', 'metadata.json'] as const) {
      expect(await readFile(join(out, name))).toEqual(await readFile(databasePath(name)));
    }
  });

  test('an interruption is made good', async () => {
    const first = atFirst(1, (response) => response.destroy());
    expect(existsSync(join(await download(artifact, { first }), 'trivy.db'))).toBe(true);
  });

  const file = (path: string, content: string | Buffer = 'x'): TarInput => ({
    path,
    type: 'file',
    mode: 0o644,
    content,
  });
  const link = (path: string): TarInput => ({ path, type: 'symlink', mode: 0o777, linkpath: '/etc/passwd' });
  const layers: [name: string, entries: TarInput[], says: RegExp][] = [
    ['another file', [...databaseFiles(), file('evil')], /"evil", a file that does not belong/],
    ['a file that climbs', [file('../trivy.db'), ...databaseFiles()], /"\.\.\/trivy\.db"/],
    ['a file in a folder', [file('db/trivy.db'), file('metadata.json')], /"db\/trivy\.db"/],
    ['a link', [link('trivy.db'), file('metadata.json')], /"trivy\.db", a symlink/],
    ['a file twice', [...databaseFiles(), file('trivy.db')], /"trivy\.db", a file that does not belong/],
    ['no metadata', [file('trivy.db')], /holds no metadata\.json/],
    ['nothing', [], /holds no trivy\.db and no metadata\.json/],
    ['metadata of an absurd size', [file('metadata.json', Buffer.alloc(100_000))], /a metadata\.json of 100000 bytes/],
  ];
  test.each(layers)('a layer with %s is refused, and leaves nothing', async (_, entries, says) => {
    const content = await databaseArtifact(gzipSync(await tarOf(entries)));
    const { host } = await startRegistry(content);
    const out = fresh();
    const fault = await faultOf(downloadDatabase(at(host, `@${content.digest}`), out, impatient));
    expect(fault).toMatchObject({ code: 'DATABASE_INVALID', message: expect.stringMatching(says) });
    expect(readdirSync(out)).toEqual([]);
  });

  test('a layer that was packed short is refused', async () => {
    const packed = gzipSync(await tarOf(databaseFiles()));
    const content = await databaseArtifact(packed.subarray(0, packed.length - 100));
    expect(await faultOf(download(content))).toMatchObject({ code: 'DATABASE_INVALID' });
  });

  test('a layer that is cut off or swapped on its way is refused', async () => {
    const swapped = new Map(artifact.blobs).set(artifact.layer, gzipSync('other'));
    expect(await faultOf(download({ ...artifact, blobs: swapped }))).toMatchObject({ code: 'BLOB_SIZE' });
    const bytes = Buffer.from(artifact.blobs.get(artifact.layer) ?? '');
    bytes[50] = (bytes[50] ?? 0) ^ 1;
    const changed = new Map(artifact.blobs).set(artifact.layer, bytes);
    expect(await faultOf(download({ ...artifact, blobs: changed }))).toMatchObject({ code: 'BLOB_DIGEST' });
  });

  test('another manifest than the digest names is refused', async () => {
    const first = atFirst(9, (response) => response.end(JSON.stringify(manifestOf('x'))));
    expect(await faultOf(download(artifact, { first }))).toMatchObject({ code: 'BLOB_DIGEST' });
  });
});

// ---------------------------------------------------------------------------------------------------- inspect

const FACTS: Partial<DatabaseFacts> = {
  sha256: digestOf(await readFile(databasePath('trivy.db'))),
  schemaVersion: 2,
  downloadedAt: null,
  advisories: { 'debian 12': 4, 'debian 13': 4, npm: 7, pip: 1 },
};

/** The files of the real database in a folder. */
async function placed(inner = '', names: readonly ('trivy.db' | 'metadata.json')[] = ['trivy.db', 'metadata.json']) {
  const place = fresh();
  await mkdir(join(place, inner), { recursive: true });
  for (const name of names) await copyFile(databasePath(name), join(place, inner, name));
  return place;
}

describe('inspect', () => {
  test('a folder of the two files, or with them in db/', async () => {
    expect(await inspectDatabase(DATABASE)).toMatchObject(FACTS);
    expect(await inspectDatabase(await placed('db'))).toMatchObject(FACTS);
  });

  test('a folder with an archive, which is unpacked elsewhere', async () => {
    const [place, unpack] = [fresh(), fresh()];
    await mkdir(place);
    await writeFile(join(place, 'db.tar.gz'), gzipSync(await tarOf(databaseFiles())));
    expect(await inspectDatabase(place, unpack)).toMatchObject(FACTS);
    expect(readdirSync(unpack).sort()).toEqual(['metadata.json', 'trivy.db']);
  });

  test('times are told as ISO writes them', async () => {
    const { updatedAt, nextUpdate } = await inspectDatabase(DATABASE);
    for (const time of [updatedAt, nextUpdate]) expect(new Date(time).toISOString()).toBe(time);
    expect(Date.parse(nextUpdate) - Date.parse(updatedAt)).toBeCloseTo(24 * 60 * 60 * 1000, -3);
  });

  const metadata: [name: string, text: string, says: RegExp][] = [
    ['is no JSON', 'x', /metadata\.json is not JSON/],
    ['says nothing', '{}', /does not say Version, UpdatedAt and NextUpdate/],
    ['is nothing', 'null', /does not say Version/],
    ['says no time', '{"Version":2,"UpdatedAt":"soon","NextUpdate":"later"}', /does not say/],
  ];
  test.each(metadata)('metadata that %s is a fault', async (_, text, says) => {
    const place = await placed();
    await writeFile(join(place, 'metadata.json'), text);
    expect(await faultOf(inspectDatabase(place))).toMatchObject({
      code: 'DATABASE_INVALID',
      message: expect.stringMatching(says),
    });
  });

  const nothing: [name: string, place: () => Promise<string>][] = [
    ['an empty folder', () => placed('', [])],
    ['one without metadata', () => placed('', ['trivy.db'])],
    [
      'an archive, and no place for its files',
      async () => {
        const place = await placed('', []);
        await writeFile(join(place, 'db.tar.gz'), gzipSync(await tarOf(databaseFiles())));
        return place;
      },
    ],
  ];
  test.each(nothing)('%s is a fault', async (_, place) => {
    expect(await faultOf(inspectDatabase(await place()))).toMatchObject({ code: 'DATABASE_INVALID' });
  });
});

// ---------------------------------------------------------------------------------------------------- the program

test('the program writes what it found', async () => {
  const { host } = await startRegistry(artifact);
  const [memory, out, db, facts] = [fresh(), fresh(), fresh(), fresh()];
  const reference = `${host}/aquasecurity/trivy-db`;
  expect(await main(['resolve', '--reference', `${reference}:2`, '--memory', memory, '--out', out])).toBe(0);
  const resolved = JSON.parse(await readFile(out, 'utf8')) as ResolvedDatabase;
  expect(await main(['download', '--reference', `${reference}@${resolved.digest}`, '--out', db])).toBe(0);
  expect(await main(['inspect', '--db', db, '--out', facts])).toBe(0);
  expect(JSON.parse(await readFile(facts, 'utf8'))).toMatchObject(FACTS);
});

const wrong: [name: string, args: string[], code: number][] = [
  ['nothing', [], 2],
  ['another command', ['update'], 2],
  ['an inherited one', ['toString'], 2],
  ['no reference', ['resolve', '--memory', folder, '--out', folder], 2],
  ['no output', ['inspect', '--db', DATABASE], 2],
  ['an option of another command', ['inspect', '--db', DATABASE, '--memory', folder, '--out', folder], 2],
  ['a reference without a digest', ['download', '--reference', 'a/b:2', '--out', folder], 2],
  ['a reference that is none', ['resolve', '--reference', 'A', '--memory', folder, '--out', folder], 2],
  ['a mirror that is none', ['resolve', '--reference', 'a/b', '--mirror', 'x', '--memory', folder, '--out', folder], 2],
  ['a folder without a database', ['inspect', '--db', folder, '--out', fresh()], 1],
];
test.each(wrong)('%s ends with its exit code, a sentence and a hint', async (_, args, code) =>
  expect(await ending(() => main(args))).toEqual({ code, said: expect.stringMatching(/^.+\nhint: .+\n$/) }),
);
