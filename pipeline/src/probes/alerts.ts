// Waits until an alert has come through, from its rule to all who are to be told.
//
//   node alerts.ts --out FILE --prometheus URL --receiver URL --alert NAME --state firing|resolved --labels a=b,… --paths /x/webhook,… --seconds N
//
// --paths are those of the receiver at which it must arrive: /NAME/webhook or /NAME/pagerduty. --labels are what it must carry.
import { askJson } from './ask.ts';
import { type Check, expectThat, optionsOf, probe, runAsProgram, until } from './program.ts';
import { Prometheus } from './prometheus.ts';
import type { Message } from './receiver.ts';

type State = 'firing' | 'resolved';
type Labels = Readonly<Record<string, string>>;

type Notification = { status?: string; alerts?: { status: string; labels: Labels }[] };
type Event = { event_action?: string; payload?: { summary?: string }; dedup_key?: string };

/** The labels with which a message to a webhook tells of an alert in a state; undefined if it tells of something else. */
export function labelsOf({ body }: Message, alert: string, state: State): Labels | undefined {
  const { alerts = [] } = body as Notification;
  return alerts.find(({ status, labels }) => status === state && labels.alertname === alert)?.labels;
}

/** The event with which PagerDuty is told of an alert. Its end carries no text: it is known by the key that began it. */
export function eventOf(messages: readonly Message[], alert: string, state: State): Event | undefined {
  const events = messages.map(({ body }) => body as Event);
  const began = events.filter(
    ({ event_action: action, payload }) => action === 'trigger' && payload?.summary?.includes(alert),
  );
  if (state === 'firing') return began[0];
  const keys = began.map(({ dedup_key: key }) => key);
  return events.find(({ event_action: action, dedup_key: key }) => action === 'resolve' && keys.includes(key));
}

async function ruleFires(check: Check, prometheus: Prometheus, alert: string, seconds: number): Promise<boolean> {
  return await check(`${alert} fires when the service is gone`, async () =>
    until(seconds, async () => {
      const rule = (await prometheus.rules()).find(({ type, name }) => type === 'alerting' && name === alert);
      expectThat(rule !== undefined, `there is no rule ${alert}`);
      expectThat(rule.state === 'firing', `it is ${rule.state}`);
      return 'Prometheus says so';
    }),
  );
}

type Expected = { path: string; alert: string; state: State; labels: Labels; seconds: number };

async function arrives(receiver: string, { path, alert, state, labels, seconds }: Expected): Promise<string> {
  return await until(seconds, async () => {
    const all = await askJson<Message[]>(`${receiver}/messages`);
    const messages = all.filter((message) => message.path === path);
    const nothing = `${messages.length} messages came there, none of ${alert}, ${state}`;
    if (path.endsWith('/pagerduty')) {
      const event = eventOf(messages, alert, state);
      expectThat(event !== undefined, nothing);
      return [event.event_action, event.payload?.summary].filter((text) => text !== undefined).join(': ');
    }
    const found = messages.map((message) => labelsOf(message, alert, state)).find((one) => one !== undefined);
    expectThat(found !== undefined, nothing);
    const wrong = Object.entries(labels).find(([name, value]) => found[name] !== value);
    expectThat(wrong === undefined, `its label ${wrong?.[0]} is ${found[wrong?.[0] ?? '']}, not ${wrong?.[1]}`);
    const shown = Object.entries(found).map(([name, value]) => `${name}=${value}`);
    return shown.join(' ');
  });
}

runAsProgram('alerts.ts', async (args) => {
  const options = optionsOf(
    args,
    ...(['out', 'prometheus', 'receiver', 'alert', 'state', 'labels', 'paths', 'seconds'] as const),
  );
  const { alert, receiver } = options;
  const [state, seconds] = [options.state as State, Number(options.seconds)];
  const labels = Object.fromEntries(options.labels.split(',').map((pair) => pair.split('=', 2)));
  await probe(async (check) => {
    if (state === 'firing' && !(await ruleFires(check, new Prometheus(options.prometheus), alert, seconds))) return;
    for (const path of options.paths.split(',')) {
      await check(`${alert}, ${state}, is sent to ${path.split('/')[1]}`, () =>
        arrives(receiver, { path, alert, state, labels, seconds }),
      );
    }
  }, options.out);
});
