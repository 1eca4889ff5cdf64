// Containers as images: what is set on them, exported and imported.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Container, type File, ImageLayerCompression, ImageMediaTypes, type Platform } from '@dagger.io/dagger';
import { expect } from 'vitest';
import type { Descriptor, Index, Manifest } from '../../../src/oci/types.ts';
import { sdkSession, sh } from '../sdk-session.ts';
import { errorOf, type Row, refusal, testRows } from './rows.ts';

const { dag, base, host } = sdkSession();
const ARM = 'linux/arm64' as Platform;

const rows: Row[] = [
  // ── settings ──────────────────────────────────────────────────────────────────────────
  [
    'a variable that is empty, and one that is not there',
    async () => [await base().withEnvVariable('A', '').envVariable('A'), await base().envVariable('NOPE')],
    ['', null],
  ],
  [
    'neither entrypoint nor arguments',
    async () => {
      const bare = base().withEntrypoint(['e']).withoutEntrypoint().withoutDefaultArgs();
      return [await bare.entrypoint(), await bare.defaultArgs()];
    },
    [[], []],
  ],
  [
    'labels set and taken away',
    async () => {
      const labels = await base().withLabel('a', '1').withLabel('b', '2').withoutLabel('a').labels();
      return Promise.all(labels.map(async (label) => `${await label.name()}=${await label.value()}`));
    },
    ['base=busybox', 'b=2'],
  ],
  [
    'ports exposed and not any more',
    async () => {
      const ports = await base()
        .withExposedPort(80)
        .withExposedPort(443, { description: 'tls' })
        .withoutExposedPort(80)
        .exposedPorts();
      return Promise.all(ports.map(async (port) => [await port.port(), await port.description()]));
    },
    [[443, 'tls']],
  ],
  ['a user taken away', () => base().withUser('app').withoutUser().withExec(['id', '-u']).stdout(), '0\n'],
  ['a working directory taken away', () => base().withWorkdir('/w').withoutWorkdir().withExec(['pwd']).stdout(), '/\n'],
  [
    'no reference without a registry',
    () => errorOf(base().imageRef()),
    refusal('Image reference can only be retrieved'),
  ],
  ['the platform that was asked for', () => dag.container({ platform: ARM }).platform(), 'linux/arm64'],
  [
    'a platform by another of its names',
    () =>
      Promise.all(
        ['linux/arm64/v8', 'linux/x86_64', 'linux/arm'].map((name) =>
          dag.container({ platform: name as Platform }).platform(),
        ),
      ),
    ['linux/arm64', 'linux/amd64', 'linux/arm/v7'],
  ],
  [
    'no platform at all',
    () => errorOf(dag.container({ platform: 'pdp' as Platform }).sync()),
    refusal('not a platform'),
  ],
  [
    'an archive in the place of all settings',
    async () => {
      const before = dag.container().withEnvVariable('A', '1').withLabel('l', '1');
      const image = before.import_(base().asTarball());
      return [await image.envVariable('A'), await image.label('l'), await image.envVariable('BASE')];
    },
    [null, null, 'yes'],
  ],
  ['the engine’s own platform', () => dag.defaultPlatform(), expect.stringMatching(/^linux\/(amd64|arm64)$/)],
  ['the version that the SDK is made for', () => dag.version(), expect.stringMatching(/^v0\.21\./)],

  // ── archives ──────────────────────────────────────────────────────────────────────────
  [
    'an archive holds the settings',
    async () => {
      const archive = base()
        .withNewFile('/q', 'text')
        .withUser('app')
        .withWorkdir('/w')
        .withExposedPort(80)
        .withLabel('l', 'x')
        .asTarball();
      const image = dag.container().import_(archive);
      return [
        await image.file('/q').contents(),
        await image.user(),
        await image.workdir(),
        await image.label('l'),
        (await image.exposedPorts()).length,
      ];
    },
    ['text', 'app', '/w', 'x', 1],
  ],
  [
    'an archive for `docker load`, and for its owner alone',
    async () => {
      const folder = await host({});
      const path = await base().withEnvVariable('to', 'here').export(join(folder, '$to.tar'), { expand: true });
      const unpacked = base()
        .withMountedFile('/i.tar', dag.host().file(path))
        .withWorkdir('/x')
        .withExec(['tar', 'xf', '/i.tar']);
      const [image] = JSON.parse(await unpacked.file('manifest.json').contents()) as [
        { Config: string; Layers: string[] },
      ];
      const places = await Promise.all([image.Config, ...image.Layers].map((place) => unpacked.exists(place)));
      return [path.slice(folder.length), (statSync(path).mode & 0o777).toString(8), places];
    },
    ['/here.tar', '600', [true, true]],
  ],
  [
    'no archive of nothing, nor of one platform twice',
    async () => [
      await errorOf(dag.container().asTarball().size()),
      await errorOf(
        base()
          .asTarball({ platformVariants: [base()] })
          .size(),
      ),
      (await dag
        .container()
        .asTarball({ platformVariants: [base()] })
        .size()) > 0,
    ],
    [refusal('no containers to export'), refusal('duplicate platform "linux/'), true],
  ],
  [
    'an archive for two platforms',
    async () => {
      const file = join(await host({}), 'both.tar');
      const arm = dag.container({ platform: ARM }).withRootfs(dag.directory().withNewFile('a', 'arm'));
      await base().export(file, { platformVariants: [arm] });
      const own = dag.container().import_(dag.host().file(file));
      const other = dag.container({ platform: ARM }).import_(dag.host().file(file));
      return [await own.label('base'), await other.platform(), await other.file('/a').contents()];
    },
    ['busybox', 'linux/arm64', 'arm'],
  ],
  [
    'an archive with two tags',
    async () => {
      const file = dag
        .host()
        .file(await archiveOfTags({ one: base().withLabel('n', '1'), two: base().withLabel('n', '2') }));
      const tagged = (tag: string) => dag.container().import_(file, { tag });
      return [await tagged('one').label('n'), await tagged('two').label('n'), await errorOf(tagged('three').sync())];
    },
    ['1', '2', refusal('three')],
  ],
  [
    'layers that are not compressed, with Docker’s media types',
    async () => {
      const archive = base().withNewFile('/n', 'x').asTarball({
        forcedCompression: ImageLayerCompression.Uncompressed,
        mediaTypes: ImageMediaTypes.DockerMediaTypes,
      });
      const { type, manifest } = await openArchive(archive);
      return [type, manifest.config.mediaType, [...new Set(manifest.layers.map((layer) => layer.mediaType))]];
    },
    [
      'application/vnd.docker.distribution.manifest.v2+json',
      'application/vnd.docker.container.image.v1+json',
      ['application/vnd.docker.image.rootfs.diff.tar'],
    ],
  ],
  [
    'a health check travels with the image',
    async () => {
      const archive = base()
        .withDockerHealthcheck(['true ok'], { shell: true, interval: '1m30s', retries: 2 })
        .asTarball();
      const image = dag.container().import_(archive);
      const check = image.dockerHealthcheck();
      return [await check.args(), await check.shell(), await check.interval(), await check.retries()];
    },
    [['true ok'], true, '1m30s', 2],
  ],
  [
    'a file that is no archive',
    () => errorOf(dag.container().import_(dag.file('x', 'nonsense')).sync()),
    expect.stringMatching(/^GraphQLRequestError/),
  ],
];
testRows(rows);

/** The manifest of an archive of one image, read in the engine. */
async function openArchive(archive: File): Promise<{ type: string; manifest: Manifest }> {
  const opened = base().withMountedFile('/image.tar', archive).withExec(sh('mkdir /x; tar xf /image.tar -C /x'));
  const index = JSON.parse(await opened.file('/x/index.json').contents()) as Index;
  const [descriptor] = index.manifests;
  if (descriptor === undefined) throw new Error('the archive holds no image');
  const blob = opened.file(`/x/blobs/${descriptor.digest.replace(':', '/')}`);
  return { type: descriptor.mediaType, manifest: JSON.parse(await blob.contents()) as Manifest };
}

/** An archive with several images, as `docker save` writes one. Returns its path. */
async function archiveOfTags(images: Record<string, Container>): Promise<string> {
  const out = await host({});
  const all = join(out, 'all');
  mkdirSync(all);
  const manifests: Descriptor[] = [];
  for (const [tag, image] of Object.entries(images)) {
    await image.export(join(out, `${tag}.tar`));
    const opened = join(out, tag);
    mkdirSync(opened);
    execFileSync('tar', ['xf', `${opened}.tar`, '-C', opened]);
    cpSync(opened, all, { recursive: true });
    const index = JSON.parse(readFileSync(join(opened, 'index.json'), 'utf8')) as Index;
    for (const manifest of index.manifests) {
      manifests.push({ ...manifest, annotations: { 'org.opencontainers.image.ref.name': tag } });
    }
  }
  writeFileSync(join(all, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  execFileSync('tar', ['cf', `${all}.tar`, '-C', all, '.']);
  return `${all}.tar`;
}
