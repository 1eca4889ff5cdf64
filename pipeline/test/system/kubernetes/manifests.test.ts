// The manifests before the tools and schemas of a cluster: kustomize builds them, the schemas take them, promtool takes the rules.
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { $ } from 'zx';
import { has } from '../../oci/helpers.ts';
import { debianProgram } from '../packages.ts';
import { PROMETHEUS } from '../platform/neighbours.ts';
import { ROOT, temporaryFolder } from '../support.ts';
import { type Resource, schemaFaults, typeFaults, unpackModels } from './schemas.ts';

const DEPLOY = join(ROOT, 'deploy');
const parse = <T = Resource>(text: string) => parseAllDocuments(text).map((document) => document.toJS() as T);
const readAll = async (folder: string) => {
  const names = (await readdir(join(DEPLOY, folder))).filter(
    (name) => name.endsWith('.yaml') && name !== 'kustomization.yaml',
  );
  return (await Promise.all(names.map((name) => readFile(join(DEPLOY, folder, name), 'utf8')))).flatMap((text) =>
    parse(text),
  );
};

/** kustomize itself, or as a part of kubectl. */
const builder = () => {
  if (has('kustomize')) return ['kustomize', 'build'];
  const inPath = (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, 'kubectl')));
  return inPath ? ['kubectl', 'kustomize'] : null;
};
const kustomize = builder();

let models: string;
beforeAll(async () => {
  models = await unpackModels();
});

test('base, examples and what kustomize makes of the overlays are valid', async () => {
  const resources = [
    ...(await readAll('base')),
    ...(await readAll('examples')),
    ...(await build('staging')),
    ...(await build('production')),
  ];
  expect(await typeFaults(models, resources)).toBe('');
  expect(await schemaFaults(models, resources)).toEqual([]);
});

test('the receivers of the documentation are valid', async () => {
  const blocks = (await readFile(join(DEPLOY, 'receivers.md'), 'utf8')).matchAll(
    /```yaml\n(- name: \w+\n {2}\w+Configs:[\s\S]*?)```/g,
  );
  const receivers = [...blocks].flatMap(([, text = '']) => parse<{ name: string }[]>(text)).flat();
  expect(receivers.map(({ name }) => name)).toEqual(['teams', 'slack']);
  const metadata = { name: 'documentation' };
  const spec = { route: { receiver: 'teams' }, receivers };
  const resource = { apiVersion: 'monitoring.coreos.com/v1alpha1', kind: 'AlertmanagerConfig', metadata, spec };
  expect(await typeFaults(models, [resource])).toBe('');
  expect(await schemaFaults(models, [resource])).toEqual([]);
});

const slips: [name: string, from: string, to: string, found: RegExp][] = [
  [
    'a field that does not exist',
    '"terminationGracePeriodSeconds"',
    '"terminationGraceSeconds"',
    /terminationGraceSeconds/,
  ],
  [
    'a number where a name belongs',
    '"serviceAccountName":"nginx"',
    '"serviceAccountName":1',
    /'number' is not assignable to type 'string'/,
  ],
  ['a duration that is none', '"for":"1m"', '"for":"soon"', /PrometheusRule app: .*\/for pattern/],
];
test('slips are found', async () => {
  const text = JSON.stringify(await readAll('base'));
  for (const [name, from] of slips) expect(text, name).toContain(from);
  const broken = slips.reduce((before, [, from, to]) => before.replace(from, to), text);
  const resources = JSON.parse(broken) as Resource[];
  const said = [await typeFaults(models, resources), ...(await schemaFaults(models, resources))].join('\n');
  for (const [name, , , found] of slips) expect(said, name).toMatch(found);
});

async function build(overlay: string): Promise<Resource[]> {
  if (kustomize === null) return [];
  return parse((await $({ quiet: true })`${kustomize} ${join(DEPLOY, 'overlays', overlay)}`).stdout);
}

const KINDS = [
  ...[
    'Namespace',
    'ServiceAccount',
    'ConfigMap',
    'Service',
    'Deployment',
    'PodDisruptionBudget',
    'HorizontalPodAutoscaler',
  ],
  ...['Ingress', 'NetworkPolicy', 'ServiceMonitor', 'PrometheusRule', 'AlertmanagerConfig'],
];
type Deployment = Resource & {
  spec: { template: { spec: { containers: { image: string; env: { name: string; value: string }[] }[] } } };
};
for (const name of ['staging', 'production']) {
  test.skipIf(kustomize === null)(
    `${name} has all there is, and its release (where there is kustomize or kubectl)`,
    async () => {
      const built = await build(name);
      expect(new Set(built.map(({ kind }) => kind))).toEqual(new Set(KINDS));
      const release = JSON.parse(await readFile(join(DEPLOY, 'overlays', name, 'release.json'), 'utf8'));
      const app = built.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'app') as Deployment;
      const [container] = app.spec.template.spec.containers;
      expect(container?.image).toBe(`${release.image.name}@${release.image.digest}`);
      const env = Object.fromEntries((container?.env ?? []).map((variable) => [variable.name, variable.value]));
      expect(env).toMatchObject({
        APP_COMMIT: release.source.commit,
        APP_BUILT: release.built,
        APP_DIGEST: release.image.digest,
      });
      expect(env.PORT).toBe('8000');
    },
  );
}

test('promtool takes the rules', async () => {
  const rule = (await readAll('base')).find(({ kind }) => kind === 'PrometheusRule') as Resource & { spec: object };
  const promtool = await debianProgram(PROMETHEUS, 'promtool');
  const file = join(await temporaryFolder('rules'), 'rules.yml');
  await writeFile(file, stringify(rule.spec));
  const { exitCode, stdout, stderr } = await $({ nothrow: true, quiet: true })`${promtool} check rules ${file}`;
  expect(exitCode, stderr).toBe(0);
  expect(stdout).toMatch(/\d+ rules found/);
});
