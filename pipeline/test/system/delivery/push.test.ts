// Pushing to a real registry, with faults put in. Whatever happens, nothing that is not whole gets a tag.
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { $ } from 'zx';
import { main as deliver } from '../../../src/oci/deliver.ts';
import { digestOf } from '../../../src/oci/digest.ts';
import { OciError } from '../../../src/oci/errors.ts';
import { describeArchive, openLayout } from '../../../src/oci/layout.ts';
import { pushBlob } from '../../../src/oci/push-blob.ts';
import { RegistryClient } from '../../../src/oci/registry.ts';
import { withRights } from '../../../src/oci/rights.ts';
import { digestOfTag, moveTags, pushImage } from '../../../src/oci/upload.ts';
import { smallImage, writeArchive } from '../../oci/helpers.ts';
import { debianProgram, PROGRAMS } from '../packages.ts';
import { temporaryFolder } from '../support.ts';
import { mountDisk, unmountDisk } from '../tools.ts';
import {
  type Fault,
  type FaultyRegistry,
  onFirst,
  type Registry,
  startProxy,
  startRegistry,
  startSlowLine,
} from './registry.ts';

let registry: Registry;
let proxy: FaultyRegistry;
let folder: string;
let archive: string;
let digest: string;
beforeAll(async () => {
  registry = await startRegistry();
  proxy = await startProxy(registry);
  folder = await temporaryFolder('push');
});

let count = 0;
let name: string;
const waited: number[] = [];
/** A repository of its own for each test, and an image that no other test has pushed. */
beforeEach(async () => {
  proxy.faults = [];
  proxy.alter = undefined;
  proxy.seen.splice(0);
  waited.splice(0);
  name = `acme/app${++count}`;
  archive = join(folder, `${count}.tar`);
  await writeArchive(
    archive,
    await smallImage({ platforms: ['linux/amd64', 'linux/arm64'], labels: { count: `${count}` } }),
  );
  ({ digest } = await describeArchive(archive));
});

const repositoryAt = ({ host }: { host: string }) => ({ registry: host, repository: name });
const client = (credentials?: string) =>
  new RegistryClient({
    wait: async (ms) => void waited.push(ms),
    pace: { windowMs: 5000 },
    credentials: () =>
      credentials === undefined ? undefined : { kind: 'password', username: 'somebody', password: credentials },
  });

async function push(at: { host: string } = proxy, using = client()) {
  const source = await openLayout(archive);
  try {
    return await withRights(using, repositoryAt(at), () => pushImage(using, repositoryAt(at), source));
  } finally {
    await source.close();
  }
}

const codeOf = async (promise: Promise<unknown>) =>
  await promise.then(
    () => 'nothing failed',
    (error: unknown) => (error instanceof OciError ? `${error.code}: ${error.message} | ${error.hint}` : String(error)),
  );

/** What the registry itself has, asked past the proxy. */
const tagged = (tag: string) => digestOfTag(client(), repositoryAt(registry), tag);

describe('a registry that is well', () => {
  test('the bytes arrive as they are, and are not sent twice', async () => {
    const first = await push();
    expect(first).toMatchObject({ digest, sent: { blobs: 3 }, there: { blobs: 0 } });
    expect(await push()).toMatchObject({
      digest,
      sent: { blobs: 0, bytes: 0 },
      there: { blobs: 3, bytes: first.sent.bytes },
    });
    const served = await fetch(`http://${registry.host}/v2/${name}/manifests/${digest}`, {
      headers: { accept: 'application/vnd.oci.image.index.v1+json' },
    });
    expect(digestOf(Buffer.from(await served.arrayBuffer()))).toBe(digest);
  });

  test('skopeo finds every platform whole', async () => {
    await push();
    const target = join(folder, `copied-${count}`);
    const skopeo = await debianProgram(PROGRAMS, 'skopeo');
    await $`${skopeo} --insecure-policy copy --quiet --all --src-tls-verify=false docker://${registry.host}/${name}@${digest} dir:${target}`;
    expect(digestOf(await readFile(join(target, 'manifest.json')))).toBe(digest);
  });

  test('no tag without being asked; several at once; moved and read back', async () => {
    await push();
    expect(await tagged('main')).toBeNull();
    await moveTags(client(), repositoryAt(proxy), digest, ['main', '1.2.3']);
    expect([await tagged('main'), await tagged('1.2.3')]).toEqual([digest, digest]);
  });

  test('fetched again, it is the same image', async () => {
    await push();
    const again = join(folder, `again-${count}.tar`);
    const args = ['--repository', `${registry.host}/${name}`, '--digest', digest, '--archive', again];
    expect(await deliver(['fetch', ...args])).toBe(0);
    expect(await describeArchive(again)).toEqual(await describeArchive(archive));
  });
});

const answer =
  (status: number, headers: Record<string, string> = {}, text = ''): Fault =>
  (request, response) => {
    request.resume();
    response.writeHead(status, headers).end(text);
    return true;
  };
const cut: Fault = (request) => {
  request.once('data', () => request.socket.destroy());
  return true;
};
const hangUp: Fault = (request) => {
  request.socket.destroy();
  return true;
};
const PASSING: [fault: string, fault_: () => Fault, waits: number[]][] = [
  ['429, which says when', () => onFirst(1, /PATCH/, answer(429, { 'retry-after': '7' })), [7000]],
  ['500 in a blob', () => onFirst(1, /PATCH/, answer(500)), [500]],
  ['503 at a manifest, twice', () => onFirst(2, /PUT .*manifests/, answer(503)), [500, 1000]],
  ['a connection that is cut in a blob', () => onFirst(1, /PATCH/, cut), [500]],
  ['a connection that is cut at an upload’s end', () => onFirst(1, /PUT .*uploads/, hangUp), [500]],
  ['an upload that the registry forgot', () => onFirst(1, /PATCH/, answer(404)), [500]],
];
describe('faults that pass', () => {
  test.for(PASSING)('%s', async ([, make, waits]) => {
    proxy.faults = [make()];
    expect(await push()).toMatchObject({ digest, sent: { blobs: 3 } });
    expect(waited).toEqual(waits);
  });

  const large = async () => {
    const bytes = randomBytes(24 * 1024 * 1024);
    return { blob: { digest: digestOf(bytes), size: bytes.byteLength }, bytes: new Blob([new Uint8Array(bytes)]) };
  };
  const requests = (request: RegExp) => proxy.seen.filter((seen) => request.test(seen)).length;

  test('a large blob that was cut in the middle of a request arrives', async () => {
    let passed = 0;
    proxy.faults = [
      onFirst(1, /PATCH/, (request) => {
        request.on('data', (chunk: Buffer) => {
          passed += chunk.byteLength;
          // The registry has had time to write what came.
          if (passed > 12 * 1024 * 1024) request.socket.destroy();
        });
        return false;
      }),
    ];
    const { blob, bytes } = await large();
    expect(await pushBlob(client(), repositoryAt(proxy), blob, bytes)).toBe(true);
    expect(await client().sizeOfBlob(repositoryAt(registry), blob.digest)).toBe(blob.size);
    // It is asked how far it got. This registry has signed that it got nowhere, and so does not know its own upload any more.
    expect(requests(/^GET .*blobs\/uploads\//)).toBe(1);
    expect(requests(/^POST/)).toBe(2);
  });

  test('one that is sent in parts goes on with the part at which it was cut', async () => {
    const most = 4 * 1024 * 1024;
    let parts = 0;
    proxy.faults = [
      (request, response) => {
        if (Number(request.headers['content-length'] ?? 0) <= most) return false;
        return answer(413)(request, response);
      },
      (request, response) => {
        if (request.method !== 'PATCH') return false;
        parts += 1;
        return parts === 4 ? hangUp(request, response) : false;
      },
    ];
    const { blob, bytes } = await large();
    expect(await pushBlob(client(), repositoryAt(proxy), blob, bytes)).toBe(true);
    expect(await client().sizeOfBlob(repositoryAt(registry), blob.digest)).toBe(blob.size);
    expect(waited).toEqual([500]);
    expect(requests(/^POST/)).toBe(1);
    // Of 24, 12 and 6 MB, which are too much; eight of 3 MB, and one of them again.
    expect(requests(/^PATCH/)).toBe(3 + 8 + 1);
  });

  test('a line that is slow, and keeps on, takes as long as it takes: only silence is silence', async () => {
    const bytes = randomBytes(48 * 1024 * 1024);
    const blob = { digest: digestOf(bytes), size: bytes.byteLength };
    const line = await startSlowLine(registry, 4 * 1024 * 1024);
    // Five windows of two seconds are less than it needs.
    const patient = new RegistryClient({ pace: { windowMs: 2000 }, attempts: 1 });
    expect(await pushBlob(patient, repositoryAt(line), blob, new Blob([new Uint8Array(bytes)]))).toBe(true);
    expect(await client().sizeOfBlob(repositoryAt(registry), blob.digest)).toBe(blob.size);
  });

  test('layers of another repository of the registry are mounted, and nothing of them is sent', async () => {
    await push(registry);
    const [from, layers] = [name, (await smallImage()).layer];
    name = `${name}-mounted`;
    const source = await openLayout(archive);
    const bytes = await source.blob(layers.digest);
    expect(await pushBlob(client(), repositoryAt(proxy), layers, bytes, from)).toBe(false);
    await source.close();
    expect(requests(/^PATCH/)).toBe(0);
    expect(await client().sizeOfBlob(repositoryAt(registry), layers.digest)).toBe(layers.size);
  });
});

const LASTING: [fault: string, fault_: () => Fault, said: RegExp][] = [
  ['429 that asks for an hour', () => onFirst(9, /PATCH/, answer(429, { 'retry-after': '3600' })), /^RATE_LIMITED: /],
  ['500 without end', () => onFirst(9, /PATCH/, answer(500)), /^REGISTRY_ERROR: .* answers 500/],
  [
    'a manifest that is refused',
    () => onFirst(9, /PUT .*manifests/, answer(400, {}, '{"errors":[{"code":"MANIFEST_INVALID"}]}')),
    /^REGISTRY_ERROR: .*MANIFEST_INVALID/,
  ],
  [
    'a digest that is not ours',
    () => onFirst(9, /PUT .*manifests/, answer(201, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` })),
    /^BLOB_DIGEST: /,
  ],
  [
    'a token that may only read',
    () => onFirst(99, /POST|PUT|PATCH/, answer(403, {}, '{"errors":[{"code":"DENIED"}]}')),
    /may read acme\/app\d+ .*but not write it.*write:packages|may not create acme\/app\d+ .*write:packages/,
  ],
  ['a token that is none', () => onFirst(99, /./, answer(403)), /neither read nor write .*wrong, has expired/],
];
describe('faults that last: said in one sentence, and the tag stays', () => {
  test.for(LASTING)('%s', async ([, fault, said]) => {
    const before = await released();
    proxy.faults = [fault()];
    expect(await codeOf(push())).toMatch(said);
    proxy.faults = [];
    expect(await tagged('main')).toBe(before);
  });

  test('a registry that serves other bytes than it was given', async () => {
    const before = await released();
    await push();
    proxy.alter = (url, body) =>
      url.endsWith(digest) ? Buffer.from(body.toString().replace('"schemaVersion":2', '"schemaVersion":3')) : body;
    expect(await codeOf(moveTags(client(), repositoryAt(proxy), digest, ['main']))).toMatch(/^BLOB_DIGEST: /);
    expect(await tagged('main')).toBe(before);
  });

  test.runIf(process.getuid?.() === 0)('a disk that is full', async () => {
    const small = await temporaryFolder('full-registry');
    await mkdir(small, { recursive: true });
    await mountDisk(small, '1m');
    try {
      const full = await startRegistry(small);
      await writeFile(join(small, 'filler'), Buffer.alloc(960 * 1024));
      const bytes = randomBytes(512 * 1024);
      const blob = { digest: digestOf(bytes), size: bytes.byteLength };
      expect(await codeOf(pushBlob(client(), repositoryAt(full), blob, new Blob([new Uint8Array(bytes)])))).toMatch(
        /^REGISTRY_ERROR: .* answers 500/,
      );
      await full.stop();
    } finally {
      await unmountDisk(small);
    }
  });

  /** An older image under the tag. */
  async function released(): Promise<string> {
    const other = join(folder, `old-${count}.tar`);
    await writeArchive(other, await smallImage({ labels: { old: `${count}` } }));
    const source = await openLayout(other);
    const { digest: old } = await pushImage(client(), repositoryAt(registry), source);
    await source.close();
    await moveTags(client(), repositoryAt(registry), old, ['main']);
    return old;
  }
});

test('a tag that is not there, and a right that is not there, are told apart where both are answered 403', async () => {
  await push();
  proxy.faults = [onFirst(9, /manifests\/missing/, answer(403))];
  expect(await digestOfTag(client(), repositoryAt(proxy), 'missing')).toBeNull();
  proxy.faults = [onFirst(9, /./, answer(403))];
  expect(await codeOf(digestOfTag(client(), repositoryAt(proxy), 'missing'))).toMatch(/^FORBIDDEN: /);
});

test('a token that runs out is asked for again', async () => {
  const left = new Map<string, number>();
  proxy.faults = [
    (request, response) => {
      if (!request.url?.startsWith('/token')) return false;
      const token = `token-${left.size}`;
      left.set(`Bearer ${token}`, 3);
      response.end(JSON.stringify({ token }));
      return true;
    },
    (request, response) => {
      const token = request.headers.authorization ?? '';
      const uses = left.get(token) ?? 0;
      left.set(token, uses - 1);
      if (uses > 0) return false;
      request.resume();
      const challenge = `Bearer realm="http://${proxy.host}/token",service="registry"`;
      response.writeHead(401, { 'www-authenticate': challenge }).end();
      return true;
    },
  ];
  expect(await push(proxy, client('secret'))).toMatchObject({ digest, sent: { blobs: 3 } });
  expect(left.size).toBeGreaterThan(3);
});
