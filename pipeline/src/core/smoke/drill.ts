// The copies of the monitoring's files with which the alert drill runs: times of seconds instead of minutes, and everybody who would be
// told replaced by the drill's own receiver. The shipped files stay as they are, and nobody real is ever told.
import { parse, stringify } from 'yaml';
import { PipelineError, reasonOf } from '../errors.ts';

/** The rule that the drill makes fire, by stopping the service. */
export const DRILL_ALERT = 'AppDown';

/** How often is scraped and evaluated in the drill. */
const INTERVAL = '1s';
/** How long the drill's alert has to hold before it fires. */
const HOLDS = '2s';

type Mapping = Record<string, unknown>;

export function drillPrometheus(file: string, text: string): { text: string; jobs: string[]; ruleFiles: string[] } {
  const config = mapping(file, text);
  const jobs = list(config.scrape_configs).map(({ scrape_interval: _, scrape_timeout: __, ...job }) => job);
  const global = {
    ...(config.global as Mapping),
    scrape_interval: INTERVAL,
    scrape_timeout: INTERVAL,
    evaluation_interval: INTERVAL,
  };
  return {
    text: stringify({ ...config, global, scrape_configs: jobs }),
    jobs: jobs.map((job) => String(job.job_name)),
    ruleFiles: (config.rule_files as string[] | undefined) ?? [],
  };
}

/** Also the labels that the drill's alert must carry, if the file has it. */
export function drillRules(file: string, text: string): { text: string; labels: Record<string, string> | null } {
  let labels: Record<string, string> | null = null;
  const groups = list(mapping(file, text).groups).map(({ interval: _, ...group }) => ({
    ...group,
    rules: list(group.rules).map((rule) => {
      if (rule.alert !== DRILL_ALERT) return rule;
      labels = { alertname: DRILL_ALERT, ...(rule.labels as Record<string, string> | undefined) };
      return { ...rule, for: HOLDS };
    }),
  }));
  return { text: stringify({ groups }), labels };
}

/** Prometheus tells of an alert again at once: one that Alertmanager was not there to hear would come a minute later. */
export function drillCommand(command: readonly string[]): string[] {
  return [...command, '--rules.alert.resend-delay=1s'];
}

export type DrillReceivers = {
  text: string;
  /** Where each receiver's messages arrive at the drill's own; none for a kind that the drill cannot stand in for. */
  paths: Map<string, string[]>;
  /** Files with credentials that the configuration names. */
  credentials: string[];
};

export function drillAlertmanager(file: string, text: string, url: string): DrillReceivers {
  const config = mapping(file, text);
  const paths = new Map<string, string[]>();
  const receivers = list(config.receivers).map((receiver) => {
    const name = String(receiver.name);
    const redirected = Object.entries(KINDS).filter(([key]) => list(receiver[key]).length > 0);
    paths.set(
      name,
      redirected.map(([, kind]) => `/${name}/${kind}`),
    );
    const configs = redirected.map(([key, kind]) => [
      key,
      // One is enough: the drill asks whether the receiver is told.
      list(receiver[key])
        .slice(0, 1)
        .map(({ url_file: _, ...one }) => ({ ...one, url: `${url}/${name}/${kind}` })),
    ]);
    return { name, ...Object.fromEntries(configs) };
  });
  if (receivers.length === 0)
    throw new PipelineError('BAD_MONITORING', `${file} has no receivers`, 'add one: an alert needs a receiver');
  const rendered = stringify(
    { ...config, route: quick(config.route as Mapping), receivers },
    { aliasDuplicateObjects: false },
  );
  return { text: rendered, paths, credentials: filesIn(receivers) };
}

/** What the drill's receiver can replace. All else (mail, chats) is left out of the copy. */
const KINDS: Readonly<Record<string, string>> = { webhook_configs: 'webhook', pagerduty_configs: 'pagerduty' };

/** A route and those below it, with hardly any waiting. */
function quick(route: Mapping): Mapping {
  const routes = route.routes === undefined ? {} : { routes: list(route.routes).map(quick) };
  return { ...route, ...QUICK, ...routes };
}

const QUICK = { group_wait: '0s', group_interval: INTERVAL, repeat_interval: '1h' } as const;

function filesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const found = Object.entries(value).flatMap(([key, inner]) =>
    key.endsWith('_file') && typeof inner === 'string' ? [inner] : filesIn(inner),
  );
  return [...new Set(found)];
}

function mapping(file: string, text: string): Mapping {
  const hint = 'fix the file; promtool and amtool say what may be in it';
  try {
    const parsed: unknown = parse(text, { merge: true });
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Mapping;
  } catch (cause) {
    const [first] = reasonOf(cause).split('\n');
    throw new PipelineError('BAD_MONITORING', `${file} is not YAML: ${first}`, hint, { cause });
  }
  throw new PipelineError('BAD_MONITORING', `${file} must be a mapping`, hint);
}

function list(value: unknown): Mapping[] {
  return Array.isArray(value) ? (value as Mapping[]) : [];
}
