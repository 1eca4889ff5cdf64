// Dagger programs of any SDK, on the embedded engine: with a session, as `dagger run` gives them one, or with what lets them start their own.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { quoted } from '../src/command.ts';
import { PipelineError } from '../src/core/errors.ts';
import { asLines } from '../src/core/safe-text.ts';
import type { RunInvocation } from './arguments.ts';
import { EMBEDDED_ENGINE, type EngineSession, engineCandidates, findProvisioning, startEmbedded } from './engine.ts';
import type { Terminal } from './terminal.ts';

/** A line of shell. */
export const showEngine = () => `export _EXPERIMENTAL_DAGGER_CLI_BIN=${quoted(EMBEDDED_ENGINE)}\n`;

/** Gives the exit code of the command: 128 and its number where a signal ended it. */
export async function runProgram({ command, options }: RunInvocation, terminal: Terminal): Promise<number> {
  const { env, platform } = process;
  await engineCandidates('embedded', options.offline, { env, platform, provisioning: () => findProvisioning(env) });
  const onLine = (line: string) => {
    if (options.verbose || line.startsWith('warning: ')) terminal.err.write(asLines([line]));
  };
  const starting = startEmbedded({ ...options, root: process.cwd(), onLine });
  let session: EngineSession | undefined;
  try {
    session = await Promise.race([starting, terminal.interrupted]);
    return await ended(command, session);
  } finally {
    await (session ?? (await starting.catch(() => undefined)))?.close();
  }
}

/** An engine that is lost ends the command too. */
async function ended([program, ...args]: RunInvocation['command'], { lost }: EngineSession): Promise<number> {
  const env = { ...process.env, _EXPERIMENTAL_DAGGER_CLI_BIN: EMBEDDED_ENGINE };
  const child = spawn(program, args, { stdio: 'inherit', env });
  const stopPassing = passSignals(child);
  try {
    const [code, signal] = (await Promise.race([once(child, 'exit'), lost])) as [number | null, NodeJS.Signals | null];
    return code ?? 128 + constants.signals[signal as NodeJS.Signals];
  } catch (error) {
    child.kill();
    if ((error as NodeJS.ErrnoException).syscall?.startsWith('spawn') !== true) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new PipelineError(
      'BAD_OPTION',
      `${program} cannot be started: ${code === 'ENOENT' ? 'there is no such program' : code}`,
      `check that it is installed: command -v ${quoted(program)}`,
    );
  } finally {
    stopPassing();
  }
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}

/** What we are sent, the command is; but for Ctrl-C, which a terminal sends to both. It does not outlive us. */
function passSignals(child: ChildProcess): () => void {
  const signals = ['SIGTERM', 'SIGHUP', ...(hasTerminal() ? [] : ['SIGINT' as const])] as const;
  const pass = (signal: NodeJS.Signals) => void child.kill(signal);
  for (const signal of signals) process.on(signal, pass);
  process.once('exit', () => void child.kill('SIGKILL'));
  return () => {
    for (const signal of signals) process.off(signal, pass);
  };
}
