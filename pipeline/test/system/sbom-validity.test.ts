// SBOMs, held against validators that are none of ours: spdx-tools and cyclonedx-python-lib, from PyPI, where there is a Python for them.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { cacheFolder } from '../../engine/store/store.ts';
import { normaliseCycloneDx, normaliseSpdx } from '../../src/oci/sbom.ts';
import { has, run, scratch } from '../oci/helpers.ts';

type Json = Record<string, unknown>;

const PROGRAMS = new URL('programs/', import.meta.url);
const requirements = fileURLToPath(new URL('sbom-validators.txt', PROGRAMS));
const program = fileURLToPath(new URL('validate-sbom.py', PROGRAMS));
const FIXTURES = new URL('../fixtures/syft/', import.meta.url);
const recorded = (name: string) => JSON.parse(readFileSync(new URL(name, FIXTURES), 'utf8')) as Json;

const folder = await scratch();
const hasVenv =
  has('python3') &&
  (await run('python3', ['-m', 'venv', '--help']).then(
    () => true,
    () => false,
  ));

/** Made once, and kept with the other programs of tests. */
async function validators(): Promise<string> {
  const version = (await run('python3', ['--version'])).stdout;
  const name = createHash('sha256').update(version).update(readFileSync(requirements)).digest('hex').slice(0, 16);
  const place = join(cacheFolder(), 'test-programs', `python-${name}`);
  if (existsSync(place)) return join(place, 'bin/python');
  const aside = `${place}.${process.pid}`;
  await mkdir(join(cacheFolder(), 'test-programs'), { recursive: true });
  await run('python3', ['-m', 'venv', aside]);
  await run(join(aside, 'bin/python'), ['-m', 'pip', 'install', '--quiet', '--no-deps', '--requirement', requirements]);
  await rename(aside, place).catch(() => rm(aside, { recursive: true, force: true }));
  return join(place, 'bin/python');
}

describe.skipIf(!hasVenv)('independent validators (skipped where there is no Python)', () => {
  let python: string;
  beforeAll(async () => {
    python = await validators();
  });

  async function faultsOf(name: string, document: Json): Promise<string[]> {
    const file = join(folder, name);
    await writeFile(file, JSON.stringify(document));
    const { stdout } = await run(python, [program, file]);
    return stdout.split('\n').filter(Boolean);
  }

  const subjects = [
    ['image', { name: 'ghcr.io/acme/drydock-service', digest: `sha256:${'1'.repeat(64)}` }],
    ['source', { name: 'drydock-service-source', digest: null }],
  ] as const;
  test.each(subjects)('of the %s, both documents are valid', async (of, subject) => {
    expect(await faultsOf(`${of}.spdx.json`, normaliseSpdx(recorded(`${of}-1.spdx.json`), subject))).toEqual([]);
    expect(await faultsOf(`${of}.cdx.json`, normaliseCycloneDx(recorded(`${of}-1.cdx.json`), subject))).toEqual([]);
  });

  // What packages of npm really give as their repository.
  const places = ['jshttp/accepts', 'github:watson/ci-info', 'git@github.com:siimon/prom-client.git', 'here', '', null];
  test('wherever a package says that it is from', async () => {
    const raw = recorded('source-1.spdx.json');
    const [first, ...others] = raw.packages as Json[];
    const more = places.map((downloadLocation, index) => ({
      ...{ SPDXID: `SPDXRef-Package-${index}`, name: `p${index}`, versionInfo: '1', filesAnalyzed: false },
      ...{ downloadLocation, licenseConcluded: 'NOASSERTION', licenseDeclared: 'LicenseRef-Only-Here' },
    }));
    const document = normaliseSpdx({ ...raw, packages: [first, ...others, ...more] }, { name: 'x', digest: null });
    expect(await faultsOf('places.spdx.json', document)).toEqual([]);
  });

  test('they are ones that refuse', async () => {
    const spdx = recorded('image-1.spdx.json');
    expect((await faultsOf('raw.spdx.json', spdx)).join()).toMatch(/download_location must be a valid URL|license/);
    const cyclonedx = { ...recorded('image-1.cdx.json'), serialNumber: 'none' };
    expect(await faultsOf('raw.cdx.json', cyclonedx)).not.toEqual([]);
  });
});
