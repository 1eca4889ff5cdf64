// What is proved of a deployment, and in which order; how services are started is not known here. A probe is a program of src/probes/
// that runs beside the services.
import type { SmokeRow, StepResult } from '../core/model.ts';
import { DRILL_ALERT, type DrillReceivers } from '../core/smoke/drill.ts';

/** Where docker-compose.yml is deployed. */
export type Platform = {
  /** Of every probe that ran. */
  readonly steps: StepResult[];
  /** Start all services, each when what it depends on is well. A row for each of them. */
  up(): Promise<SmokeRow[]>;
  /** Services that cannot be had here, and why. */
  readonly missing: ReadonlyMap<string, string>;
  stop(service: string): Promise<void>;
  /** How a service that was stopped has ended, where that can be told. */
  ended?(service: string): Promise<SmokeRow[]>;
  /** A service that was stopped, until it is healthy again. */
  start(service: string): Promise<SmokeRow>;
  /** From now on the service starts from this image: that of the previous release, or the one that is deployed. */
  use(which: 'before' | 'deployed'): void;
  probe(probe: Probe): Promise<SmokeRow[]>;
  /** What can be proved here only. */
  more(expected: Expected): Promise<SmokeRow[]>;
  /** Stop everything that was started, and keep the logs. */
  down(): Promise<void>;
};

export type Probe = { name: string; program: string; args: readonly string[] };

export type Deployed = { commit: string; built: string; digest: string };

export type Expected = {
  deployed: Deployed;
  /** Those of the deployment: what one of them is needed for is not asked for without it. */
  services: readonly string[];
  /** Where the service listens. */
  port: number;
  /** The release before; null where there is none to go back to. */
  before: Deployed | null;
  /** What Prometheus scrapes. */
  jobs: readonly string[];
  /** What the drill's alert carries. */
  labels: Readonly<Record<string, string>>;
  /** Who is to be told of it, by Alertmanager's own routes. */
  receivers: readonly string[];
  paths: DrillReceivers['paths'];
};

/** Names and ports inside the network of the services. */
export const ADDRESSES = {
  nginx: 'http://nginx:8080',
  prometheus: 'http://prometheus:9090',
  grafana: 'http://grafana:3000',
  receiver: 'http://webhook:9095',
} as const;

export const RECEIVER = { host: 'webhook', port: 9095 } as const;

/** Where probes find the dashboards. */
export const DASHBOARDS = '/dashboards';

/** How long a probe waits for what has to come. */
const PATIENCE = ['--seconds', '60'];

export async function prove(platform: Platform, expected: Expected): Promise<SmokeRow[]> {
  const rows = await platform.up();
  // What else is wrong would only follow from this.
  if (rows.some(({ status }) => status === 'failed')) return rows;
  const [service, ways] = isBehindNginx(expected)
    ? [['app', 'nginx'], 'The four paths through nginx']
    : [['app'], 'What the service answers'];
  const parts: [title: string, needs: readonly string[], work: () => Promise<SmokeRow[]>][] = [
    [ways, service, () => answers(platform, expected)],
    ['What Prometheus knows', ['app', 'nginx', 'prometheus'], () => metrics(platform, expected)],
    ['What Grafana shows', ['grafana', 'prometheus'], () => grafana(platform)],
    ['A restart of the service', service, () => restart(platform, expected)],
    ['A rollback', service, () => rollback(platform, expected)],
    ['The alert drill', ['app', 'prometheus', 'alertmanager'], () => drill(platform, expected)],
  ];
  const isThere = (service: string) => expected.services.includes(service);
  for (const [name, needs, work] of parts.filter(([, services]) => services.every(isThere))) {
    const lacking = needs.find((service) => platform.missing.has(service));
    if (lacking === undefined) rows.push(...(await work()));
    else rows.push({ name, status: 'not evaluated', seconds: 0, detail: platform.missing.get(lacking) ?? lacking });
  }
  rows.push(...(await platform.more(expected)));
  return rows;
}

const isBehindNginx = ({ services }: Expected) => services.includes('nginx');

const appOf = ({ port }: Expected) => `http://app:${port}`;

/** By the ways that lead to it: the four paths through nginx, or where nothing stands before it, what it offers itself. */
export async function answers(
  platform: Platform,
  expected: Expected,
  { name = 'paths', deployed = expected.deployed }: { name?: string; deployed?: Deployed } = {},
): Promise<SmokeRow[]> {
  const { commit, built, digest } = deployed;
  const [program, where] = isBehindNginx(expected)
    ? ['paths.ts', ['--nginx', ADDRESSES.nginx]]
    : ['service.ts', ['--app', appOf(expected)]];
  const told = ['--seconds', '10', '--commit', commit, '--built', built, '--digest', digest];
  return await platform.probe({ name, program, args: [...where, ...told] });
}

async function metrics(platform: Platform, { jobs }: Expected): Promise<SmokeRow[]> {
  const where = ['--prometheus', ADDRESSES.prometheus, '--nginx', ADDRESSES.nginx, '--dashboards', DASHBOARDS];
  const args = [...where, '--jobs', jobs.join(','), ...PATIENCE];
  return await platform.probe({ name: 'metrics', program: 'metrics.ts', args });
}

async function grafana(platform: Platform): Promise<SmokeRow[]> {
  const args = ['--grafana', ADDRESSES.grafana, '--dashboards', DASHBOARDS, ...PATIENCE];
  return await platform.probe({ name: 'grafana', program: 'grafana.ts', args });
}

async function restart(platform: Platform, expected: Expected): Promise<SmokeRow[]> {
  const receiver = ['--receiver', ADDRESSES.receiver];
  // Of a service alone no path is known but the root.
  const [nginx, path, health] = isBehindNginx(expected) ? [ADDRESSES.nginx, '/version', '/health'] : ['', '/', '/'];
  const where = ['--nginx', nginx, '--app', appOf(expected), '--path', path, '--health', health];
  const args = [...where, ...receiver, ...PATIENCE];
  const signal = (name: string, what: '--wait' | '--set', which: string) =>
    platform.probe({ name, program: 'signal.ts', args: [...receiver, what, which, ...PATIENCE] });
  const [rows, again] = await Promise.all([
    platform.probe({ name: 'restart', program: 'restart.ts', args }),
    (async () => {
      await signal('restart-wait', '--wait', 'loaded');
      await platform.stop('app');
      const over = (await platform.ended?.('app')) ?? [];
      const well = await platform.start('app');
      await signal('restart-done', '--set', 'restarted');
      return { over, well };
    })(),
  ]);
  return [...rows, ...again.over, { ...again.well, name: 'The service is healthy again' }];
}

/** Back to the previous release, and forward again. */
async function rollback(platform: Platform, expected: Expected): Promise<SmokeRow[]> {
  const { before, deployed } = expected;
  if (before === null) return [];
  const rows: SmokeRow[] = [];
  for (const [which, release] of [['before', before] as const, ['deployed', deployed] as const]) {
    await platform.stop('app');
    platform.use(which);
    const well = await platform.start('app');
    const title = which === 'before' ? 'Rolled back' : 'Forward again';
    rows.push({ ...well, name: `${title}: app is healthy` });
    if (well.status === 'failed') return rows;
    const found = await answers(platform, expected, { name: `paths-${which}`, deployed: release });
    rows.push(...found.map((row) => ({ ...row, name: `${title}: ${row.name}` })));
  }
  return rows;
}

async function drill(platform: Platform, { labels, receivers, paths }: Expected): Promise<SmokeRow[]> {
  const told = receivers.flatMap((name) => paths.get(name) ?? []);
  const silent = receivers.filter((name) => (paths.get(name) ?? []).length === 0);
  const where = ['--prometheus', ADDRESSES.prometheus, '--receiver', ADDRESSES.receiver, '--alert', DRILL_ALERT];
  const carried = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  const alerts = (state: 'firing' | 'resolved') =>
    platform.probe({
      name: `alerts-${state}`,
      program: 'alerts.ts',
      args: [...where, '--state', state, '--labels', carried.join(','), '--paths', told.join(','), ...PATIENCE],
    });
  await platform.stop('app');
  const fired = await alerts('firing');
  const back = await platform.start('app');
  // What did not fire cannot end.
  if ([...fired, back].some(({ status }) => status === 'failed')) return [...fired, back];
  return [...fired, ...(await alerts('resolved')), ...silent.map(notDrilled)];
}

/** Mail and chats have no address that the drill could take the place of. */
function notDrilled(receiver: string): SmokeRow {
  const detail = 'the drill can replace webhooks and PagerDuty only';
  return { name: `${DRILL_ALERT} is sent to ${receiver}`, status: 'not evaluated', seconds: 0, detail };
}
