// One blob on its way to registries that take it in ways of their own: mounted, in parts, behind proxies, taken up again.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { digestOf } from '../../src/oci/digest.ts';
import { pushBlob } from '../../src/oci/push-blob.ts';
import { RegistryClient } from '../../src/oci/registry.ts';
import { faultOf } from './registry-server.ts';
import { always, atFirst, fault, type Quirk, type ScriptedRegistry, startScripted } from './scripted-registry.ts';

const waited: number[] = [];
const client = () => new RegistryClient({ wait: async (ms) => void waited.push(ms) });
const at = ({ host }: { host: string }) => ({ registry: host, repository: 'team/small' });
const blobOf = (size: number) => {
  const bytes = Buffer.alloc(size, 'a blob ');
  return { bytes, expected: { digest: digestOf(bytes), size }, blob: new Blob([bytes]) };
};
const push = (registry: ScriptedRegistry, { expected, blob }: ReturnType<typeof blobOf>, from?: string) =>
  pushBlob(client(), at(registry), expected, blob, from);
const hasOf = (registry: ScriptedRegistry, { expected, bytes }: ReturnType<typeof blobOf>) =>
  registry.repository('team/small').blobs.get(expected.digest)?.equals(bytes);
const methodsOf = ({ seen }: ScriptedRegistry) => seen.map(({ method }) => method).join(' ');

test('what another repository has is mounted, with a right to read there', async () => {
  const small = blobOf(100);
  const registry = await startScripted(needsToken);
  registry.repository('team/base').blobs.set(small.expected.digest, small.bytes);
  expect(await push(registry, small, 'team/base')).toBe(false);
  expect(methodsOf(registry)).not.toContain('PATCH');
  expect(hasOf(registry, small)).toBe(true);
});

/** GitLab's token service grants the last scope only (gitlab-ce issue 40197), Docker Hub's mount wants the right to read there, too. */
const needsToken: Quirk = ({ path, query, headers }, { host }) => {
  if (path === '/token') return { status: 200, body: JSON.stringify({ token: query.getAll('scope').join(';') }) };
  const needed = query.has('from') ? `repository:${query.get('from')}:pull;` : '';
  if (headers.authorization === `Bearer ${needed}repository:team/small:pull,push`) return undefined;
  return { status: 401, headers: { 'www-authenticate': `Bearer realm="http://${host}/token",service="x"` } };
};

const noMounts: [who: string, answer: Quirk][] = [
  // goharbor/harbor issue 17097
  ['Harbor, of a project that is not there', () => fault(401, 'UNAUTHORIZED', 'project team not found')],
  ['a registry that forbids it', () => fault(403, 'DENIED')],
  ['one that knows no such question', () => fault(405, 'UNSUPPORTED')],
  // goharbor/harbor issue 18541
  ['one that says so and does not', () => ({ status: 201, headers: { location: '/v2/team/small/blobs/x' } })],
];
test.each(noMounts)('mounting is refused by %s: the blob is sent', async (_, answer) => {
  const mount: Quirk = (asked, registry, own) => (asked.query.has('mount') ? answer(asked, registry, own) : undefined);
  const registry = await startScripted(mount);
  expect(await push(registry, blobOf(100), 'team/base')).toBe(true);
});

test('a registry that cannot mount begins an upload, which is used', async () => {
  const registry = await startScripted();
  expect(await push(registry, blobOf(100), 'team/base')).toBe(true);
  expect(methodsOf(registry)).toBe('HEAD POST PATCH PUT HEAD');
});

/** nginx's default is 1 MiB. */
const limited =
  (most: number): Quirk =>
  ({ body }) =>
    body.byteLength > most ? { status: 413, body: '<html>413 Request Entity Too Large</html>' } : undefined;

test('a proxy that takes small requests only gets the blob in parts, and the next one at once', async () => {
  const registry = await startScripted(limited(1024 * 1024));
  const using = client();
  const large = blobOf(5_000_000);
  await pushBlob(using, at(registry), large.expected, large.blob);
  expect(hasOf(registry, large)).toBe(true);
  const ranges = registry.seen
    .filter(({ method }) => method === 'PATCH')
    .map(({ headers }) => headers['content-range']);
  expect(ranges.slice(0, 4)).toEqual([undefined, '0-2499999', '0-1249999', '0-624999']);
  expect(ranges.slice(4)).toEqual(
    Array.from({ length: 7 }, (_, part) => `${(part + 1) * 625000}-${(part + 2) * 625000 - 1}`),
  );
  registry.seen.splice(0);
  const next = blobOf(900_000);
  await pushBlob(using, at(registry), next.expected, next.blob);
  expect(methodsOf(registry)).toBe('HEAD POST PATCH PATCH PUT HEAD');
});

test('one that takes hardly anything is named, with what to set', async () => {
  const registry = await startScripted(limited(1000));
  expect(await faultOf(push(registry, blobOf(1_000_000)))).toMatchObject({
    code: 'TOO_LARGE',
    message: expect.stringMatching(/takes no request of 500000 bytes/),
    hint: expect.stringContaining('client_max_body_size'),
  });
});

test('one that refuses by the length alone, and hears nothing more', async () => {
  const registry = await startScripted();
  const proxy = createServer((request, response) => {
    const { method = '', headers } = request;
    if (Number(headers['content-length'] ?? 0) > 1024 * 1024) {
      response.writeHead(413, { connection: 'close' }).end();
      return;
    }
    const body: Buffer[] = [];
    request.on('data', (chunk: Buffer) => body.push(chunk));
    request.on('end', () => {
      const url = `http://${registry.host}${request.url}`;
      const init = {
        method,
        headers: headers as Record<string, string>,
        ...(body.length > 0 ? { body: Buffer.concat(body) } : {}),
      };
      void fetch(url, init).then((answer) => {
        const location = answer.headers.get('location')?.replace(registry.host, `127.0.0.1:${port}`);
        const length = method === 'HEAD' ? { 'content-length': answer.headers.get('content-length') ?? '0' } : {};
        response.writeHead(answer.status, { ...(location ? { location } : {}), ...length }).end();
      });
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const { port } = proxy.address() as AddressInfo;
  onTestFinished(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  const large = blobOf(8_000_000);
  expect(await pushBlob(client(), at({ host: `127.0.0.1:${port}` }), large.expected, large.blob)).toBe(true);
  expect(hasOf(registry, large)).toBe(true);
});

test('an upload that was cut goes on where its own last answer says, at the address that this names', async () => {
  let part = 0;
  // docker-registry signs how far an upload has come into each address (distribution issue 2593), and knows none but the last.
  const signed: Quirk = ({ method, path, query }, _, own) => {
    if (!path.includes('/uploads/')) return undefined;
    if (method !== 'POST' && query.get('_state') !== `${part}`) return fault(404, 'BLOB_UPLOAD_INVALID');
    const { headers = {}, ...answer } = own();
    if (method === 'PATCH') part += 1;
    return { ...answer, headers: { ...headers, location: `${headers.location}?_state=${part}` } };
  };
  const registry = await startScripted(
    limited(1_000_000),
    atFirst(1, 'PATCH', /uploads/, () => undefined),
    always('PATCH', /uploads/, ({ headers }) => {
      if (!headers['content-range']?.startsWith('1500000-') || waited.length > 0) return undefined;
      return 'cut';
    }),
    signed,
  );
  waited.splice(0);
  const large = blobOf(3_000_000);
  await push(registry, large);
  expect(hasOf(registry, large)).toBe(true);
  expect(waited).toEqual([500]);
  expect(registry.seen.filter(({ method }) => method === 'POST')).toHaveLength(1);
});

// containerd/stargz-snapshotter pull request 167: GHCR leads to storage, where only a GET is signed.
test('whether a blob is there is not said where a registry leads to: it is sent', async () => {
  const storage = await startScripted(always('HEAD', /./, () => ({ status: 403 })));
  const leads = always('HEAD', /blobs/, () => ({ status: 307, headers: { location: `http://${storage.host}/x` } }));
  const registry = await startScripted(leads);
  expect(await push(registry, blobOf(100))).toBe(true);
});

test.each([405, 501])('nor by a registry that answers HEAD with %i', async (status) => {
  const registry = await startScripted(always('HEAD', /blobs/, () => ({ status })));
  expect(await push(registry, blobOf(100))).toBe(true);
});
