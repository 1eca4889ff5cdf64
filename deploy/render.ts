// Writes the Kubernetes manifests: `npm run deploy`. With an environment and a release record, what is released there first:
// `npm run deploy -- staging out/release.json`.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PipelineError } from '../pipeline/src/core/errors.ts';
import {
  ENVIRONMENTS,
  type EnvironmentName,
  isEnvironment,
  overlay,
  readRelease,
  releaseFile,
} from './environments.ts';
import { alertmanagerConfig, prometheusRule, serviceMonitor } from './monitoring.ts';
import { type RenderedFile, yamlFile } from './resource.ts';
import { dashboards, ROOT, read } from './sources.ts';
import { app, ingress, networkPolicies, nginx } from './workloads.ts';

/** Behind an Ingress every request comes from its controller, which says whose it was. Only it can reach nginx (network policy). */
const REAL_IP = `# Rendered by deploy/render.ts.
set_real_ip_from 10.0.0.0/8;
set_real_ip_from 172.16.0.0/12;
set_real_ip_from 192.168.0.0/16;
`;
const TEMPLATE = 'default.conf.template';

function base(): RenderedFile[] {
  const resources: Record<string, object[]> = {
    'app.yaml': app(),
    'nginx.yaml': [...nginx(), ingress('drydock.example')],
    'network-policies.yaml': networkPolicies(),
    'monitoring.yaml': [serviceMonitor(), prometheusRule(), alertmanagerConfig()],
  };
  const files = [
    { path: `base/files/${TEMPLATE}`, text: read(`nginx/templates/${TEMPLATE}`) },
    { path: 'base/files/00-real-ip.conf.template', text: REAL_IP },
    ...dashboards().map((name) => ({
      path: `base/files/${name}`,
      text: read(`monitoring/grafana/dashboards/${name}`),
    })),
  ];
  const named = (ending: string) =>
    files.map(({ path }) => path.replace('base/', '')).filter((path) => path.endsWith(ending));
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: Object.keys(resources),
    configMapGenerator: [
      { name: 'nginx-templates', files: named('.template') },
      {
        name: 'dashboards',
        files: named('.json'),
        // The sidecar of kube-prometheus-stack's Grafana looks for this label.
        options: { disableNameSuffixHash: true, labels: { grafana_dashboard: '1' } },
      },
    ],
  };
  return [
    yamlFile('base/kustomization.yaml', [kustomization]),
    ...Object.entries(resources).map(([name, documents]) => yamlFile(`base/${name}`, documents)),
    ...files,
  ];
}

/** Every rendered file, by its path below deploy/. */
export function render(): RenderedFile[] {
  return [...base(), ...(Object.keys(ENVIRONMENTS) as EnvironmentName[]).flatMap(overlay)];
}

/** Takes what cd recorded for what an environment is to run. */
function release(environment: string, file: string): void {
  if (!isEnvironment(environment)) {
    const known = Object.keys(ENVIRONMENTS).join(' or ');
    throw new PipelineError(
      'BAD_OPTION',
      `there is no environment ${environment}`,
      `write npm run deploy -- ${known} out/release.json`,
    );
  }
  const text = readFileSync(file, 'utf8');
  readRelease(text, file);
  writeFileSync(join(ROOT, releaseFile(environment)), text);
}

function main([environment, file = 'out/release.json']: readonly string[]): void {
  if (environment !== undefined) release(environment, file);
  for (const { path, text } of render()) {
    mkdirSync(dirname(join(ROOT, 'deploy', path)), { recursive: true });
    writeFileSync(join(ROOT, 'deploy', path), text);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    main(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof PipelineError)) throw error;
    process.stderr.write(`error: ${error.message}\n hint: ${error.hint}\n`);
    process.exitCode = error.exitCode;
  }
}
