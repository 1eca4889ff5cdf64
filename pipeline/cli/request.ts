// What the command line asks of the stages: its options, and this machine's files as the engine takes them.
import { relative } from 'node:path';
import type { Client, Host } from '@dagger.io/dagger';
import { stagesInCapsule, stagesOf } from '../src/core/functions.ts';
import { SOURCE_IGNORE } from '../src/core/ignore.ts';
import type { AskedStage, EngineFacts } from '../src/core/model.ts';
import type { RunRequest, SharedRequest, StagesRequest } from '../src/stages/request.ts';
import type { Runtime } from '../src/stages/runtime.ts';
import type { StageInvocation } from './arguments.ts';
import { toolPackages } from './capsule/tools.ts';
import { deliveryOptions, installSecrets, type readSecrets, rollbackOptions, verifyOptions } from './delivery.ts';
import { type CheckedInputs, databaseInput, scanningInputs } from './inputs.ts';
import { programsOn } from './programs.ts';
import { trackedIn } from './tracked.ts';

export type Places = {
  root: string;
  output: string;
  inputs: CheckedInputs;
  secrets: ReturnType<typeof readSecrets>;
  /** Where smoke deploys, if not in the session. */
  runtime?: Runtime | undefined;
};

/** What is asked for. */
export function requestOf(dag: Client, engine: EngineFacts, invocation: StageInvocation, places: Places): RunRequest {
  const { function: name, options } = invocation;
  const { inputs, secrets } = places;
  const shared = sharedBy(dag, engine, invocation, places);
  if (name === 'verify')
    return { kind: name, ...shared, verification: verifyOptions(dag, options.delivery, secrets, inputs) };
  if (name === 'rollback') return { kind: name, ...shared, rollback: rollbackOptions(dag, options.delivery, secrets) };
  if (inputs.replay !== null)
    return { kind: 'decide', ...shared, verdict: dag.host().file(inputs.replay), byOwnPolicy: false };
  return stagesRequestOf(dag, engine, invocation, places);
}

/** The same, for those who have a use for stages only. */
export function stagesRequestOf(
  dag: Client,
  engine: EngineFacts,
  invocation: StageInvocation,
  places: Places,
): StagesRequest {
  const { function: name, options } = invocation;
  const { inputs, secrets, runtime } = places;
  const host = dag.host();
  return {
    kind: 'stages',
    ...sharedBy(dag, engine, invocation, places),
    asked: askedBy(invocation),
    services: options.services,
    platforms: options.platforms,
    compare: inputs.compare === null ? undefined : host.file(inputs.compare),
    ...(engine.kind === 'embedded' ? { tools: () => toolPackages(host) } : {}),
    ...(name === 'capsule' ? { capsule: { stages: stagesInCapsule(options.stage), thin: options.thin } } : {}),
    ...(name === 'cd' || name === 'publish'
      ? { delivery: deliveryOptions(dag, options.delivery, secrets, inputs) }
      : {}),
    runtime,
    scanning: {
      ...scanningInputs(host, inputs),
      base: options.base,
      rehearsal: options.rehearsal,
      database: databaseInput(host, inputs, options.mirrors),
    },
  };
}

function sharedBy(
  dag: Client,
  engine: EngineFacts,
  { function: name, options }: StageInvocation,
  { root, output, inputs }: Places,
): SharedRequest {
  const host = dag.host();
  return {
    function: name,
    programs: programsOn(host),
    source: host.directory(root, { exclude: [...SOURCE_IGNORE, ...inside(root, output)], gitignore: true }),
    tracked: trackedIn(host, root, inside(root, output)),
    repo: host.directory(root, engine.kind === 'embedded' ? {} : UPLOADED_FOR_GIT).asGit(),
    images: inputs.images === null ? undefined : host.directory(inputs.images, { include: ['*.tar'] }),
    // The embedded engine asks mirrors itself, and what they lack it finds elsewhere.
    mirrors: engine.kind === 'embedded' ? [] : options.mirrors,
    secrets: installSecrets(dag, options.secrets),
    loopback: loopbackOf(host, options.hostPorts),
    strict: options.strict,
    engine,
  };
}

function loopbackOf(host: Host, ports: readonly number[]): NonNullable<SharedRequest['loopback']> | null {
  if (ports.length === 0) return null;
  return { ports, service: host.service(ports.map((port) => ({ frontend: port, backend: port }))) };
}

export function askedBy({ function: name, options }: StageInvocation): AskedStage[] {
  return stagesOf(name, {
    image: options.image !== null,
    replay: options.replay !== null,
    run: options.run !== null,
    stage: options.stage,
    selection: options.selection,
  });
}

/** All that git tracks: whatever were left out here would look deleted. The embedded engine asks git where the folder is. */
const UPLOADED_FOR_GIT = { exclude: ['**/node_modules'], gitignore: true };

/** The output folder as a pattern, when it is a part of the source: what a run wrote is not what the next one reads. */
function inside(root: string, folder: string): string[] {
  const path = relative(root, folder);
  return path === '' || path.startsWith('..') ? [] : [path.split('\\').join('/')];
}
