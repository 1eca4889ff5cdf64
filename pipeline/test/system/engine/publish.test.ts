// Container.publish and withRegistryAuth, at Debian's own registry and one that asks who comes; the first six answers are a real Dagger Engine v0.21.8's.
import { createHash } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { MEDIA } from '../../../src/oci/types.ts';
import { type FaultyRegistry, type Registry, startProxy, startRegistry } from '../delivery/registry.ts';
import { sdkSession } from '../sdk-session.ts';
import { errorOf, refusal } from './rows.ts';

const t = sdkSession();
const { dag } = t;

let open: Registry;
let closed: FaultyRegistry;
const OWNER = `Basic ${Buffer.from('ada:lovelace').toString('base64')}`;

beforeAll(async () => {
  open = await startRegistry();
  closed = await startProxy(open);
  closed.faults = [
    ({ headers }, response) => {
      if (headers.authorization === OWNER) return false;
      response.writeHead(401, { 'www-authenticate': 'Basic realm="here"' }).end('{"errors":[{"code":"UNAUTHORIZED"}]}');
      return true;
    },
  ];
});

const allowed = (container = t.base()) =>
  container.withRegistryAuth(closed.host, 'ada', dag.setSecret('password', 'lovelace'));

test('the answer is the reference, with the digest', async () => {
  const answer = await t.base().withNewFile('/a', 'A').publish(`${open.host}/one:1`);
  expect(answer).toMatch(new RegExp(`^${open.host}/one:1@sha256:[0-9a-f]{64}$`));
  const served = await fetch(`http://${open.host}/v2/one/manifests/1`, { headers: { accept: MEDIA.manifest } });
  const digest = createHash('sha256')
    .update(Buffer.from(await served.arrayBuffer()))
    .digest('hex');
  expect(answer).toBe(`${open.host}/one:1@sha256:${digest}`);
});

test('what was published comes back', async () => {
  const made = t.base().withNewFile('/a', 'A').withLabel('l', '1').withEntrypoint(['e']);
  const container = dag.container().from(await made.publish(`${open.host}/two:1`));
  expect([await container.file('/a').contents(), await container.label('l'), await container.entrypoint()]).toEqual([
    'A',
    '1',
    ['e'],
  ]);
});

test('the same again is the same; a tag that moved is followed', async () => {
  const address = `${open.host}/three:1`;
  const one = t.base().withNewFile('/a', 'one');
  expect(await one.publish(address)).toBe(await one.publish(address));
  expect(await dag.container().from(address).file('/a').contents()).toBe('one');
  const moved = await t.base().withNewFile('/a', 'two').publish(address);
  expect(
    await dag
      .container({ platform: await dag.defaultPlatform() })
      .from(address)
      .imageRef(),
  ).toBe(moved);
});

test('without the right it is refused, with it not', async () => {
  const address = `${closed.host}/four:1`;
  expect(await errorOf(t.base().publish(address))).toEqual(refusal('cannot publish '));
  expect(await errorOf(dag.container().from(address).sync())).toEqual(refusal('cannot have '));
  expect(await allowed().publish(address)).toContain('/four:1@sha256:');
  expect(await allowed(dag.container()).from(address).label('base')).toBe('busybox');
  expect(await errorOf(allowed().withoutRegistryAuth(closed.host).publish(address))).toEqual(
    refusal('cannot publish '),
  );
});

test('an image that nobody changed keeps its digest', async () => {
  const ref = await allowed().publish(`${closed.host}/five:1`);
  expect(await allowed(dag.container()).from(ref).publish(`${open.host}/six`)).toBe(
    ref.replace(`${closed.host}/five:1`, `${open.host}/six:latest`),
  );
});

test('an image for two platforms', async () => {
  const arm = dag.container({ platform: 'linux/arm64' as never }).withRootfs(dag.directory().withNewFile('a', 'arm'));
  const ref = await t.base().publish(`${open.host}/seven:1`, { platformVariants: [arm] });
  const found = dag.container({ platform: 'linux/arm64' as never }).from(ref);
  expect(await found.file('/a').contents()).toBe('arm');
});

test('what is no address is refused', async () => {
  expect(await errorOf(t.base().publish('a b'))).toEqual(refusal('is not an image reference'));
});
