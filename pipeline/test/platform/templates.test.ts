// What `add platform` writes: the templates are this repository's own platform, and each file of one is made for the repository that gets it.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { TEMPLATES } from '../../cli/programs.ts';
import { readCompose } from '../../src/core/compose/read.ts';
import { COPIES, platformText, projectName } from '../../src/core/init/platform.ts';

const ROOT = join(TEMPLATES, '../..');
const FOLDER = join(TEMPLATES, 'platform');
const FILES = readdirSync(FOLDER, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name !== 'gitignore')
  .map((entry) => relative(FOLDER, join(entry.parentPath, entry.name)))
  .sort();

test.each(FILES)(
  '%s is that of this repository (else: npx vitest run --project unit platform/templates -u)',
  async (path) => await expect(readFileSync(join(ROOT, path), 'utf8')).toMatchFileSnapshot(join(FOLDER, path)),
);

test('there is one of each file that the platform mounts', () => {
  const { services } = readCompose(readFileSync(join(FOLDER, 'docker-compose.yml'), 'utf8'), { APP_IMAGE: 'app' });
  const mounted = services.flatMap(({ binds }) => binds.map(({ source }) => source.replace(/^\.\//, '')));
  expect(mounted.length).toBeGreaterThan(4);
  for (const path of mounted.filter((path) => !path.endsWith('secrets')))
    expect(
      FILES.filter((file) => `${file}/`.startsWith(`${path}/`)),
      path,
    ).not.toEqual([]);
});

const text = (path: string, facts: Partial<Parameters<typeof platformText>[2]>) =>
  platformText(path, readFileSync(join(FOLDER, path), 'utf8'), {
    ...{ name: 'shop', port: 8000, health: '/health', hasHealthcheck: true },
    ...facts,
  });

test('the service is asked where it listens', () => {
  const facts = { port: 3000, health: '/up' };
  const { template } = parseAllDocuments(text('deploy/base/app.yaml', facts))
    .map((document) => document.toJS())
    .find(({ kind }) => kind === 'Deployment').spec;
  const [{ ports, env, startupProbe, readinessProbe }] = template.spec.containers;
  expect(ports).toEqual([{ name: 'http', containerPort: 3000 }]);
  expect(env).toContainEqual({ name: 'PORT', value: '3000' });
  expect([startupProbe, readinessProbe].map(({ httpGet }) => httpGet.path)).toEqual(['/up', '/up']);
  expect(text('docker-compose.yml', facts)).toContain('PORT: "3000"');
  expect(text('monitoring/prometheus/prometheus.yml', facts)).toContain('targets: [app:3000]');
  const nginx = text('nginx/templates/default.conf.template', facts);
  expect([...nginx.matchAll(/http:\/\/\$upstream:(\d+);/g)].map(([, port]) => port)).toEqual(['3000', '3000']);
});

test('an image that does not say whether it is well is not waited for', () => {
  const waitsFor = (hasHealthcheck: boolean) =>
    /app: \{ condition: (\w+) \}/.exec(text('docker-compose.yml', { hasHealthcheck }))?.[1];
  expect([true, false].map(waitsFor)).toEqual(['service_healthy', 'service_started']);
});

test.each(FILES.filter((path) => path.startsWith('deploy/')))('%s names nothing of this repository', (path) => {
  const own = text(path, {}).replace(/^ +runbook_url: .*$/gm, '');
  expect(own).not.toMatch(/drydock|render\.ts|npm run/);
  for (const document of parseAllDocuments(own)) expect(document.errors).toEqual([]);
});

test('what Kustomize reads is there', () => {
  const { resources, configMapGenerator } = parse(text('deploy/base/kustomization.yaml', {}));
  const read: string[] = [...resources, ...configMapGenerator.flatMap(({ files }: { files: string[] }) => files)];
  const there = [...FILES, ...Object.values(COPIES)];
  expect(read.filter((path) => !there.includes(`deploy/base/${path}`))).toEqual([]);
});

test('a template that is another than was thought is refused', () =>
  expect(() =>
    platformText('docker-compose.yml', 'services: {}\n', { name: 'a', port: 1, health: '/', hasHealthcheck: true }),
  ).toThrow('name: drydock'));

const names: [folder: string, name: string][] = [
  ['shop', 'shop'],
  ['My Shop (2)', 'my-shop-2'],
  ['.dot_files', 'dot-files'],
  ['Köln', 'k-ln'],
  ['…', 'service'],
];
// docs.docker.com/compose/how-tos/project-name: lowercase letters, digits, dashes, underscores; the first a letter or digit. RFC 1123, which
// Kubernetes follows: no underscores, and no dash at the end.
test.each(names)('the project of %s', (folder, name) => {
  expect(projectName(folder)).toBe(name);
  expect(name).toMatch(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
});
