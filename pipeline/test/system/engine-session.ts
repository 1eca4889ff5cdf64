// A session of the embedded engine that a test holds in its hands: its process, its environment, and the queries it is asked.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from './repository.ts';

export const ENGINE = join(ROOT, 'pipeline/engine/bin/embedded-engine');

export interface EngineSession {
  readonly process: ChildProcess;
  /** What clients of the SDK look for in their environment. */
  readonly environment: Readonly<Record<'DAGGER_SESSION_PORT' | 'DAGGER_SESSION_TOKEN', string>>;
  /** What it says on standard error. */
  readonly said: () => string;
  /** The one value that a query asks for. Throws what the engine answers instead. */
  readonly ask: <T = string>(query: string) => Promise<T>;
  /** The container that an archive of the host holds, as the beginning of a query, and its end. */
  readonly from: (archive: string) => Promise<(fields: string) => Promise<string>>;
  readonly close: () => Promise<void>;
  readonly kill: () => Promise<void>;
}

/** What a step said is in the extensions. */
interface Fault {
  readonly message: string;
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** `within` is a command that runs the engine. */
export async function openSession(
  env: Readonly<Record<string, string>>,
  within: readonly string[] = [],
): Promise<EngineSession> {
  const { DAGGER_SESSION_PORT: _port, DAGGER_SESSION_TOKEN: _token, ...rest } = process.env;
  const [program = '', ...args] = [...within, ENGINE, 'session'];
  const child = spawn(program, args, { env: { ...rest, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk));
  const gone = once(child, 'exit');
  const line = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    gone.then(() => Promise.reject(new Error(said))),
  ]);
  const { port, session_token: token } = JSON.parse(String(line[0])) as { port: number; session_token: string };
  const ask = async <T>(query: string): Promise<T> => {
    const response = await fetch(`http://127.0.0.1:${port}/query`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${token}:`).toString('base64')}` },
      body: JSON.stringify({ query }),
    });
    const { data, errors } = (await response.json()) as { data?: unknown; errors?: Fault[] };
    const [fault] = errors ?? [];
    if (fault !== undefined) throw new Error(fault.message, { cause: fault.extensions });
    return leafOf(data) as T;
  };
  return {
    process: child,
    environment: { DAGGER_SESSION_PORT: String(port), DAGGER_SESSION_TOKEN: token },
    said: () => said,
    ask,
    from: async (archive) => {
      const file = await ask(`{ host { file(path: ${JSON.stringify(archive)}) { id } } }`);
      return (fields) => ask(`{ container { import(source: ${JSON.stringify(file)}) { ${fields} } } }`);
    },
    close: async () => {
      child.stdin.end();
      await gone;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

function leafOf(data: unknown): unknown {
  return typeof data === 'object' && data !== null && !Array.isArray(data) ? leafOf(Object.values(data)[0]) : data;
}

/** A shell command in a container, as fields of a query. */
export const sh = (script: string, fields = 'stdout') =>
  `withExec(args: ["sh", "-c", ${JSON.stringify(script)}]) { ${fields} }`;
