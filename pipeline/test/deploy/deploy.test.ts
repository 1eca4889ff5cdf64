// The Kubernetes manifests are what their sources say now, leave nothing of them out by accident, and shut their pods in.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { readRelease } from '../../../deploy/environments.ts';
import { alertmanagerConfig, NOT_OURS, prometheusRule } from '../../../deploy/monitoring.ts';
import { render } from '../../../deploy/render.ts';
import { ROOT, type RuleGroup, ruleGroups } from '../../../deploy/sources.ts';
import { type Release, renderRelease } from '../../src/core/delivery/release.ts';
import { pinned } from '../../src/pins.ts';
import { refusalOf } from '../cli/make.ts';

const DEPLOY = join(ROOT, 'deploy');
const read = (path: string) => readFileSync(join(DEPLOY, path), 'utf8');

const rendered = render();
for (const { path, text } of rendered) {
  test(`${path} is current (else: npm run deploy)`, () => expect(read(path)).toBe(text));
}

test('no rendered file is left over', () => {
  const files = ['base', 'overlays'].flatMap((folder) =>
    readdirSync(join(DEPLOY, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== 'release.json')
      .map((entry) => join(entry.parentPath, entry.name).slice(DEPLOY.length + 1)),
  );
  expect(files.sort()).toEqual(rendered.map(({ path }) => path).sort());
});

// -------------------------------------------------------------------------------------------------- the same sources

test('every rule is there but those about the monitoring itself', () => {
  const nameOf = ({ alert, record }: RuleGroup['rules'][number]) => alert ?? record ?? '';
  const rules = (groups: RuleGroup[]) => groups.flatMap((group) => group.rules);
  const { groups } = prometheusRule().spec as { groups: RuleGroup[] };
  const own = rules(ruleGroups());
  expect(rules(groups)).toEqual(own.filter((rule) => !NOT_OURS.includes(nameOf(rule))));
  expect(own.map(nameOf)).toEqual(expect.arrayContaining([...NOT_OURS]));
});

test('nginx’s template and the dashboards are the same bytes', () => {
  const copies = rendered.filter(({ path }) => path.startsWith('base/files/') && !path.includes('real-ip'));
  expect(copies.length).toBeGreaterThan(2);
  for (const { path } of copies) {
    const source = path.endsWith('.json') ? 'monitoring/grafana/dashboards' : 'nginx/templates';
    expect(read(path)).toBe(readFileSync(join(ROOT, source, path.replace('base/files/', '')), 'utf8'));
  }
});

test('receivers are the same, and name no address and no credential', () => {
  const { spec } = alertmanagerConfig() as unknown as {
    spec: { receivers: { name: string }[]; route: { receiver: string } };
  };
  const { receivers, route } = parse(readFileSync(join(ROOT, 'monitoring/alertmanager/config.yml'), 'utf8'), {
    merge: true,
  });
  expect(spec.receivers.map(({ name }) => name)).toEqual(receivers.map(({ name }: { name: string }) => name));
  expect(spec.route.receiver).toBe(route.receiver);
  expect(JSON.stringify(spec)).not.toMatch(/https?:/);
});

test('nginx is the pinned image', () => expect(read('base/nginx.yaml')).toContain(`image: ${pinned('nginx')}\n`));

for (const name of ['staging', 'production']) {
  test(`${name} runs the digest of its release record, and says so`, () => {
    const { image, source } = JSON.parse(read(`overlays/${name}/release.json`));
    const { images } = parse(read(`overlays/${name}/kustomization.yaml`));
    expect(images).toEqual([{ name: 'app', newName: image.name, digest: image.digest }]);
    expect(read(`overlays/${name}/kustomization.yaml`)).toContain(`value: ${image.digest}\n`);
    expect(read(`overlays/${name}/kustomization.yaml`)).toMatch(new RegExp(`value: "?${source.commit}"?\\n`));
  });
}

// ------------------------------------------------------------------------------------------------------- hardening

type Workload = {
  kind: string;
  metadata: { name: string };
  spec: {
    selector: { matchLabels: object };
    template: {
      metadata: { labels: object };
      spec: { securityContext: object; automountServiceAccountToken: boolean; containers: object[] };
    };
  };
};
const base = ['app.yaml', 'nginx.yaml'].flatMap((name) =>
  parseAllDocuments(read(`base/${name}`)).map((document) => document.toJS() as Workload),
);
for (const { metadata, spec } of base.filter(({ kind }) => kind === 'Deployment')) {
  test(`${metadata.name} may do little, and is limited`, () => {
    const { template, selector } = spec;
    expect(template.metadata.labels).toMatchObject(selector.matchLabels);
    expect(template.spec).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    });
    expect(template.spec.containers).toHaveLength(1);
    expect(template.spec.containers[0]).toMatchObject({
      resources: {
        requests: { 'ephemeral-storage': expect.anything() },
        limits: { cpu: expect.anything(), memory: expect.anything(), 'ephemeral-storage': expect.anything() },
      },
      startupProbe: expect.anything(),
      readinessProbe: expect.anything(),
      livenessProbe: expect.anything(),
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
    });
  });
}

test('a service that is not well is not started anew for that, and no name has the cluster’s domain in it', () => {
  const text = read('base/app.yaml');
  const probes = ['readinessProbe', 'livenessProbe'].map(
    (kind) => new RegExp(`${kind}:\\n +httpGet:\\n +path: (\\S+)`).exec(text)?.[1],
  );
  expect(probes).toEqual(['/health', '/version']);
  expect(read('base/nginx.yaml').match(/cluster\.local/g)).toHaveLength(1);
});

// --------------------------------------------------------------------------------------------------------- releases

const RECORD: Release = {
  schemaVersion: 1,
  image: { name: 'ghcr.io/owner/name', digest: `sha256:${'a'.repeat(64)}`, tags: ['main'] },
  source: { commit: 'b'.repeat(40), branch: 'main', dirty: false, reason: null },
  built: '2026-06-01T00:00:00Z',
  released: '2026-06-01T01:00:00Z',
  gate: { status: 'passed', policyFrom: 'the working tree' },
  smoke: { status: 'passed', passed: 30, rows: 30 },
  signed: { by: 'keyless', statements: ['provenance'] },
  previous: null,
  rehearsal: false,
};

test('a release record as cd writes it is taken', () =>
  expect(readRelease(renderRelease(RECORD), 'release.json')).toEqual(RECORD));

const { image, source } = RECORD;
const unsound: [change: object, fault: string][] = [
  [{ image: { ...image, digest: 'latest' } }, 'has no sound image.digest'],
  [{ image: { ...image, name: 'name' } }, 'has no sound image.name'],
  [{ source: { ...source, commit: null } }, 'has no sound source.commit'],
  [{ built: 'today', source: { ...source, commit: null } }, 'has no sound source.commit, built'],
  [{ rehearsal: true }, 'is of a rehearsal, which no cluster can pull'],
  [{ image: undefined }, 'is no release record: image is not an object'],
];
for (const [change, fault] of unsound) {
  test(`a release record is refused: ${JSON.stringify(change)}`, () => {
    const text = JSON.stringify({ ...RECORD, ...change });
    expect(refusalOf(() => readRelease(text, 'release.json'))).toMatchObject({
      exitCode: 2,
      message: `release.json ${fault}`,
    });
  });
}
