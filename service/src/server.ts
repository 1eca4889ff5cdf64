// The program: reads the configuration, serves, and ends on a signal. Fit to be process 1 of a container.
import { type Config, ConfigError, readConfig } from './config.ts';
import { createLog } from './log.ts';
import { serve } from './serve.ts';

const EXIT_FAILED = 1;
const EXIT_CONFIGURATION = 2;

const config = configOrExit();
const log = createLog(config.logLevel);
process.once('exit', log.flush);
process.once('uncaughtException', (error) => exitWith('crashed', error));

const starting = serve(config, log);

// Before the port is open: process 1 has no default action for a signal.
let stopping = false;
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, async () => {
    if (stopping) {
      log.warn('forced', { signal });
      process.exit(EXIT_FAILED);
    }
    stopping = true;
    log.info('draining', { signal });
    const service = await starting;
    const clean = await service.stop();
    if (clean) log.info('stopped');
    else log.warn('cut off', { after_ms: config.shutdownTimeoutMs });
    process.exit(clean ? 0 : EXIT_FAILED);
  });
}

const { port } = await starting.catch((error) => exitWith('cannot listen', error));
log.info('listening', { host: config.host, port, pid: process.pid });

function exitWith(event: string, error: Error): never {
  log.error(event, { stack: String(error.stack) });
  process.exit(EXIT_FAILED);
}

function configOrExit(): Config {
  try {
    return readConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    process.exit(EXIT_CONFIGURATION);
  }
}
