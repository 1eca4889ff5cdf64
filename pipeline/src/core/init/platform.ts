// The platform around a service (nginx, Prometheus, Alertmanager, Grafana, and what deploys them), from the templates of it.

export type PlatformFacts = {
  /** What the compose project is called, and what names on Kubernetes begin with. */
  name: string;
  /** Where the service listens, and the path that says whether it is well. */
  port: number;
  health: string;
  /** Whether its image says how it is asked whether it is well. */
  hasHealthcheck: boolean;
};

type Change = readonly [from: string | RegExp, to: (facts: PlatformFacts) => string];

/** What differs between repositories, by file. The templates are this repository's own files. */
const CHANGES: Readonly<Record<string, readonly Change[]>> = {
  'docker-compose.yml': [
    ['\nname: drydock\n', ({ name }) => `\nname: ${name}\n`],
    [
      '\n# Images are those of pipeline/src/pins.ts. Only nginx',
      () => '\n# Images are those that drydock has pinned. Only nginx',
    ],
    ['      PORT: "8000"\n', ({ port }) => `      PORT: "${port}"\n`],
    [
      '      app: { condition: service_healthy }\n',
      ({ hasHealthcheck }) => `      app: { condition: ${hasHealthcheck ? 'service_healthy' : 'service_started'} }\n`,
    ],
  ],
  'nginx/templates/default.conf.template': [['http://$upstream:8000;', ({ port }) => `http://$upstream:${port};`]],
  'monitoring/prometheus/prometheus.yml': [['targets: [app:8000]', ({ port }) => `targets: [app:${port}]`]],
  'deploy/base/app.yaml': [
    ['containerPort: 8000', ({ port }) => `containerPort: ${port}`],
    ['value: "8000"', ({ port }) => `value: "${port}"`],
    ['      port: 8000', ({ port }) => `      port: ${port}`],
    ['path: /health\n', ({ health }) => `path: ${health}\n`],
  ],
  'monitoring/grafana/provisioning/dashboards/dashboards.yml': [
    ['files, made by monitoring/grafana/dashboards.ts; what', () => 'files; what'],
    ['  - name: drydock\n', ({ name }) => `  - name: ${name}\n`],
  ],
};

/** Probes are no users' requests. */
const OF_PROBES: readonly Change[] = [
  [/(?<=route!~\\?")\/health(?=\|)/g, ({ health }) => health.replaceAll('.', '[.]')],
  [/(?<=route=")\/health(?=")/g, ({ health }) => health],
];

/** What is said of names in any of the manifests for Kubernetes. */
const IN_MANIFESTS: readonly Change[] = [
  [/^# Rendered by deploy\/render\.ts\..*$/gm, () => '# What docker-compose.yml runs, for Kubernetes.'],
  [/(?<=part-of: )drydock$/gm, ({ name }) => name],
  [/drydock(?=\.example$)/gm, ({ name }) => name],
  [/drydock(?=-(?:staging|production)$)/gm, ({ name }) => name],
  [/ghcr\.io\/drydock-ci\/drydock$/gm, ({ name }) => `ghcr.io/OWNER/${name}`],
];

/** Kustomize reads nothing outside of its folder. */
export const COPIES: Readonly<Record<string, string>> = {
  'nginx/templates/default.conf.template': 'deploy/base/files/default.conf.template',
  'monitoring/grafana/dashboards/service.json': 'deploy/base/files/service.json',
  'monitoring/grafana/dashboards/slo.json': 'deploy/base/files/slo.json',
};

/** A template as a repository has it. Throws where it is not what this was written for. */
export function platformText(path: string, template: string, facts: PlatformFacts): string {
  const own = (CHANGES[path] ?? []).reduce((text, [from, to]) => {
    if (!text.includes(from as string)) throw new Error(`the template ${path} does not have ${JSON.stringify(from)}`);
    return text.replaceAll(from, () => to(facts));
  }, template);
  const general = path.startsWith('deploy/') ? [...OF_PROBES, ...IN_MANIFESTS] : OF_PROBES;
  return general.reduce((text, [from, to]) => text.replaceAll(from, () => to(facts)), own);
}

/** As Docker Compose and Kubernetes take names. */
export const projectName = (folder: string): string =>
  folder
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replace(/^-+|-+$/g, '') || 'service';
