// Scraping, rules and receivers for the Prometheus Operator, out of the files that one machine uses.
import { type Resource, selectorOf } from './resource.ts';
import { alertmanager, type Inhibition, type PagerDuty, type Route, ruleGroups, type Webhook } from './sources.ts';

/** About Prometheus and Alertmanager themselves, which kube-prometheus-stack watches with rules of its own. */
export const NOT_OURS: readonly string[] = [
  'TargetDown',
  'AlertmanagerUnreachable',
  'NotificationsFail',
  'ReceiverNeverReached',
  'job:alertmanager_notifications:delivered',
];
/** Addresses and credentials, none of which is in any file. deploy/README.md says how it is made. */
const SECRET = 'alerting';

const labels = { 'app.kubernetes.io/part-of': 'drydock' };

export function serviceMonitor(): Resource {
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'ServiceMonitor',
    metadata: { name: 'app', labels },
    spec: {
      selector: { matchLabels: selectorOf('app') },
      endpoints: [{ port: 'http', path: '/metrics', interval: '15s', scrapeTimeout: '5s' }],
    },
  };
}

export function prometheusRule(): Resource {
  const groups = ruleGroups().map((group) => ({
    ...group,
    rules: group.rules.filter(({ alert, record = alert }) => record === undefined || !NOT_OURS.includes(record)),
  }));
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'app', labels },
    spec: { groups },
  };
}

export function alertmanagerConfig(): Resource {
  const { route, inhibit_rules: inhibitions, receivers } = alertmanager();
  return {
    apiVersion: 'monitoring.coreos.com/v1alpha1',
    kind: 'AlertmanagerConfig',
    metadata: { name: 'app', labels },
    spec: {
      route: toRoute(route),
      inhibitRules: inhibitions.filter((rule) => !isAboutOthers(rule)).map(toInhibition),
      receivers: receivers.map(({ name, webhook_configs: webhooks, pagerduty_configs: pagers }) => ({
        name,
        ...(webhooks === undefined ? {} : { webhookConfigs: webhooks.map((webhook) => toWebhook(name, webhook)) }),
        ...(pagers === undefined ? {} : { pagerdutyConfigs: pagers.map(toPagerDuty) }),
      })),
    },
  };
}

function toRoute(route: Route): object {
  return {
    receiver: route.receiver,
    ...(route.matchers === undefined ? {} : { matchers: route.matchers.map(toMatcher) }),
    ...(route.group_by === undefined ? {} : { groupBy: route.group_by }),
    ...(route.group_wait === undefined ? {} : { groupWait: route.group_wait }),
    ...(route.group_interval === undefined ? {} : { groupInterval: route.group_interval }),
    ...(route.repeat_interval === undefined ? {} : { repeatInterval: route.repeat_interval }),
    ...(route.continue === undefined ? {} : { continue: route.continue }),
    ...(route.routes === undefined ? {} : { routes: route.routes.map(toRoute) }),
  };
}

function isAboutOthers({ source_matchers: sources }: Inhibition): boolean {
  return sources.some((text) => NOT_OURS.includes(toMatcher(text).value));
}

function toInhibition(rule: Inhibition): object {
  return {
    sourceMatch: rule.source_matchers.map(toMatcher),
    targetMatch: rule.target_matchers.map(toMatcher),
    ...(rule.equal === undefined ? {} : { equal: rule.equal }),
  };
}

/** `severity =~ "critical|warning"` in parts. */
function toMatcher(text: string): { name: string; matchType: string; value: string } {
  const [, name, matchType, value] = /^(\w+) *(=~|!~|!=|=) *"(.*)"$/.exec(text) ?? [];
  if (name === undefined || matchType === undefined || value === undefined) throw new Error(`${text} is no matcher`);
  return { name, matchType, value };
}

const secret = (key: string) => ({ name: SECRET, key });

function toWebhook(receiver: string, { send_resolved: sendResolved }: Webhook): object {
  return {
    urlSecret: secret(`${receiver}-url`),
    sendResolved,
    httpConfig: { authorization: { credentials: secret('webhook-token') } },
  };
}

function toPagerDuty({ send_resolved: sendResolved, severity, description, details }: PagerDuty): object {
  return {
    routingKey: secret('pagerduty-routing-key'),
    sendResolved,
    severity,
    description,
    details: Object.entries(details).map(([key, value]) => ({ key, value })),
  };
}
