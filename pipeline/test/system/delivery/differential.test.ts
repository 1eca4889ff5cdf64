// The same registry, with the same quirk, is asked by us and by skopeo: the outcomes agree, or the row says why they do not.
import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { digestOf } from '../../../src/oci/digest.ts';
import { OciError } from '../../../src/oci/errors.ts';
import { MEDIA, openLayout } from '../../../src/oci/layout.ts';
import { pullToLayout } from '../../../src/oci/pull.ts';
import { RegistryClient } from '../../../src/oci/registry.ts';
import { moveTags, pushImage } from '../../../src/oci/upload.ts';
import { run, scratch, smallImage, writeArchive } from '../../oci/helpers.ts';
import { type ScriptedRegistry, startScripted } from '../../oci/scripted-registry.ts';
import { debianProgram, PROGRAMS } from '../packages.ts';
import { ROWS, type Row, type Task } from './quirks.ts';
import { startRegistry, startSlowLine } from './registry.ts';

const folder = await scratch();
const image = await smallImage();
const archive = await writeArchive(join(folder, 'image.tar'), image);
const skopeo = await debianProgram(PROGRAMS, 'skopeo');
let count = 0;

/** What came of it: a digest or a list; or the one sentence of the refusal. */
type Outcome = { ends: 'well'; what: string } | { ends: 'refused'; said: string };

async function outcomeOf(work: () => Promise<string>): Promise<Outcome> {
  try {
    return { ends: 'well', what: await work() };
  } catch (error) {
    return { ends: 'refused', said: error instanceof Error ? error.message : String(error) };
  }
}

async function startWith({ task, quirks }: Row): Promise<ScriptedRegistry> {
  const registry = await startScripted(...quirks(image));
  if (task !== 'push') registry.hold('team/small', image, '1.0');
  return registry;
}

const tagged = (registry: ScriptedRegistry) => registry.repository('team/small').tags.get('1.0') ?? 'no such tag';

const ours: Record<Task, (client: RegistryClient, registry: ScriptedRegistry) => Promise<string>> = {
  pull: async (client, { host }) => {
    const target = join(folder, `${++count}`);
    await mkdir(target);
    return (await pullToLayout(client, { registry: host, repository: 'team/small', tag: '1.0' }, target)).digest;
  },
  push: async (client, registry) => {
    const at = { registry: registry.host, repository: 'team/small' };
    const source = await openLayout(archive);
    try {
      const { digest } = await pushImage(client, at, source);
      await moveTags(client, at, digest, ['1.0']);
      return tagged(registry);
    } finally {
      await source.close();
    }
  },
  tags: async (client, { host }) => (await client.tags({ registry: host, repository: 'team/small' })).names.join(),
};

const theirs: Record<Task, (login: readonly string[], registry: ScriptedRegistry) => Promise<string>> = {
  pull: async (login, { host }) => {
    const target = join(folder, `${++count}`);
    const flags = ['--quiet', '--all', '--src-tls-verify=false', ...login.map((flag) => `--src-${flag}`)];
    await run(skopeo, ['--insecure-policy', 'copy', ...flags, `docker://${host}/team/small:1.0`, `dir:${target}`]);
    return digestOf(await readFile(join(target, 'manifest.json')));
  },
  push: async (login, registry) => {
    const flags = ['--quiet', '--all', '--dest-tls-verify=false', ...login.map((flag) => `--dest-${flag}`)];
    const place = `docker://${registry.host}/team/small:1.0`;
    await run(skopeo, ['--insecure-policy', 'copy', ...flags, `oci-archive:${archive}`, place]);
    return tagged(registry);
  },
  tags: async (login, { host }) => {
    const flags = ['--tls-verify=false', ...login.map((flag) => `--${flag}`)];
    const { stdout } = await run(skopeo, ['list-tags', ...flags, `docker://${host}/team/small`]);
    return ((JSON.parse(stdout) as { Tags: string[] | null }).Tags ?? []).join();
  },
};

test.for(ROWS)('$task from or to a registry with this quirk: $what', async (row) => {
  const credentials = () =>
    row.login ? ({ kind: 'password', username: 'somebody', password: 'secret' } as const) : undefined;
  const client = new RegistryClient({ wait: async () => undefined, credentials });
  const [mine, other] = [await startWith(row), await startWith(row)];
  const our = await outcomeOf(() => ours[row.task](client, mine));
  const their = await outcomeOf(() => theirs[row.task](row.login ? ['creds=somebody:secret'] : ['no-creds'], other));
  expect(our).toMatchObject({ ends: row.ends });
  expect(their, row.skopeo?.because ?? 'as we').toMatchObject({ ends: row.skopeo?.ends ?? row.ends });
  if (our.ends === 'well' && their.ends === 'well') expect(our.what).toBe(their.what);
  if (our.ends === 'well') expect(our.what).toBe(row.task === 'tags' ? our.what : image.top.digest);
});

test('a real registry behind a slow line: a layer that takes longer than a host has for an answer', async () => {
  const layer = randomBytes(12 * 1024 * 1024);
  const config = {
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
  };
  const blobs = new Map<string, Buffer>();
  const add = (mediaType: string, bytes: Buffer) => {
    blobs.set(digestOf(bytes), bytes);
    return { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  };
  const described = {
    config: add(MEDIA.config, Buffer.from(JSON.stringify(config))),
    layers: [add(MEDIA.layer, layer)],
  };
  const manifest = { schemaVersion: 2, mediaType: MEDIA.manifest, ...described };
  const top = add(MEDIA.manifest, Buffer.from(JSON.stringify(manifest)));
  const large = await writeArchive(join(folder, 'large.tar'), { ...image, blobs }, top);
  const line = await startSlowLine(await startRegistry(), 3 * 1024 * 1024);
  const client = new RegistryClient({ pace: { windowMs: 2000 }, attempts: 1 });
  const source = await openLayout(large);
  const { digest } = await pushImage(client, { registry: line.host, repository: 'ours/large' }, source);
  await source.close();
  const place = `docker://${line.host}/theirs/large:1.0`;
  await run(skopeo, [
    '--insecure-policy',
    'copy',
    '--quiet',
    '--preserve-digests',
    '--dest-tls-verify=false',
    `oci-archive:${large}`,
    place,
  ]);
  const copied = await client.manifest({ registry: line.host, repository: 'theirs/large', tag: '1.0' });
  expect([digest, copied.digest]).toEqual([top.digest, top.digest]);
});

test('whatever is refused is refused in a sentence of ours', async () => {
  for (const row of ROWS.filter(({ ends }) => ends === 'refused')) {
    const registry = await startWith(row);
    const client = new RegistryClient({ wait: async () => undefined });
    await expect(ours[row.task](client, registry), row.what).rejects.toBeInstanceOf(OciError);
  }
});
