// The embedded engine's program: `session` serves one client until it goes away; the others look after the store.
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import manifest from '../package.json' with { type: 'json' };
import { dockerCredentials, parseMirrors } from '../src/oci/registry.ts';
import { endOfClient } from './client.ts';
import { parseCommand } from './commands/arguments.ts';
import { measureUsage, renderUsage } from './commands/du.ts';
import { gc } from './commands/gc.ts';
import { probe } from './commands/probe.ts';
import { sweep } from './commands/sweep.ts';
import { describeTools, provideTools, repairTools } from './commands/tools.ts';
import { USAGE } from './commands/usage.ts';
import { EngineError, EnvironmentError, UsageError } from './errors.ts';
import { REFUSAL } from './run/isolation.ts';
import { limitsOf, machineLimits } from './run/limits.ts';
import { timeLimitOf } from './run/time-limit.ts';
import { listen, needLoopback } from './server.ts';
import { isRoot, Session, type SessionOptions } from './session.ts';
import { UMASK } from './store/bytes.ts';
import { DiskFullError, diskFullError } from './store/disk.ts';
import { FORMAT } from './store/format.ts';
import { budgetFor, cacheFolder, packageFolder, storeFolder } from './store/store.ts';
import { heldPackages, type InstallOptions } from './tools/install.ts';

/** A database that is set up on a machine with much to do takes its time. */
const SERVICE_READY_SECONDS = 150;

async function main(args: string[]): Promise<number> {
  const command = parseCommand(args);
  const say = (text: string) => void process.stdout.write(text);
  const [cache, store, budget] = [cacheFolder(), storeFolder(), process.env.DRYDOCK_STORE_BUDGET];
  switch (command.name) {
    case 'session':
      return serve(optionsFrom(process.env, command.workdir));
    case 'du': {
      const usage = await measureUsage(cache, store, budgetFor(store, budget));
      say(command.json ? `${JSON.stringify(usage)}\n` : renderUsage(usage));
      return 0;
    }
    case 'gc':
      say(`${(await gc({ ...command, cache, store, budget })).join('\n')}\n`);
      return 0;
    case 'sweep':
      say(`${(await sweep(store)).join('\n')}\n`);
      return 0;
    case 'probe':
      needLoopback();
      await soundTools();
      say(`${JSON.stringify(await probe(optionsFrom(process.env, '.')))}\n`);
      return 0;
    case 'tools':
      say(command.json ? `${JSON.stringify(toolsFacts())}\n` : `${describeTools(process.env.DRYDOCK_TOOLS)}\n`);
      return 0;
    case 'fetch-tools':
      await provideTools({ ...toolsIn(command.folder), isRoot: isRoot() });
      return 0;
    case 'help':
      say(USAGE);
      return 0;
    case 'version':
      say(`embedded-engine ${manifest.version} (store format ${FORMAT})\n`);
      return 0;
  }
}

function optionsFrom(env: NodeJS.ProcessEnv, workdir: string): SessionOptions {
  const dockerConfig = join(env.DOCKER_CONFIG || join(homedir(), '.docker'), 'config.json');
  const config = existsSync(dockerConfig) ? readFileSync(dockerConfig, 'utf8') : undefined;
  return {
    workdir: resolve(workdir),
    offline: env.DRYDOCK_OFFLINE === '1',
    substitutes: env.DRYDOCK_SUBSTITUTES !== '0',
    serviceReadyMs: 1000 * (Number(env.DRYDOCK_SERVICE_READY) || SERVICE_READY_SECONDS),
    mirrors: parseMirrors((env.DRYDOCK_MIRRORS ?? '').split(',').filter(Boolean)),
    credentials: (registry) => (config === undefined ? undefined : dockerCredentials(config, registry)),
    ...(env.DRYDOCK_TERMINAL ? { terminal: env.DRYDOCK_TERMINAL } : {}),
    ...(env.DRYDOCK_IMAGES ? { images: resolve(workdir, env.DRYDOCK_IMAGES) } : {}),
    timeLimit: timeLimitOf(env),
    limits: limitsOf(machineLimits(isRoot() && REFUSAL === undefined), env),
    budget: env.DRYDOCK_STORE_BUDGET,
  };
}

/** Those that we were given, if they are the engine's own. */
async function soundTools(): Promise<void> {
  const folder = process.env.DRYDOCK_TOOLS;
  if (folder) await repairTools(toolsIn(folder));
}

/** What `tools --json` prints: whose programs run steps, and where the packages of the engine's own are; none where not all are kept. */
function toolsFacts() {
  const packages = process.env.DRYDOCK_TOOLS ? heldPackages(packageFolder()) : undefined;
  return { programs: describeTools(process.env.DRYDOCK_TOOLS), packages: packages ?? null };
}

const toolsIn = (folder: string): InstallOptions => ({
  folder,
  packages: packageFolder(),
  ...(process.env.DRYDOCK_TOOL_PACKAGES ? { given: process.env.DRYDOCK_TOOL_PACKAGES } : {}),
  offline: process.env.DRYDOCK_OFFLINE === '1',
  log: (line) => void process.stderr.write(`${line}\n`),
});

async function serve(options: SessionOptions): Promise<number> {
  budgetFor(storeFolder(), options.budget); // a wrong value is told before anybody connects
  const ended = endOfClient();
  const session = soundTools().then(() => Session.start(options));
  session.catch(() => {}); // told below, where it is awaited
  const server = await listen(session);
  const address = { port: server.port, session_token: server.token };
  // The SDK takes the address alone; the command line also asks whether steps are isolated from each other.
  process.stdout.write(`${JSON.stringify({ ...address, not_isolated: REFUSAL })}\n`);
  const started = await session;
  await ended;
  await server.close();
  await started.close();
  return 0;
}

// Folders that steps are to enter are made here: whoever starts us may be stricter.
process.umask(UMASK);
main(process.argv.slice(2)).then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => process.exit(tell(diskFullError(error, cacheFolder()) ?? error)),
);

/** Says what went wrong, in a sentence where it is no fault of ours, and gives the exit code. */
function tell(error: unknown): number {
  const text =
    error instanceof EngineError
      ? `error: ${error.message.split('; ')[0]}\n${error.hint ? `hint: ${error.hint}\n` : ''}`
      : `${(error as Error).stack}\n`;
  process.stderr.write(text);
  if (error instanceof UsageError) return 2;
  return error instanceof EnvironmentError || error instanceof DiskFullError ? 3 : 1;
}
