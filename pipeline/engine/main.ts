// The embedded engine's program: `session` serves one client until it goes away.
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { dockerCredentials, parseMirrors } from '../src/oci/registry.ts';
import { EngineError, EnvironmentError } from './errors.ts';
import { listen } from './server.ts';
import { Session, type SessionOptions } from './session.ts';

const USAGE = `Usage: embedded-engine session [--workdir DIR]

Speaks Dagger's session protocol: prints {"port":…,"session_token":…} and answers GraphQL on that port
until its standard input is closed or it is told to stop. Read from the environment:
  DRYDOCK_OFFLINE=1     no step gets a network, nothing is fetched
  DRYDOCK_IMAGES=DIR    take images from a folder of OCI archives instead of any registry
  DRYDOCK_MIRRORS=…     registries to ask first: docker.io=mirror.example/hub,…
  DRYDOCK_SERVICE_READY=60  seconds that a service's ports may take to accept connections
  XDG_CACHE_HOME        where the store lives (default ~/.cache)
`;

const SERVICE_READY_SECONDS = 60;

/** Exit codes: 0 ended as told, 2 wrong use, 3 this machine cannot run it. */
async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    strict: false,
    options: { workdir: { type: 'string' }, help: { type: 'boolean' } },
  });
  if (values.help || positionals[0] !== 'session') {
    process[values.help ? 'stdout' : 'stderr'].write(USAGE);
    return values.help ? 0 : 2;
  }
  return serve(optionsFrom(process.env, typeof values.workdir === 'string' ? values.workdir : '.'));
}

function optionsFrom(env: NodeJS.ProcessEnv, workdir: string): SessionOptions {
  const dockerConfig = join(env.DOCKER_CONFIG || join(homedir(), '.docker'), 'config.json');
  const config = existsSync(dockerConfig) ? readFileSync(dockerConfig, 'utf8') : undefined;
  return {
    workdir: resolve(workdir),
    offline: env.DRYDOCK_OFFLINE === '1',
    serviceReadyMs: 1000 * (Number(env.DRYDOCK_SERVICE_READY) || SERVICE_READY_SECONDS),
    mirrors: parseMirrors((env.DRYDOCK_MIRRORS ?? '').split(',').filter(Boolean)),
    credentials: (registry) => (config === undefined ? undefined : dockerCredentials(config, registry)),
    ...(env.DRYDOCK_IMAGES ? { images: resolve(workdir, env.DRYDOCK_IMAGES) } : {}),
  };
}

async function serve(options: SessionOptions): Promise<number> {
  const ended = endOfClient();
  const session = Session.start(options);
  session.catch(() => {}); // told below, where it is awaited
  const server = await listen(session);
  process.stdout.write(`${JSON.stringify({ port: server.port, session_token: server.token })}\n`);
  const started = await session;
  await ended;
  await server.close();
  await started.close();
  return 0;
}

/** Resolves when the client closes our input or a signal says to stop. */
function endOfClient(): Promise<void> {
  return new Promise((done) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => done());
    process.stdin.on('end', done).on('error', () => done());
    process.stdin.resume();
  });
}

// Folders that steps are to enter are made here: whoever starts us may be stricter.
process.umask(0o022);
try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  const isKnown = error instanceof EngineError;
  process.stderr.write(
    isKnown
      ? `error: ${error.message.split('; ')[0]}\n${error.hint ? `hint: ${error.hint}\n` : ''}`
      : `${(error as Error).stack}\n`,
  );
  process.exit(error instanceof EnvironmentError ? 3 : 1);
}
