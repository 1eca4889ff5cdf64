// How registries refuse, each in its own words, and what a person is told to do about it; and where their token services lead.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openLayout } from '../../src/oci/layout.ts';
import { type Credentials, RegistryClient } from '../../src/oci/registry.ts';
import { moveTags, pushImage } from '../../src/oci/upload.ts';
import { scratch, smallImage, writeArchive } from './helpers.ts';
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
const archive = await writeArchive(join(await scratch(), 'image.tar'), image);
const PASSWORD: Credentials = { kind: 'password', username: 'somebody', password: 'secret' };
const IDENTITY: Credentials = { kind: 'identity', token: 'refresh' };
const client = (credentials?: Credentials) =>
  new RegistryClient({ wait: async () => undefined, attempts: 2, credentials: () => credentials });
const at = ({ host }: { host: string }) => ({ registry: host, repository: 'team/small' });
async function push(registry: ScriptedRegistry, using = client()) {
  const source = await openLayout(archive);
  try {
    return await pushImage(using, at(registry), source);
  } finally {
    await source.close();
  }
}

const kept: [who: string, answer: Answer][] = [
  // moby/buildkit issue 3776
  [
    'ECR',
    fault(
      400,
      'TAG_INVALID',
      "The image tag '1.0' already exists in the 'x' repository and cannot be overwritten because the repository is immutable.",
    ),
  ],
  ['Harbor', fault(412, 'PRECONDITION', "Failed to process request due to 'small:1.0' configured as immutable.")],
  ['Quay', fault(409, 'TAG_IMMUTABLE', 'tag is immutable')],
  // docker/hub-feedback issue 2466
  ['Docker Hub', fault(403, 'DENIED', 'Tag 1.0 is immutable')],
  ['another', { status: 409 }],
];
describe('a tag that the registry does not let be moved', () => {
  test.each(kept)('as %s says it', async (_, answer) => {
    const registry = await startScripted(always('PUT', /manifests\/1\.0$/, () => answer));
    const { digest } = await push(registry);
    const refused = await faultOf(moveTags(client(), at(registry), digest, ['1.0']));
    expect(refused).toMatchObject({ code: 'TAG_KEPT', hint: expect.stringContaining('exempt the tags that move') });
    expect(refused.message).toContain('does not let the tag 1.0 be moved');
  });

  // aws/containers-roadmap issue 2179, replicatedhq/kots pull request 5940
  test('is not sent where it points at the image already: a second delivery of the same succeeds', async () => {
    const registry = await startScripted();
    const { digest } = await push(registry);
    await moveTags(client(), at(registry), digest, ['1.0']);
    registry.seen.splice(0);
    await moveTags(client(), at(registry), digest, ['1.0']);
    expect(registry.seen.filter(({ method }) => method === 'PUT')).toEqual([]);
  });
});

/** Begins uploads there. */
const uploadsAt =
  (location: (registry: ScriptedRegistry) => string): Quirk =>
  ({ method }, registry) =>
    method === 'POST' ? { status: 202, headers: { location: location(registry) } } : undefined;

describe('an upload whose address is another host', () => {
  test('that wants to know who asks: the registry takes itself for it', async () => {
    const other = await startScripted(() => ({ status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }));
    const registry = await startScripted(uploadsAt(() => `http://${other.host}/v2/team/small/blobs/uploads/1`));
    const refused = await faultOf(push(registry, client(PASSWORD)));
    expect(refused.message).toContain(`leads to ${other.host}`);
    expect(refused.hint).toMatch(/takes itself for .*: set its external address to .*http\.host.*external_url/);
    expect(other.seen.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  test('that does not: it is used, without the token', async () => {
    const other = await startScripted();
    const needsLogin: Quirk = ({ headers }) =>
      headers.authorization === undefined
        ? { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }
        : undefined;
    const there = uploadsAt(() => `http://${other.host}/v2/team/small/blobs/uploads/1`);
    const registry = await startScripted(needsLogin, there);
    await faultOf(push(registry, client(PASSWORD)));
    expect(other.seen.length).toBeGreaterThan(0);
    expect(other.seen.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });
});

test.each(['/token', 'token', 'https:///token', '://x/token', ''])(
  'a realm without host, %j: the configuration has to name one',
  async (realm) => {
    const header = `Bearer realm="${realm}",service="registry"`;
    const registry = await startScripted(() => ({ status: 401, headers: { 'www-authenticate': header } }));
    const refused = await faultOf(client().manifest({ ...at(registry), tag: '1.0' }));
    expect(refused.message).toContain('which is not a complete address');
    expect(refused.hint).toContain('auth.token.realm');
  },
);

const challenged =
  (realm: () => string): Quirk =>
  ({ headers }) =>
    headers.authorization === 'Bearer good'
      ? undefined
      : { status: 401, headers: { 'www-authenticate': `Bearer realm="${realm()}",service="x"` } };
const gives: Quirk = ({ path }) => (path === '/given' ? json(200, { token: 'good' }) : undefined);

describe('a token service that leads', () => {
  const rows: [status: number, credentials: Credentials | undefined, what: string][] = [
    [301, PASSWORD, 'a password'],
    [302, PASSWORD, 'a password'],
    [307, PASSWORD, 'a password'],
    [307, undefined, 'nothing'],
    [307, IDENTITY, 'an identity token'],
    [308, IDENTITY, 'an identity token'],
  ];
  test.each(rows)('by %i to another address of its own gets %2$s there', async (status, credentials) => {
    const registry = await startScripted(
      gives,
      ({ path, query }) => (path === '/token' ? { status, headers: { location: `/given?${query}` } } : undefined),
      challenged(() => `http://${registry.host}/token`),
    );
    registry.hold('team/small', image, '1.0');
    expect((await client(credentials).manifest({ ...at(registry), tag: '1.0' })).digest).toBe(image.top.digest);
    const asked = registry.seen.find(({ path }) => path === '/given');
    if (credentials?.kind === 'password') expect(asked?.headers.authorization).toMatch(/^Basic /);
    if (credentials?.kind === 'identity') expect(asked?.body.toString()).toContain('refresh_token=refresh');
  });

  test('to another host: that sees no password', async () => {
    const other = await startScripted(gives);
    const registry = await startScripted(
      ({ path }) =>
        path === '/token' ? { status: 302, headers: { location: `http://${other.host}/given` } } : undefined,
      challenged(() => `http://${registry.host}/token`),
    );
    registry.hold('team/small', image, '1.0');
    expect((await client(PASSWORD).manifest({ ...at(registry), tag: '1.0' })).digest).toBe(image.top.digest);
    expect(other.seen.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  test.each([302, 307])('to another host, by %i: an identity token goes nowhere else', async (status) => {
    const other = await startScripted(gives);
    const registry = await startScripted(
      ({ path }) => (path === '/token' ? { status, headers: { location: `http://${other.host}/given` } } : undefined),
      challenged(() => `http://${registry.host}/token`),
    );
    const refused = await faultOf(client(IDENTITY).manifest({ ...at(registry), tag: '1.0' }));
    expect(refused.message).toContain('which is not given the identity token');
    expect(other.seen).toEqual([]);
  });

  test.each([
    ['to plain http elsewhere', 'http://registry.example/token', 'INSECURE'],
    ['without end', '/token', 'REGISTRY_ERROR'],
  ])('%s: is not followed', async (_, location, code) => {
    const registry = await startScripted(
      ({ path }) => (path === '/token' ? { status: 302, headers: { location } } : undefined),
      challenged(() => `http://${registry.host}/token`),
    );
    expect(await faultOf(client().manifest({ ...at(registry), tag: '1.0' }))).toMatchObject({ code });
  });
});

test('throughout a push a token may both read and write, as what does not exist yet may be read by nobody else', async () => {
  const registry = await startScripted(
    ({ path, query }) => (path === '/token' ? json(200, { token: query.get('scope')?.split(':').at(-1) }) : undefined),
    ({ headers }, { host }) =>
      headers.authorization === 'Bearer pull,push'
        ? undefined
        : { status: 401, headers: { 'www-authenticate': `Bearer realm="http://${host}/token"` } },
  );
  const { digest } = await push(registry, client(PASSWORD));
  await moveTags(client(PASSWORD), at(registry), digest, ['1.0']);
  expect(registry.repository('team/small').tags.get('1.0')).toBe(digest);
});
