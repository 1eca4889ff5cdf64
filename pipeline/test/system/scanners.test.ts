// The scanners of the pins in the embedded engine; where no registry answers, as they were assembled from packages.
import type { Container, Directory } from '@dagger.io/dagger';
import { expect, test } from 'vitest';
import { type PinName, pinned } from '../../src/pins.ts';
import { DATABASE } from '../oci/vulnerabilities.ts';
import { sdkSession } from './sdk-session.ts';
import { ROOT } from './support.ts';

const { dag, base } = sdkSession();
const image = (name: PinName) => dag.container().from(pinned(name));

const scanners: [name: PinName, version: string[], program: string, says: RegExp][] = [
  ['syft', ['/syft', 'version'], '/syft', /^Application: +syft\nVersion: +1\.\d+\.\d+\n/],
  ['trivy', ['trivy', '--version'], '/usr/local/bin/trivy', /^Version: (dev|0\.\d+\.\d+)\n/],
];
for (const [name, version, program, says] of scanners) {
  test(`${name} runs, and says its version`, async () => {
    const container = image(name);
    expect(await container.withExec(version).stdout()).toMatch(says);
    expect(await container.entrypoint()).toEqual(version.slice(0, 1));
    expect((await container.file(program).stat().permissions()) & 0o777).toBe(0o755);
    expect(await container.file('/etc/ssl/certs/ca-certificates.crt').contents()).toMatch(
      /^-----BEGIN CERTIFICATE-----/,
    );
  });

  test(`a substitute of ${name} holds the program, certificates, and nothing else`, async (context) => {
    const label = await image(name).label('dev.drydock.stand-in');
    context.skip(label === '', 'a registry gave the image itself');
    expect(label).toMatch(/, holding (Syft 1\.18\.1|Trivy 0\.(76\.0|44\.1))$/);
    const paths = await image(name).rootfs().glob('**');
    expect(paths.filter((path) => !path.endsWith('/')).sort()).toEqual([
      'etc/ssl/certs/ca-certificates.crt',
      program.slice(1),
    ]);
  });
}

// ---------------------------------------------------------------------------------------------------- what Trivy finds

type Report = {
  Results?: { Vulnerabilities?: { VulnerabilityID: string; PkgName: string; InstalledVersion: string }[] }[];
};

/** "CVE-2019-10744 lodash 4.17.4", for all that Trivy finds with the database of the tests. */
async function findings(command: 'rootfs' | 'image', target: string[], input: Directory): Promise<string[]> {
  const options = ['--cache-dir', '/cache', '--skip-db-update', '--offline-scan', '--scanners', 'vuln', '--quiet'];
  const json = await image('trivy')
    .withDirectory('/cache/db', dag.host().directory(DATABASE, { include: ['trivy.db', 'metadata.json'] }))
    .withMountedDirectory('/in', input)
    .withExec(['trivy', command, ...options, '--format', 'json', ...target])
    .stdout();
  const { Results = [] } = JSON.parse(json) as Report;
  return Results.flatMap(({ Vulnerabilities = [] }) => Vulnerabilities)
    .map(({ VulnerabilityID, PkgName, InstalledVersion }) => `${VulnerabilityID} ${PkgName} ${InstalledVersion}`)
    .sort();
}

const withLodash = (container: Container, version: string) =>
  container.withNewFile('/app/node_modules/lodash/package.json', JSON.stringify({ name: 'lodash', version }));
const debianPackage = (name: string, source: string, version: string) =>
  `Package: ${name}\nSource: ${source}\nVersion: ${version}\nArchitecture: amd64\nMaintainer: Nobody\nDescription: a test\n`;

test('an image of today with a package that was fixed is clean', async () => {
  const root = withLodash(image('runtime'), '4.17.21').rootfs();
  expect(await findings('rootfs', ['/in'], root)).toEqual([]);
});

test('packages that were not fixed are found: of npm and of Debian 13, in an image as it ships', async () => {
  const old = withLodash(image('runtime'), '4.17.4')
    .withNewFile('/var/lib/dpkg/status.d/libssl3t64', debianPackage('libssl3t64', 'openssl', '3.5.1-1'))
    .withNewFile('/var/lib/dpkg/status.d/zlib1g', debianPackage('zlib1g', 'zlib', '1:1.2.11.dfsg-2'));
  const layout = base()
    .withMountedFile('/image.tar', old.asTarball())
    .withExec(['sh', '-c', 'mkdir /layout && tar xf /image.tar -C /layout'])
    .directory('/layout');
  expect(await findings('image', ['--input', '/in'], layout)).toEqual([
    'CVE-2019-10744 lodash 4.17.4',
    'CVE-2021-23337 lodash 4.17.4',
    'CVE-2022-37434 zlib1g 1:1.2.11.dfsg-2',
    'CVE-2025-9230 libssl3t64 3.5.1-1',
  ]);
});

// ---------------------------------------------------------------------------------------------------- the database

test('the program for the database runs as it is on the Node of the pipeline', async () => {
  const facts = await image('node')
    .withMountedDirectory('/oci', dag.host().directory(`${ROOT}/pipeline/src/oci`))
    .withMountedDirectory('/db', dag.host().directory(DATABASE))
    .withExec(['node', '/oci/vuln-db.ts', 'inspect', '--db', '/db', '--out', '/facts.json'])
    .file('/facts.json')
    .contents();
  expect(JSON.parse(facts)).toMatchObject({ schemaVersion: 2, advisories: { 'debian 13': 4, npm: 7 } });
});

test('where no registry can be reached, the program says so and goes on', async () => {
  const answer = await image('node')
    .withMountedDirectory('/oci', dag.host().directory(`${ROOT}/pipeline/src/oci`))
    .withMountedCache('/memory', dag.cacheVolume('memory'))
    .withExec([
      ...['node', '/oci/vuln-db.ts', 'resolve', '--memory', '/memory', '--out', '/answer.json'],
      ...['--reference', '127.0.0.1:9/aquasecurity/trivy-db:2', '--reference', 'nobody.invalid/trivy-db:2'],
    ])
    .file('/answer.json')
    .contents();
  expect(JSON.parse(answer)).toMatchObject({
    digest: null,
    from: 'nowhere',
    reason: expect.stringMatching(/127\.0\.0\.1:9/),
  });
});
