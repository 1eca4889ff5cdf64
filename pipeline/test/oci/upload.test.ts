// A push to registries that lie about what they have: nothing counts as delivered that is not served as it was sent.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openLayout } from '../../src/oci/layout.ts';
import { RegistryClient } from '../../src/oci/registry.ts';
import { moveTags, pushImage } from '../../src/oci/upload.ts';
import { scratch, smallImage, writeArchive } from './helpers.ts';
import { faultOf } from './registry-server.ts';
import { always, type Quirk, startScripted } from './scripted-registry.ts';

const image = await smallImage();
const archive = await writeArchive(join(await scratch(), 'image.tar'), image);
const client = () => new RegistryClient({ wait: async () => undefined, attempts: 2 });
const at = (host: string) => ({ registry: host, repository: 'team/small' });

async function push(host: string) {
  const source = await openLayout(archive);
  try {
    return await pushImage(client(), at(host), source);
  } finally {
    await source.close();
  }
}

test('to one that keeps what it takes', async () => {
  const registry = await startScripted();
  const { host } = registry;
  const { blobs, manifests } = registry.repository('team/small');
  expect((await push(host)).sent.blobs).toBe(3);
  for (const [digest, bytes] of image.blobs) expect(blobs.get(digest) ?? manifests.get(digest)?.bytes).toEqual(bytes);
  expect(await push(host)).toMatchObject({ sent: { blobs: 0 }, there: { blobs: 3 } });
});

const other = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [] }));
const lies: [name: string, lie: Quirk, code: string, said: RegExp][] = [
  [
    'says of each blob that it has five bytes',
    always('HEAD', /blobs/, () => ({ status: 200, headers: { 'content-length': 5 } })),
    'REGISTRY_ERROR',
    /was sent with \d+ bytes, and has 5 there/,
  ],
  [
    'takes blobs and has none',
    always('HEAD', /blobs/, () => ({ status: 404 })),
    'REGISTRY_ERROR',
    /was sent with \d+ bytes, and is not there/,
  ],
  [
    'begins an upload at no address',
    always('POST', /uploads/, () => ({ status: 202, headers: { location: 'http://[' } })),
    'REGISTRY_ERROR',
    /without saying where it goes/,
  ],
  [
    'takes manifests and has none',
    always('GET', /manifests/, () => ({ status: 404 })),
    'NOT_FOUND',
    /has no such image/,
  ],
  [
    'serves another manifest than it took',
    always('GET', /manifests/, () => ({ status: 200, body: other })),
    'BLOB_DIGEST',
    /is really/,
  ],
];
test.each(lies)('to one that %s', async (_, lie, code, said) => {
  const { host } = await startScripted(lie);
  expect(await faultOf(push(host))).toMatchObject({ code, message: expect.stringMatching(said) });
});

test('to one that keeps its tags where they were', async () => {
  const { host } = await startScripted(always('GET', /manifests\/1\.0$/, () => ({ status: 200, body: other })));
  const { digest } = await push(host);
  expect(await faultOf(moveTags(client(), at(host), digest, ['1.0']))).toMatchObject({ code: 'BLOB_DIGEST' });
});
