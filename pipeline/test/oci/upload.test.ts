// A push to registries that lie about what they have: nothing counts as delivered that is not served as it was sent.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { digestOf } from '../../src/oci/digest.ts';
import { openLayout } from '../../src/oci/layout.ts';
import { RegistryClient } from '../../src/oci/registry.ts';
import { moveTags, pushImage } from '../../src/oci/upload.ts';
import { collect, scratch, smallImage, writeArchive } from './helpers.ts';
import { faultOf, type Handler, startRegistry } from './registry-server.ts';

const image = await smallImage();
const archive = await writeArchive(join(await scratch(), 'image.tar'), image);
const client = () => new RegistryClient({ wait: async () => undefined, attempts: 2 });
const at = (host: string) => ({ registry: host, repository: 'team/small' });

/** Takes what is pushed, and serves it; `first` may lie before. */
async function startStore(first: Handler = () => undefined) {
  const blobs = new Map<string, Buffer>();
  const tags: Record<string, string> = {};
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    const { method, url = '' } = request;
    const bytes = await collect(request);
    const location = '/v2/team/small/blobs/uploads/1';
    if (method === 'PATCH') blobs.set('upload', bytes);
    else if (url.includes('?digest='))
      blobs.set(new URL(url, 'http://x').searchParams.get('digest') ?? '', blobs.get('upload') ?? bytes);
    else if (method === 'PUT') {
      blobs.set(digestOf(bytes), bytes);
      tags[url.split('/').at(-1) ?? ''] = digestOf(bytes);
    }
    response.writeHead(method === 'PUT' ? 201 : 202, { location }).end();
  };
  const handler: Handler = (request, response) => {
    if (first(request, response) === true) return true;
    if (request.method === 'GET' || request.method === 'HEAD') return false;
    void take(request, response);
    return true;
  };
  return { blobs, tags, ...(await startRegistry({ repository: 'team/small', tags, blobs }, handler)) };
}

async function push(host: string) {
  const source = await openLayout(archive);
  try {
    return await pushImage(client(), at(host), source);
  } finally {
    await source.close();
  }
}

/** Another answer to such requests. */
const answers =
  (method: string, path: RegExp, answer: (response: ServerResponse) => void): Handler =>
  (request, response) => {
    if (request.method !== method || !path.test(request.url ?? '')) return false;
    answer(response);
    return true;
  };

test('to one that keeps what it takes', async () => {
  const { host, blobs } = await startStore();
  expect((await push(host)).sent.blobs).toBe(3);
  for (const [digest, bytes] of image.blobs) expect(blobs.get(digest)).toEqual(bytes);
  expect(await push(host)).toMatchObject({ sent: { blobs: 0 }, there: { blobs: 3 } });
});

const other = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [] }));
const lies: [name: string, lie: Handler, code: string, said: RegExp][] = [
  [
    'says of each blob that it has five bytes',
    answers('HEAD', /blobs/, (response) => response.writeHead(200, { 'content-length': 5 }).end()),
    'REGISTRY_ERROR',
    /was sent with \d+ bytes, and has 5 there/,
  ],
  [
    'takes blobs and has none',
    answers('HEAD', /blobs/, (response) => response.writeHead(404).end()),
    'REGISTRY_ERROR',
    /was sent with \d+ bytes, and is not there/,
  ],
  [
    'begins an upload at no address',
    answers('POST', /uploads/, (response) => response.writeHead(202, { location: 'http://[' }).end()),
    'REGISTRY_ERROR',
    /without saying where it goes/,
  ],
  [
    'takes manifests and has none',
    answers('GET', /manifests/, (response) => response.writeHead(404).end()),
    'NOT_FOUND',
    /has no such image/,
  ],
  [
    'serves another manifest than it took',
    answers('GET', /manifests/, (response) => response.end(other)),
    'BLOB_DIGEST',
    /is really/,
  ],
];
test.each(lies)('to one that %s', async (_, lie, code, said) => {
  const { host } = await startStore(lie);
  expect(await faultOf(push(host))).toMatchObject({ code, message: expect.stringMatching(said) });
});

test('to one that keeps its tags where they were', async () => {
  const { host } = await startStore(answers('GET', /manifests\/1\.0$/, (response) => response.end(other)));
  const { digest } = await push(host);
  expect(await faultOf(moveTags(client(), at(host), digest, ['1.0']))).toMatchObject({ code: 'BLOB_DIGEST' });
});
