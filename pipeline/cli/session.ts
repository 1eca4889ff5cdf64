// Work inside an engine's session: tries the engines in turn, and leaves nothing running however it ends.
import { setTimeout as wait } from 'node:timers/promises';
import { PipelineError } from '../src/core/errors.ts';
import type { EngineEvent } from '../src/core/events.ts';
import type { EngineFacts } from '../src/core/model.ts';
import type { EngineOptions } from './arguments.ts';
import { didNotStart, endOfCli, hasEnded } from './dagger-cli.ts';
import {
  cachedCli,
  DAGGER_VERSION,
  type EngineSession,
  engineCandidates,
  findProvisioning,
  startEmbedded,
} from './engine.ts';

export type SessionOptions = Omit<EngineOptions, 'secrets' | 'hostPorts'> & {
  root: string;
  /** Rejects when somebody wants it to end. */
  interrupted: Promise<never>;
  say: (line: string) => void;
  /** Told which engine it is, before it starts, and once more when it has, with what is only known then. */
  onEngine: (engine: EngineFacts) => void;
  /** Told what the engine does besides steps. */
  onEvent?: (event: EngineEvent) => void;
  /** In milliseconds, for a Dagger engine: by default as long as the SDK waits. */
  startWithin?: number;
};

/** Run the work on the first engine that starts. */
export async function withEngine<T>(options: SessionOptions, work: (engine: EngineFacts) => Promise<T>): Promise<T> {
  const { env, platform } = process;
  const { onEvent = () => {} } = options;
  onEvent({ kind: 'activity', ...ENGINE, what: 'looking for one' });
  const around = { env, platform, provisioning: () => findProvisioning(env) };
  const engines = await Promise.race([engineCandidates(options.engine, options.offline, around), options.interrupted]);
  for (const [index, engine] of engines.entries()) {
    const isLast = index === engines.length - 1;
    try {
      return await (engine.kind === 'embedded' ? onEmbedded(engine, options, work) : onDagger(engine, options, work));
    } catch (error) {
      if (isLast || !(error instanceof DidNotStart)) throw error instanceof DidNotStart ? error.fault : error;
      options.say(error.fault.message);
    }
  }
  throw new PipelineError('NO_ENGINE', 'no engine can be used here', 'use --engine embedded on Linux, or start Docker');
}

/** The start of an engine, as an activity. */
const ENGINE = { id: 'engine', name: 'engine' } as const;
const STARTED = { kind: 'activity-ended', id: ENGINE.id } as const;

/** The engine never answered: another may be tried. */
class DidNotStart extends Error {
  readonly fault: PipelineError;

  constructor(fault: PipelineError) {
    super(fault.message);
    this.fault = fault;
  }
}

async function onEmbedded<T>(
  engine: EngineFacts,
  options: SessionOptions,
  work: (engine: EngineFacts) => Promise<T>,
): Promise<T> {
  const { root, offline, mirrors, stepTimeout, verbose, say, interrupted, onEvent = () => {} } = options;
  options.onEngine(engine);
  const starts = (what: string) => onEvent({ kind: 'activity', ...ENGINE, what });
  starts('starting');
  let session: EngineSession | undefined;
  // Started first: while it starts, we load the SDK, which takes longer.
  const starting = startEmbedded({
    root,
    offline,
    mirrors,
    stepTimeout,
    onLine: (line) => {
      if (verbose) say(`engine: ${line}`);
      else if (line.startsWith('warning: ')) say(line);
      else if (session === undefined) starts(line);
    },
    onEvent: options.onEvent,
  });
  try {
    const loading = loadSdk();
    session = await Promise.race([starting, interrupted]);
    const { lost, notIsolated } = session;
    const known = notIsolated === undefined ? engine : { ...engine, notIsolated };
    options.onEngine(known);
    const { connection } = await loading;
    onEvent(STARTED);
    const done = connected(connection, () => work(known)).catch((error) => rootOf(error, lost));
    return await Promise.race([done, lost, interrupted]);
  } finally {
    await (session ?? (await starting.catch(() => undefined)))?.close();
  }
}

/** How long an engine that has cut our requests may take until it is known why. */
const LOST_MS = 1000;

/** An engine that dies takes our requests with it: that it died is the reason, not that they were cut. */
async function rootOf(error: unknown, lost: Promise<never>): Promise<never> {
  if (error instanceof PipelineError) throw error;
  await Promise.race([lost, wait(LOST_MS, undefined, { ref: false })]);
  throw error;
}

async function onDagger<T>(
  engine: EngineFacts,
  options: SessionOptions,
  work: (engine: EngineFacts) => Promise<T>,
): Promise<T> {
  const { onEvent = () => {} } = options;
  options.onEngine(engine);
  onEvent({ kind: 'activity', ...ENGINE, what: 'starting' });
  if (options.stepTimeout !== null)
    options.say('warning: --step-timeout has no effect: a Dagger engine ends no step for the time that it takes');
  const { connection, dag } = await loadSdk();
  const cliEnded = endOfCli();
  const given = { ...process.env };
  const cli = given[CLI_BIN] || cachedCli(given);
  if (cli !== undefined) process.env[CLI_BIN] = cli;
  let isStarted = false;
  const started = async () => {
    isStarted = true;
    onEvent(STARTED);
    // Why it does not answer, the work finds out.
    const version = (await dag.version().catch(() => DAGGER_VERSION)).replace(/^v/, '');
    if (version !== DAGGER_VERSION)
      options.say(`warning: this Dagger engine is v${version}, and the pipeline made for v${DAGGER_VERSION}`);
    return await work(engine);
  };
  try {
    const done = connected(connection, started, options.verbose);
    return await Promise.race([done, cliEnded, tooLate(options, () => isStarted), options.interrupted]);
  } catch (error) {
    if (error instanceof PipelineError) throw error;
    const end = await Promise.race([cliEnded.catch((reason: unknown) => reason), wait(ENDED_MS, undefined)]);
    if (!isStarted) throw new DidNotStart(didNotStart(end ?? error, given));
    throw end === undefined ? error : hasEnded(end);
  } finally {
    if (given[CLI_BIN] === undefined) delete process.env[CLI_BIN];
  }
}

const CLI_BIN = '_EXPERIMENTAL_DAGGER_CLI_BIN';

/** How long it may take until it is known that a CLI which gave no address has ended. */
const ENDED_MS = 200;

/** Never for who did not say how long an engine may take: it may be downloading itself. */
async function tooLate({ startWithin }: SessionOptions, isStarted: () => boolean): Promise<never> {
  if (startWithin !== undefined) {
    await wait(startWithin, undefined, { ref: false });
    if (!isStarted()) throw new Error(`it has not answered for ${startWithin / 1000} s`);
  }
  return await new Promise<never>(() => {});
}

type Connection = typeof import('@dagger.io/dagger').connection;

/** A second long: not for --help, and not before it is needed. */
async function loadSdk() {
  return await import('@dagger.io/dagger');
}

/** The SDK's connection gives nothing back, and wraps what is thrown inside it; this gives the value, and the error as it was. */
async function connected<T>(connection: Connection, work: () => Promise<T>, isVerbose = false): Promise<T> {
  let outcome: { value: T } | { error: unknown } | undefined;
  await connection(
    async () => {
      outcome = await work().then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      );
    },
    isVerbose ? { LogOutput: process.stderr } : {},
  );
  if (outcome === undefined) throw new Error('the connection ended before the work began');
  if ('error' in outcome) throw outcome.error;
  return outcome.value;
}
