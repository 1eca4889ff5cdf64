// The image that follows from the service's manifest: only content in it, nothing of when and where.
import { expect, test } from 'vitest';
import { HEALTH_LABEL, imageSpec, ownSpec, parseServiceManifest, type SpecInputs } from '../../src/core/service.ts';
import { parseSpec } from '../../src/oci/spec.ts';
import { pinned } from '../../src/pins.ts';

const SHOP = { path: 'service', name: 'shop', start: null };

const manifest = (over: Record<string, unknown> = {}) =>
  parseServiceManifest(
    JSON.stringify({ name: 'shop', version: '1.2.3', main: './dist/server.js', license: 'MIT', ...over }),
    SHOP,
  );
const inputs = (over: Partial<SpecInputs> = {}): SpecInputs => ({
  ...{ manifest: manifest(), start: { words: ['dist/server.js'], from: 'main' }, port: 8000, health: '/health' },
  pin: pinned('runtime'),
  archives: ['/base.tar'],
  app: '/app',
  platforms: ['linux/amd64'],
  mirrors: [],
  offline: false,
  hasHealthcheck: true,
  ...over,
});

test('the spec is one that the assembler takes', () => {
  expect(parseSpec(imageSpec(inputs()))).toMatchObject({
    user: '65532:65532',
    entrypoint: ['/nodejs/bin/node', 'dist/server.js'],
    workdir: '/app',
    ports: ['8000/tcp'],
    repoTag: 'shop:1.2.3',
    healthcheck: { test: ['CMD', '/nodejs/bin/node', 'dist/healthcheck.js'] },
  });
});

test('so is that of a service which its own commands make: nothing of Node in it, and where it answers as a label', () => {
  const spec = ownSpec({
    ...{ manifest: parseServiceManifest(null, { ...SHOP, name: 'worker' }), app: '/app', port: 9000, health: '/up' },
    ...{ image: pinned('node'), archives: ['/base.tar'], platforms: ['linux/amd64'], mirrors: [] },
    start: ['python', '-m', 'worker'],
  });
  expect(parseSpec(spec)).toMatchObject({
    ...{ entrypoint: ['python', '-m', 'worker'], env: { PORT: '9000' }, repoTag: 'worker:0.0.0', ports: ['9000/tcp'] },
    labels: { 'org.opencontainers.image.title': 'worker', [HEALTH_LABEL]: '/up' },
  });
  expect(spec).not.toHaveProperty('healthcheck');
});

test('a service without a healthcheck gets one that needs no shell', () => {
  const { healthcheck } = parseSpec(imageSpec(inputs({ hasHealthcheck: false })));
  expect(healthcheck?.test.slice(0, 3)).toEqual(['CMD', '/nodejs/bin/node', '-e']);
  expect(healthcheck?.test[3]).toContain('http://127.0.0.1:8000/health');
});

const labels: [name: string, over: Record<string, unknown>, label: string, value: string | undefined][] = [
  ['licence', {}, 'licenses', 'MIT'],
  ['no licence', { license: undefined }, 'licenses', undefined],
  ['repository as an address', { repository: 'https://x.example/a' }, 'source', 'https://x.example/a'],
  [
    'repository as npm writes it',
    { repository: { url: 'git+https://x.example/a.git' } },
    'source',
    'https://x.example/a',
  ],
  ['repository in short', { repository: 'github:a/b' }, 'source', 'https://github.com/a/b'],
  ['version', {}, 'version', '1.2.3'],
];
for (const [name, over, label, value] of labels) {
  test(`label: ${name}`, () => {
    expect(
      parseSpec(imageSpec(inputs({ manifest: manifest(over) }))).labels?.[`org.opencontainers.image.${label}`],
    ).toBe(value);
  });
}

const names: [name: string, repository: string][] = [
  ['shop', 'shop'],
  ['@acme/Shop', 'acme/shop'],
  ['_odd~name_', 'odd-name'],
];
for (const [name, repository] of names) {
  test(`a package called ${name} is loaded as ${repository}`, () => {
    expect(parseSpec(imageSpec(inputs({ manifest: manifest({ name }) }))).repoTag).toBe(`${repository}:1.2.3`);
  });
}

const refused: [name: string, text: string, message: string][] = [
  ['not JSON', '{', 'is not JSON'],
  ['a list', '[]', 'does not hold a JSON object'],
];
for (const [name, text, message] of refused) {
  test(`a manifest with ${name} is refused`, () => expect(() => parseServiceManifest(text, SHOP)).toThrow(message));
}

test('one that says nothing of itself has the name of the service, and no version', () =>
  expect(parseServiceManifest('{}', SHOP)).toMatchObject({ name: 'shop', version: '0.0.0', license: null }));
