// What is beside an image, at registries that list it in ways of their own, or not at all.
import { expect, test } from 'vitest';
import { attach, attachments, BUNDLE, latestRecord, RELEASE } from '../../src/oci/attach.ts';
import { RegistryClient } from '../../src/oci/registry.ts';
import { smallImage } from './helpers.ts';
import { faultOf } from './registry-server.ts';
import {
  type Answer,
  always,
  fault,
  json,
  type Quirk,
  type ScriptedRegistry,
  startScripted,
} from './scripted-registry.ts';

const image = await smallImage();
const { digest } = image.top;
const client = () => new RegistryClient({ wait: async () => undefined, attempts: 2 });
const at = ({ host }: ScriptedRegistry) => ({ registry: host, repository: 'team/small' });
const record = (released: string) => ({
  type: RELEASE,
  bytes: Buffer.from(JSON.stringify({ released })),
  annotations: {},
});

/** With one record under the tag that clients keep where a registry has no list (OCI distribution specification, "Referrers Tag Schema"). */
async function startWithRecord(...quirks: Quirk[]): Promise<ScriptedRegistry> {
  let isServing = false;
  const later = quirks.map(
    (quirk): Quirk =>
      (...asked) =>
        isServing ? quirk(...asked) : undefined,
  );
  const registry = await startScripted(...later);
  registry.hold('team/small', image, '1.0');
  await attach(client(), at(registry), digest, record('2026-01-01T00:00:00Z'));
  isServing = true;
  return registry;
}

const found = async (registry: ScriptedRegistry, types = [RELEASE]) =>
  (await attachments(client(), at(registry), digest, types)).map(({ bytes }) => bytes.toString());
const HELD = [JSON.stringify({ released: '2026-01-01T00:00:00Z' })];

const page = '<html>Sign in to your account</html>';
const notServed: [how: string, answer: (registry: ScriptedRegistry) => Answer][] = [
  ['404', () => fault(404, 'NOT_FOUND')],
  ['404 in HTML', () => ({ status: 404, body: page })],
  ['400', () => fault(400, 'UNSUPPORTED')],
  ['401', () => fault(401, 'UNAUTHORIZED')],
  // sigstore/cosign issue 2973: Artifactory, for what it does not know
  ['403', () => fault(403, 'UNAUTHORIZED')],
  ['405', () => ({ status: 405 })],
  // google/go-containerregistry issue 1962
  ['406', () => ({ status: 406 })],
  ['501', () => ({ status: 501 })],
  // sigstore/sigstore-js pull request 1187
  ['200, with any page', () => ({ status: 200, body: page })],
  ['200, with nothing', () => ({ status: 200 })],
  ['200, with something else', () => json(200, { schemaVersion: 2 })],
];
test.each(notServed)('an end point that is not served, by %s: the tag is read', async (_, answer) => {
  const registry = await startWithRecord(always('GET', /\/referrers\//, (_asked, own) => answer(own)));
  expect(await found(registry)).toEqual(HELD);
});

// artifacthub/hub issue 4785: GHCR leads to a page of the site, which limits requests or wants a login.
test.each([429, 401, 403, 404, 500, 503])(
  'one that leads elsewhere, to %i: the tag is read, and nobody waits',
  async (status) => {
    const site = await startScripted(() => ({ status, headers: { 'retry-after': '20' } }));
    const location = `http://${site.host}/-/v2/packages/container/package/team%2Fsmall%2Freferrers%2Fsha256`;
    const registry = await startWithRecord(
      always('GET', /\/referrers\//, () => ({ status: 303, headers: { location } })),
    );
    expect(await found(registry)).toEqual(HELD);
    expect(site.seen).toHaveLength(1);
  },
);

test.each([429, 500, 503])('one that is served and answers %i: that is no empty list', async (status) => {
  const registry = await startWithRecord(always('GET', /\/referrers\//, () => ({ status })));
  await faultOf(attachments(client(), at(registry), digest, [RELEASE]));
});

test.each([429, 503])('a tag that answers %i where nothing else is served: that is no empty list', async (status) => {
  const registry = await startWithRecord(always('GET', /\/manifests\/sha256-/, () => ({ status })));
  await faultOf(attachments(client(), at(registry), digest, [RELEASE]));
});

/** A list by the end point, of what the registry holds under the tag. */
const served =
  (change: (manifests: object[]) => unknown): Quirk =>
  ({ path }, registry) => {
    if (!path.includes('/referrers/')) return undefined;
    const { manifests, tags } = registry.repository('team/small');
    const kept = manifests.get(tags.get(digest.replace(':', '-')) ?? '')?.bytes.toString() ?? '{}';
    return json(200, { schemaVersion: 2, manifests: change((JSON.parse(kept) as { manifests: object[] }).manifests) });
  };
const withoutTag: Quirk = ({ path }) => (path.includes('/manifests/sha256-') ? fault(403, 'DENIED') : undefined);

const types: [what: string, type: string | undefined][] = [
  ['its own', RELEASE],
  ['none', undefined],
  ['an empty one', ''],
  // sigstore/cosign issue 4641: the type of the configuration is taken for that of the artifact
  ['the empty type', 'application/vnd.oci.empty.v1+json'],
  ['that of an image', 'application/vnd.oci.image.config.v1+json'],
];
test.each(types)('an entry with %s as its type is looked into', async (_, artifactType) => {
  const change = (manifests: object[]) => manifests.map((entry) => ({ ...entry, artifactType }));
  const registry = await startWithRecord(withoutTag, served(change));
  expect(await found(registry)).toEqual(HELD);
});

test('a list in parts, each with the next one named', async () => {
  const registry = await startWithRecord(withoutTag, ({ path, query }, own) => {
    if (!path.includes('/referrers/')) return undefined;
    if (query.has('last')) return served((all) => all)({ path } as never, own, () => ({ status: 500 }));
    const link = `</v2/team/small/referrers/${digest}?last=x&n=1>; rel="next"`;
    return json(200, { schemaVersion: 2, manifests: [] }, { link });
  });
  expect(await found(registry)).toEqual(HELD);
});

test.each([null, []])('a list that is %j has nothing', async (manifests) => {
  const registry = await startWithRecord(
    withoutTag,
    served(() => manifests),
  );
  expect(await found(registry)).toEqual([]);
});

test('what was listed under the tag before the registry learnt to list is not forgotten', async () => {
  const registry = await startWithRecord(served(() => []));
  expect(await found(registry)).toEqual(HELD);
});

// oras-project/oras-go issue 1396: GitLab takes the tag for the digest.
test('a registry that gives the image itself for the tag has nothing beside it', async () => {
  const itself = { status: 200, headers: { 'content-type': image.top.mediaType }, body: image.blobs.get(digest) ?? '' };
  const registry = await startWithRecord(always('GET', /\/manifests\/sha256-/, () => itself));
  expect(await found(registry)).toEqual([]);
});

test('a tag that is not there, where that is answered like a missing right: there is nothing yet, and a list is begun', async () => {
  const absent: Quirk = ({ method, path }, _, own) =>
    method === 'GET' && path.includes('/manifests/') && own().status === 404 ? fault(403, 'UNAUTHORIZED') : undefined;
  const registry = await startScripted(absent);
  registry.hold('team/small', image, '1.0');
  expect(await found(registry)).toEqual([]);
  await attach(client(), at(registry), digest, record('2026-01-01T00:00:00Z'));
  expect(await found(registry)).toEqual(HELD);
});

test('an entry that is not there any more, and one that is an index, are passed over', async () => {
  const registry = await startWithRecord(
    withoutTag,
    served((all) => [
      { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: `sha256:${'0'.repeat(64)}`, size: 2 },
      image.top,
      ...all,
    ]),
  );
  expect(await found(registry)).toEqual(HELD);
});

test('which record is the latest is read from the records, in whatever order they are listed', async () => {
  const dates = ['2026-03-01T00:00:00Z', '2026-10-09T12:00:00+02:00', '2026-10-09T11:00:00Z', '2025-12-31T00:00:00Z'];
  for (const change of [(all: object[]) => all, (all: object[]) => all.toReversed()]) {
    const registry = await startWithRecord(served(change));
    for (const date of dates) await attach(client(), at(registry), digest, record(date));
    const all = await attachments(client(), at(registry), digest, [RELEASE, BUNDLE]);
    expect(latestRecord(all)?.toString()).toContain('2026-10-09T11:00:00Z');
  }
});

test('a record that is none is the latest only where there is no other', () => {
  const broken = { type: RELEASE, bytes: Buffer.from('{"released":"soon"}'), annotations: {} };
  expect(latestRecord([broken, record('1999-01-01T00:00:00Z')])?.toString()).toContain('1999');
  expect(latestRecord([broken])?.toString()).toContain('soon');
  expect(latestRecord([])).toBeUndefined();
});
