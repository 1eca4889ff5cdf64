// Which engine runs it: decides the order, starts the embedded one, and sees to it that none outlives us.
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type ErrorCode, PipelineError } from '../src/core/errors.ts';
import type { EngineEvent } from '../src/core/events.ts';
import type { EngineFacts } from '../src/core/model.ts';
import { STEP_FOLDERS } from '../src/stages/step.ts';
import type { EngineChoice } from './arguments.ts';

/** The engine version that the SDK's own provisioning brings. */
export const DAGGER_VERSION = '0.21.8';

export const EMBEDDED_ENGINE = fileURLToPath(new URL('../engine/bin/embedded-engine', import.meta.url));
/** For programs of the engine: the Node that runs us is the one that runs them, wherever it is. */
export const withOurNode = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
  ...env,
  PATH: [dirname(process.execPath), env.PATH].join(delimiter),
});

export const CLI_HOST = 'https://dl.dagger.io';
const PROBE_MS = 5000;
/** How long an engine may take to put its things away before it is killed. */
const CLOSE_MS = 15_000;

export type Provisioning = { runtime: string } | { missing: string; hint?: string };

/** A Dagger CLI can be had in no other way where it cannot be downloaded. */
export const BRING_CLI = `name a Dagger CLI v${DAGGER_VERSION} in _EXPERIMENTAL_DAGGER_CLI_BIN, or use --engine embedded on Linux`;

/** What is known of the surroundings; asked for only as far as needed. */
export type Surroundings = {
  platform: NodeJS.Platform;
  env: NodeJS.ProcessEnv;
  /** The container runtime that answers, with its CLI to be had; or why there is none. */
  provisioning: () => Promise<Provisioning>;
};

/** Engines in the order in which they are tried. */
export async function engineCandidates(
  choice: EngineChoice,
  offline: boolean,
  around: Surroundings,
): Promise<EngineFacts[]> {
  const { env, platform } = around;
  const embedded: EngineFacts = { kind: 'embedded', why: choice === 'embedded' ? 'asked for' : '' };
  if (choice === 'embedded' || (offline && choice === 'auto')) {
    if (platform !== 'linux')
      throw notLinux(offline ? '--offline needs the embedded engine, which' : 'the embedded engine');
    return [
      { ...embedded, why: choice === 'embedded' ? 'asked for' : 'the only one that --offline can be promised for' },
    ];
  }
  // As `drydock engine` and `drydock run` name it: a session of it would not say whether steps are isolated.
  if (env._EXPERIMENTAL_DAGGER_CLI_BIN === EMBEDDED_ENGINE && choice === 'auto')
    return [{ ...embedded, why: '_EXPERIMENTAL_DAGGER_CLI_BIN names it' }];
  if (env.DAGGER_SESSION_PORT)
    return [{ kind: 'session', why: 'DAGGER_SESSION_PORT names a session that is already there' }];
  for (const name of ['_EXPERIMENTAL_DAGGER_RUNNER_HOST', '_EXPERIMENTAL_DAGGER_CLI_BIN']) {
    if (env[name]) return [{ kind: 'dagger', why: `${name} names it` }];
  }
  const provisioning = await around.provisioning();
  if ('runtime' in provisioning) {
    const dagger: EngineFacts = { kind: 'dagger', why: `${provisioning.runtime} answers` };
    const fallback =
      choice === 'auto' && platform === 'linux' ? [{ ...embedded, why: 'the Dagger engine did not start' }] : [];
    return [dagger, ...fallback];
  }
  if (choice === 'dagger') {
    throw new PipelineError(
      'NO_ENGINE',
      `a Dagger engine cannot be started: ${provisioning.missing}`,
      provisioning.hint ?? 'start a container runtime, or use --engine embedded on Linux',
    );
  }
  if (platform !== 'linux') {
    throw new PipelineError(
      'NO_ENGINE',
      `nothing here can run containers: ${provisioning.missing}`,
      provisioning.hint ?? 'install and start Docker Desktop, Podman or another container runtime',
    );
  }
  return [{ ...embedded, why: provisioning.missing }];
}

function notLinux(what: string): PipelineError {
  return new PipelineError(
    'NO_ENGINE',
    `${what} runs on Linux only`,
    'use --engine dagger with Docker or another container runtime',
  );
}

// ------------------------------------------------------------------------------------ Dagger's own provisioning

const RUNTIMES = [
  { name: 'Docker', command: ['docker', 'version', '--format', '{{.Server.Version}}'] },
  { name: 'Podman', command: ['podman', 'info', '--format', '{{.Version.Version}}'] },
  { name: 'nerdctl', command: ['nerdctl', 'version', '--format', '{{.Server.Version}}'] },
  { name: 'Apple container', command: ['container', 'system', 'status'] },
] as const;

/** Ask the machine: a runtime that answers, and the Dagger CLI on disk or within reach. */
export async function findProvisioning(env: NodeJS.ProcessEnv): Promise<Provisioning> {
  const answers = await Promise.all(
    RUNTIMES.map(async ({ name, command }) => ((await answersWell(command)) ? name : undefined)),
  );
  const runtime = answers.find((name) => name !== undefined);
  if (runtime === undefined) return { missing: 'no container runtime answers' };
  if (cachedCli(env) !== undefined || (await isReachable(CLI_HOST))) return { runtime };
  const missing = `${runtime} answers, but the Dagger CLI is neither cached nor can it be downloaded`;
  return { missing, hint: BRING_CLI };
}

function answersWell([program, ...args]: readonly [string, ...string[]]): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: PROBE_MS }, (error, stdout) => resolve(error === null && stdout.trim() !== ''));
  });
}

async function isReachable(url: string): Promise<boolean> {
  try {
    await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(PROBE_MS) });
    return true;
  } catch {
    return false;
  }
}

/** The CLI that the SDK downloaded once. By itself it would download it again each time. */
export function cachedCli(env: NodeJS.ProcessEnv): string | undefined {
  const folders: Partial<Record<NodeJS.Platform, string>> = {
    darwin: join(homedir(), 'Library', 'Caches', 'dagger'),
    win32: join(env.LOCALAPPDATA ?? homedir(), 'dagger', 'Cache'),
  };
  const folder = folders[process.platform] ?? join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'dagger');
  const path = join(folder, `dagger-${DAGGER_VERSION}${process.platform === 'win32' ? '.exe' : ''}`);
  return existsSync(path) ? path : undefined;
}

// ------------------------------------------------------------------------------------------ the embedded engine

/** A session of the embedded engine. The SDK finds it through the environment that is set here. */
export type EngineSession = {
  /** Why steps are not isolated from each other, where they are not. */
  notIsolated: EngineFacts['notIsolated'];
  /** Rejects when the engine ends though nobody asked it to. */
  lost: Promise<never>;
  close: () => Promise<void>;
};

export type EmbeddedOptions = {
  /** The engine, unless it is the one that the package brings. */
  program?: string;
  root: string;
  offline: boolean;
  mirrors: readonly string[];
  stepTimeout: string | null;
  /** Told each line that the engine says. */
  onLine?: ((line: string) => void) | undefined;
  /** Told what it does besides steps, and what steps say. */
  onEvent?: ((event: EngineEvent) => void) | undefined;
};

/** Start the engine and wait for its address. Started by ourselves, not by the SDK, so that both start at the same time. */
export async function startEmbedded({
  program = EMBEDDED_ENGINE,
  ...options
}: EmbeddedOptions): Promise<EngineSession> {
  const child = spawn(program, ['session', '--workdir', options.root], {
    stdio: ['pipe', 'pipe', 'pipe'],
    // A Ctrl-C at the terminal goes to its whole group: the engine is told by us, when it is time.
    detached: true,
    env: {
      ...withOurNode(process.env),
      ...(options.offline ? { DRYDOCK_OFFLINE: '1' } : {}),
      ...(options.mirrors.length > 0 ? { DRYDOCK_MIRRORS: options.mirrors.join(',') } : {}),
      ...(options.onEvent === undefined ? {} : { DRYDOCK_EVENTS: 'json', DRYDOCK_STEP_LOGS: STEP_FOLDERS }),
      ...(options.stepTimeout === null ? {} : { DRYDOCK_STEP_TIMEOUT: options.stepTimeout }),
    },
  });
  const said: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    const event = options.onEvent === undefined ? undefined : readEvent(line);
    if (event !== undefined) return SHOWN.has(event.kind) ? options.onEvent?.(event as EngineEvent) : undefined;
    said.push(line);
    if (said.length > 200) said.shift();
    options.onLine?.(line);
  });
  let isClosing = false;
  // After `close`, not `exit`: only then has all of its output been read.
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  const lost = new Promise<never>((_, reject) => {
    void ended.then((how) => {
      if (!isClosing) reject(engineError(how, said));
    });
  });
  lost.catch(() => {}); // told where it is awaited
  // Its input is our sign of life: it ends when we do, whatever becomes of us. Writing to it never matters.
  child.stdin.on('error', () => {});
  const close = async () => {
    isClosing = true;
    child.stdin.end();
    child.kill('SIGTERM');
    const killer = setTimeout(() => child.kill('SIGKILL'), CLOSE_MS);
    await ended;
    clearTimeout(killer);
    // A command may need an engine once more: it is not to look for this one.
    delete process.env.DAGGER_SESSION_PORT;
    delete process.env.DAGGER_SESSION_TOKEN;
  };
  try {
    const address = await Promise.race([firstLine(child.stdout), lost]);
    const { port, session_token: token, not_isolated: notIsolated } = JSON.parse(address) as Address;
    process.env.DAGGER_SESSION_PORT = String(port);
    process.env.DAGGER_SESSION_TOKEN = token;
    return { notIsolated, lost, close };
  } catch (error) {
    await close();
    throw error;
  }
}

const SHOWN: ReadonlySet<string> = new Set<EngineEvent['kind']>(['activity', 'activity-ended', 'step-output']);

/** Events are JSON, one a line; whatever else the engine says is for people. */
function readEvent(line: string): { kind: string } | undefined {
  if (!line.startsWith('{"kind":')) return undefined;
  try {
    return JSON.parse(line) as { kind: string };
  } catch {
    return undefined;
  }
}

type Address = { port: number; session_token: string; not_isolated?: EngineFacts['notIsolated'] };

function firstLine(stream: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve) => {
    const lines = createInterface({ input: stream });
    lines.once('line', resolve);
  });
}

/** What an exit code of the engine means: a setting of ours that it cannot use, a machine that it cannot use. */
const ENDINGS: Readonly<Record<string, ErrorCode>> = { 'exit code 2': 'BAD_OPTION', 'exit code 3': 'NO_ENGINE' };

/** By the kernel, and as a shell tells of it. */
const WITHOUT_MEMORY = /^(SIGKILL|exit code 137)$/;

/** What the engine said on its way out, as one of our errors. */
export function engineError(how: string, said: readonly string[]): PipelineError {
  const field = (name: string) => said.findLast((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  const message = field('error');
  if (message !== undefined) {
    const code = /no space left|ENOSPC|disk is full/i.test(message) ? 'NO_SPACE' : (ENDINGS[how] ?? 'ENGINE_FAILED');
    return new PipelineError(code, message, field('hint') ?? 'run again with --verbose to see what the engine says');
  }
  if (WITHOUT_MEMORY.test(how))
    return new PipelineError(
      'ENGINE_FAILED',
      'the embedded engine was killed, as the kernel does when memory runs out',
      'docker run --memory 4g IMAGE, or close other programs',
    );
  const last = said.findLast((line) => line.trim() !== '');
  // What it said before a signal came is no cause.
  const reason = last === undefined || how.startsWith('SIG') ? '' : `: ${last.trim()}`;
  return new PipelineError(
    'ENGINE_FAILED',
    `the embedded engine ended (${how})${reason}`,
    'run again with --verbose to see what the engine says',
  );
}
