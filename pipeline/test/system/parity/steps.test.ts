// What a command sees must not tell by which engine it is run. A Dagger Engine v0.21.8 gives each step variables of its own, by the public
// conformance record; here they are put into the container, as it would have them, before the stage's wrapper.
import type { RunContext } from '../../../src/stages/context.ts';
import { ENVIRONMENT } from '../../../src/stages/install.ts';
import { runStep } from '../../../src/stages/step.ts';
import { type Row, testRows } from '../engine/rows.ts';
import { sdkSession } from '../sdk-session.ts';

const { base } = sdkSession();

/** What a Dagger Engine adds to the environment of a step. */
const OF_DAGGER: Readonly<Record<string, string>> = {
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318',
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:4318/v1/traces',
  OTEL_EXPORTER_OTLP_TRACES_LIVE: '1',
  OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://127.0.0.1:4318/v1/logs',
  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://127.0.0.1:4318/v1/metrics',
  TRACEPARENT: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  TRACESTATE: 'a=b',
  BAGGAGE: 'session=1',
};

/** The names that a command of a stage sees, in a container with these variables. */
async function namesSeen(variables: Readonly<Record<string, string>>): Promise<string[]> {
  const all = Object.entries({ ...variables, PLAIN: 'kept\nOTEL_IN_A_VALUE=kept' });
  const container = all.reduce((with_, [name, value]) => with_.withEnvVariable(name, value), base());
  const context = { emit: () => {}, logs: new Map(), startedMs: 0 } as unknown as RunContext;
  const args = ['sh', '-c', 'env | sed -n "s/^\\([A-Za-z_]*\\)=.*/\\1/p" | sort'];
  const { log, result } = await runStep(context, { stage: 'lint', step: 'names', container, args });
  if (result.exitCode !== 0) throw new Error(log);
  return log.trim().split('\n');
}

const rows: Row[] = [
  [
    'the variables of a Dagger Engine are none of a command’s',
    async () => {
      const seen = await namesSeen(OF_DAGGER);
      return [seen.filter((name) => name in OF_DAGGER), seen.includes('PLAIN')];
    },
    [[], true],
  ],
  [
    'with them and without, a command sees the same names',
    async () => JSON.stringify(await namesSeen(OF_DAGGER)) === JSON.stringify(await namesSeen({})),
    true,
  ],
  ['Node looks for certificates where a Dagger Engine puts them', async () => ENVIRONMENT.NODE_USE_SYSTEM_CA, '1'],
];

testRows(rows);
