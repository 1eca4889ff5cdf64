// Reads what the platform on one machine is made of: docker-compose.yml, nginx's template, rules, dashboards, receivers.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { type ComposeService, type Healthcheck, patienceOf } from '../pipeline/src/core/compose/model.ts';
import { readCompose } from '../pipeline/src/core/compose/read.ts';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
export const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** A service of docker-compose.yml, with what only a real container runtime carries out. */
export type Source = ComposeService & {
  healthcheck: Healthcheck;
  limits: { cpu: string; memory: string };
  graceSeconds: number;
};

type Raw = {
  stop_grace_period?: string;
  deploy: { resources: { limits: { cpus: string; memory: string } } };
};

export function composeService(name: string): Source {
  const text = read('docker-compose.yml');
  const service = readCompose(text, { APP_IMAGE: 'app' }).services.find((one) => one.name === name);
  const raw = (parse(text, { merge: true }) as { services: Record<string, Raw> }).services[name];
  if (service?.healthcheck == null || raw === undefined) throw new Error(`docker-compose.yml has no service ${name}`);
  const { cpus, memory } = raw.deploy.resources.limits;
  return {
    ...service,
    healthcheck: service.healthcheck,
    // What Docker calls a megabyte is a mebibyte.
    limits: { cpu: cpus, memory: memory.replace(/M$/, 'Mi') },
    graceSeconds: Number((raw.stop_grace_period ?? '10s').replace(/s$/, '')),
  };
}

/** The health check as Kubernetes asks it: patient until it was well once, then as strict as Docker. */
/** Sent no requests as soon as it is not well; started anew only when it does not answer at all, for longer. */
export function probesOf(
  { healthcheck }: Source,
  port: string,
  path: { ready: string; alive: string },
): Record<string, object> {
  const { intervalSeconds, timeoutSeconds, retries } = healthcheck;
  const probe = { httpGet: { path: path.ready, port }, periodSeconds: intervalSeconds, timeoutSeconds };
  return {
    startupProbe: { ...probe, failureThreshold: Math.ceil(patienceOf(healthcheck) / intervalSeconds) },
    readinessProbe: { ...probe, failureThreshold: retries },
    livenessProbe: { ...probe, httpGet: { path: path.alive, port }, failureThreshold: PATIENT * retries },
  };
}

const PATIENT = 4;

type Rule = { alert?: string; record?: string; expr: string; [field: string]: unknown };
export type RuleGroup = { name: string; rules: Rule[]; [field: string]: unknown };

/** The rule groups that Prometheus evaluates on one machine. */
export function ruleGroups(): RuleGroup[] {
  const folder = 'monitoring/prometheus/rules';
  return readdirSync(join(ROOT, folder))
    .sort()
    .flatMap((file) => (parse(read(`${folder}/${file}`)) as { groups: RuleGroup[] }).groups);
}

/** The dashboards, by the names of their files. */
export const dashboards = () => readdirSync(join(ROOT, 'monitoring/grafana/dashboards')).sort();

export type Route = {
  receiver: string;
  matchers?: string[];
  group_by?: string[];
  group_wait?: string;
  group_interval?: string;
  repeat_interval?: string;
  continue?: boolean;
  routes?: Route[];
};
export type Inhibition = { source_matchers: string[]; target_matchers: string[]; equal?: string[] };
export type Webhook = { url: string; send_resolved: boolean };
export type PagerDuty = {
  send_resolved: boolean;
  severity: string;
  description: string;
  details: Record<string, string>;
};
export type Alertmanager = {
  route: Route;
  inhibit_rules: Inhibition[];
  receivers: { name: string; webhook_configs?: Webhook[]; pagerduty_configs?: PagerDuty[] }[];
};

export const alertmanager = () => parse(read('monitoring/alertmanager/config.yml'), { merge: true }) as Alertmanager;
