// What a command sees must not tell by which engine it is run. A Dagger Engine v0.21.8 gives each step variables of its own, by the public
// conformance record; here they are put into the container, as it would have them, before the stage's wrapper.

import { pinned } from '../../../src/pins.ts';
import type { RunContext } from '../../../src/stages/context.ts';
import { ENVIRONMENT } from '../../../src/stages/install.ts';
import { runStep } from '../../../src/stages/step.ts';
import { type Row, testRows } from '../engine/rows.ts';
import { sdkSession } from '../sdk-session.ts';

const { dag, base } = sdkSession();

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

/** 60 folders in each other, whose names are 200 characters long. */
const DEEP = 'n=$(printf %0200d 0); i=0; while [ $((i += 1)) -lt 60 ]; do mkdir $n; cd $n || break; done; true';

/** What a command can do to the record of its own end, as root of its container, and how it ends. */
const TAMPERED: readonly [what: string, script: string, exitCode: number][] = [
  ['it replaces date, so that it seems to be of an earlier run', 'forge date "echo 1"; exit 1', 1],
  ['it replaces wc, and the record is none', 'forge wc "echo 5 x"; exit 0', 1],
  [
    'it replaces tail, which writes another record',
    `forge tail 'printf "0 1 2 4\\nok!\\n" >/var/drydock/tampered/record'; exit 1`,
    1,
  ],
  ['it replaces tail, which ends the wrapper', `forge tail 'kill -9 $PPID'; exit 0`, 137],
  ['it removes the folder', 'rm -r /var/drydock; exit 0', 1],
  ['it puts a folder in the place of the record', 'mkdir /var/drydock/tampered/record; exit 0', 1],
  ['it puts a link to something else there', 'ln -s /etc/passwd /var/drydock/tampered/record; exit 3', 3],
  ['it ends the wrapper', 'kill -9 $PPID; sleep 9', 137],
  ['it ends by a signal', 'kill -9 $$', 137],
  ['it ends with more than a shell’s codes', 'exit 255', 255],
  ['it was not found', '/nothing', 127],
  ['it leaves folders too deep for any path', `${DEEP}; exit 0`, 1],
];

async function endOf(script: string): Promise<number> {
  const context = { emit: () => {}, logs: new Map(), startedMs: Date.now() } as unknown as RunContext;
  const forge =
    'forge() { at=$(command -v "$1"); rm -f "$at"; printf "#!/bin/sh\\n%s\\n" "$2" >"$at"; chmod +x "$at"; }';
  const args = ['sh', '-c', `${forge}; ${script}`];
  // A shell that has such programs in it would not be deceived.
  const container = dag.container().from(pinned('node')).withEnvVariable('ONCE', String(Math.random()));
  return (await runStep(context, { stage: 'test', step: 'tampered', container, args })).result.exitCode;
}

const rows: Row[] = [
  ...TAMPERED.map(([what, script, exitCode]): Row => [what, () => endOf(script), exitCode]),
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
