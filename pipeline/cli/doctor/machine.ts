// Asks this machine for the facts, side by side, each with a limit: without a network, too, there is an answer soon.
import { homedir, release, userInfo } from 'node:os';
import { PipelineError, reasonOf } from '../../src/core/errors.ts';
import type { EngineFacts } from '../../src/core/model.ts';
import type { EngineChoice } from '../arguments.ts';
import { EMBEDDED_ENGINE, engineCandidates, engineError, findProvisioning, withOurNode } from '../engine.ts';
import { withEngine } from '../session.ts';
import { ask } from './ask.ts';
import { type Facts, type Fault, isFault, type Probe, type Trial } from './facts.ts';
import { askImages, askPlaces } from './network.ts';
import { readCertificates, readCredentials, readNpmVariables, readProxies, readSecrets } from './settings.ts';
import { askGit, cacheFolder, countIds, lookAtFolder, readFeatures } from './surroundings.ts';

export type Question = {
  root: string;
  /** Where results would go. */
  output: string;
  engine: EngineChoice;
  isOffline: boolean;
  mirrors: readonly string[];
  /** A folder of images, for an engine that has none. */
  images: string | null;
  env: NodeJS.ProcessEnv;
  /** Rejects when somebody wants it to end. */
  interrupted: Promise<never>;
};

/** At the first time it bundles the engine and fetches its tools. */
const ENGINE_MS = 60_000;

/** All facts; `tell` has them as they come, several at a time. */
export async function gatherFacts(question: Question, tell: (facts: Partial<Facts>) => void): Promise<void> {
  const { root, output, env, isOffline } = question;
  const isRoot = process.getuid?.() === 0;
  const name = userName();
  const user = name ?? String(process.getuid?.());
  const asking = [
    askGit(root).then((git) => tell({ git })),
    (isRoot ? Promise.resolve(null) : countIds(user)).then((ids) => tell({ ids })),
    askOfEngine(question, tell),
    (isOffline ? Promise.resolve([]) : askImages(question.mirrors, env)).then((images) => tell({ images })),
  ];
  tell({
    kernel: release(),
    nodeVersion: process.versions.node,
    user,
    isNamed: name !== null,
    isRoot,
    isOffline,
    features: readFeatures('/proc'),
    proxies: readProxies(env),
    nodeUsesProxy: env.NODE_USE_ENV_PROXY === '1',
    certificates: readCertificates(env),
    credentials: readCredentials(env),
    secrets: readSecrets(env),
    npmVariables: readNpmVariables(root, env),
    folders: { cache: lookAtFolder(cacheFolder(env)), results: lookAtFolder(output) },
    nowMs: Date.now(),
  });
  await Promise.all(asking);
}

/** A container may run as a number that has no name. */
function userName(): string | null {
  try {
    return userInfo().username;
  } catch {
    return null;
  }
}

async function askOfEngine(question: Question, tell: (facts: Partial<Facts>) => void): Promise<void> {
  const engines = await askEngines(question);
  tell({ engines });
  const trying = tryNamed(question, engines).then((trial) => tell({ trial }));
  const isEmbedded = !isFault(engines) && engines.some(({ kind }) => kind === 'embedded');
  const embedded = isEmbedded ? await askEmbedded(question) : { programs: null, probe: null };
  tell(embedded);
  const { probe } = embedded;
  const places = probe === null || isFault(probe) ? [] : [...probe.packages.npm, ...probe.packages.debian];
  tell({ packages: question.isOffline ? [] : await askPlaces(places) });
  await trying;
}

/** An engine that has to be downloaded may take longer, and is there the next time. */
const STARTS_MS = 120_000;

/** Another engine than ours, where it is this one that was asked for: to start one by the way would take minutes. */
async function tryNamed(question: Question, engines: EngineFacts[] | Fault): Promise<Trial | Fault | null> {
  const [first] = isFault(engines) ? [] : engines;
  if (first === undefined || first.kind === 'embedded') return null;
  if (question.engine !== 'dagger' && first.kind !== 'session') return null;
  const { root, mirrors, images, env } = question;
  const options = {
    ...{ root, mirrors: [...mirrors], engine: 'dagger' as const, offline: false, stepTimeout: null, verbose: false },
    ...{ interrupted: question.interrupted, say: () => {}, onEngine: () => {}, startWithin: STARTS_MS },
  };
  try {
    return await withEngine(options, async () => {
      const { tryEngine } = await import('./trial.ts');
      const { stdout } = await ask('npm', ['config', 'get', 'registry'], { cwd: homedir() }); // not as a repository wants it
      return await tryEngine({ images, mirrors, env, registry: stdout.trim() });
    });
  } catch (error) {
    if (error instanceof PipelineError && error.code === 'INTERRUPTED') throw error;
    return { message: reasonOf(error), ...(error instanceof PipelineError ? { hint: error.hint } : {}) };
  }
}

async function askEngines({ engine, isOffline, env }: Question): Promise<EngineFacts[] | Fault> {
  const around = { env, platform: process.platform, provisioning: () => findProvisioning(env) };
  try {
    return await engineCandidates(engine, isOffline, around);
  } catch (error) {
    if (!(error instanceof PipelineError)) throw error;
    return { message: reasonOf(error), hint: error.hint };
  }
}

async function askEmbedded(question: Question): Promise<Pick<Facts, 'programs' | 'probe'>> {
  const probe = await askProgram('probe', question);
  if (!isFault(probe)) {
    const found = JSON.parse(probe.stdout) as Probe;
    return { programs: found.programs, probe: found };
  }
  // Whether it is for want of the programs that it does not even start.
  const programs = await askProgram('tools', question);
  return isFault(programs) ? { programs, probe: null } : { programs: programs.stdout.trim(), probe };
}

/** What the engine says when it tries itself what a session needs; where it does not even start, its last log lines. */
async function askProgram(command: string, { env, isOffline }: Question): Promise<{ stdout: string } | Fault> {
  const { exitCode, stdout, stderr } = await ask(EMBEDDED_ENGINE, [command], {
    env: { ...withOurNode(env), ...(isOffline ? { DRYDOCK_OFFLINE: '1' } : {}) },
    timeoutMs: ENGINE_MS,
  });
  if (exitCode === 0) return { stdout };
  const { message, hint } = engineError(`exit code ${exitCode}`, stderr.split('\n'));
  return { message, hint };
}
