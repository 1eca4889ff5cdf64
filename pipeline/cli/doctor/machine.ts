// Asks this machine for the facts, side by side, each with a limit: without a network, too, there is an answer soon.
import { release, userInfo } from 'node:os';
import { PipelineError, reasonOf } from '../../src/core/errors.ts';
import type { EngineFacts } from '../../src/core/model.ts';
import type { EngineChoice } from '../arguments.ts';
import { EMBEDDED_ENGINE, engineCandidates, engineError, findProvisioning } from '../engine.ts';
import { refusedNamespaces } from '../isolation.ts';
import { lookForPrograms, searchPath } from '../requirements.ts';
import { ask } from './ask.ts';
import { type Facts, type Fault, isFault, type Probe } from './facts.ts';
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
  canAsk: boolean;
  env: NodeJS.ProcessEnv;
};

/** It bundles the engine at the first time, and starts a network. */
const PROBE_MS = 30_000;

export async function gatherFacts(question: Question): Promise<Facts> {
  const { root, output, env, isOffline } = question;
  const isRoot = process.getuid?.() === 0;
  const user = userInfo().username;
  const [engines, images, git] = await Promise.all([
    askEngines(question),
    isOffline ? [] : askImages(question.mirrors, env),
    askGit(root),
  ]);
  const isEmbedded = !isFault(engines) && engines.some(({ kind }) => kind === 'embedded');
  const embedded = isEmbedded ? await askEmbedded(question) : { programs: null, runtime: null, probe: null };
  const { probe } = embedded;
  const places = probe === null || isFault(probe) ? [] : [...probe.packages.npm, ...probe.packages.debian];
  return {
    kernel: release(),
    nodeVersion: process.versions.node,
    user,
    isRoot,
    isOffline,
    engines,
    ...embedded,
    refusal: isEmbedded ? refusedNamespaces() : null,
    features: readFeatures('/proc'),
    ids: isRoot ? null : countIds(user),
    images,
    packages: isOffline ? [] : await askPlaces(places),
    proxies: readProxies(env),
    nodeUsesProxy: env.NODE_USE_ENV_PROXY === '1',
    certificates: readCertificates(env),
    credentials: readCredentials(env),
    secrets: readSecrets(env),
    npmVariables: readNpmVariables(root, env),
    folders: [cacheFolder(env), output].map(lookAtFolder),
    nowMs: Date.now(),
    git,
  };
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

async function askEmbedded(question: Question): Promise<Pick<Facts, 'programs' | 'runtime' | 'probe'>> {
  const { env, canAsk } = question;
  const isShared = refusedNamespaces() !== null;
  const [programs, runtime] = await Promise.all([
    lookForPrograms({ yes: false, env, canAsk, isShared }),
    askRuntime(env),
  ]);
  return {
    programs,
    runtime,
    probe: programs.kind === 'nothing' ? await askProbe(question) : null,
  };
}

/** As the engine chooses: crun, else runc. */
async function askRuntime(env: NodeJS.ProcessEnv): Promise<string | null> {
  for (const name of ['crun', 'runc']) {
    const { exitCode, stdout } = await ask(name, ['--version'], { env: { ...env, PATH: searchPath(env) } });
    if (exitCode === 0) return stdout.split('\n')[0] ?? '';
  }
  return null;
}

/** The engine tries itself what a session needs; where it does not even start, its last words are told. */
async function askProbe({ env, isOffline }: Question): Promise<Probe | Fault> {
  const { exitCode, stdout, stderr } = await ask(EMBEDDED_ENGINE, ['probe'], {
    env: { ...env, ...(isOffline ? { DRYDOCK_OFFLINE: '1' } : {}) },
    timeoutMs: PROBE_MS,
  });
  if (exitCode === 0) return JSON.parse(stdout) as Probe;
  const { message, hint } = engineError(`exit code ${exitCode}`, stderr.split('\n'));
  return { message, hint };
}
