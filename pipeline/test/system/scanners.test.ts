// The scanners of the pins in the embedded engine; where no registry answers, as they were assembled from packages.
import { expect, test } from 'vitest';
import { type PinName, pinned } from '../../src/pins.ts';
import { sdkSession } from './sdk-session.ts';

const { dag } = sdkSession();
const scanner = (name: PinName) => dag.container().from(pinned(name));

const scanners: [name: PinName, version: string[], program: string, says: RegExp][] = [
  ['syft', ['/syft', 'version'], '/syft', /^Application: +syft\nVersion: +1\.\d+\.\d+\n/],
  ['trivy', ['trivy', '--version'], '/usr/local/bin/trivy', /^Version: (dev|0\.\d+\.\d+)\n/],
];
for (const [name, version, program, says] of scanners) {
  test(`${name} runs, and says its version`, async () => {
    const container = scanner(name);
    expect(await container.withExec(version).stdout()).toMatch(says);
    expect(await container.entrypoint()).toEqual(version.slice(0, 1));
    expect((await container.file(program).stat().permissions()) & 0o777).toBe(0o755);
    expect(await container.file('/etc/ssl/certs/ca-certificates.crt').contents()).toMatch(
      /^-----BEGIN CERTIFICATE-----/,
    );
  });
}

test.each(['syft', 'trivy'] as const)(
  'the stand-in of %s holds a program, certificates, and nothing else',
  async (name) => {
    const root = scanner(name).rootfs();
    const label = await scanner(name).label('dev.drydock.stand-in');
    if (label === '') return; // a registry gave the image itself
    expect(label).toMatch(/, holding (Syft 1\.18\.1|Trivy 0\.44\.1)$/);
    const files = (await root.glob('**')).filter((path) => !path.endsWith('/'));
    expect(files.sort()).toEqual([
      'etc/ssl/certs/ca-certificates.crt',
      name === 'syft' ? 'syft' : 'usr/local/bin/trivy',
    ]);
  },
);
