// Reads the service's settings from the environment. Checks them all before anything starts, and names every fault at once.
import { isIP } from 'node:net';
import { LEVELS, type Level } from './log.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Deployment {
  readonly commit: string | null;
  readonly built: string | null;
  readonly digest: string | null;
}

export interface Config {
  readonly port: number;
  readonly host: string;
  readonly logLevel: Level;
  readonly bodyLimit: number;
  readonly headerLimit: number;
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly drainDelayMs: number;
  readonly shutdownTimeoutMs: number;
  readonly deployment: Deployment;
}

/** The configuration is wrong; the message has one line for each bad variable. */
export class ConfigError extends Error {}

interface Setting<T> {
  readonly variable: string;
  readonly fallback: T;
  readonly allowed: string;
  /** The value, or undefined if the text is not allowed. */
  readonly parse: (text: string) => T | undefined;
}

const SECOND = 1000;
const HOST_NAME = /^(?!-)[A-Za-z0-9-]{1,63}(\.(?!-)[A-Za-z0-9-]{1,63})*$/;
const SHOWN_AT_MOST = 60;

/** Every variable of the service, once. README.md lists the same. */
export const SETTINGS = {
  port: whole('PORT', 8000, 0, 65_535),
  host: {
    variable: 'HOST',
    fallback: '0.0.0.0',
    allowed: 'an IP address or a host name',
    parse: (text) => (isIP(text) > 0 || HOST_NAME.test(text) ? text : undefined),
  },
  logLevel: {
    variable: 'LOG_LEVEL',
    fallback: 'info',
    allowed: LEVELS.join(', '),
    parse: (text) => LEVELS.find((level) => level === text),
  },
  bodyLimit: whole('BODY_LIMIT', 64 * 1024, 0, 16 * 1024 * 1024),
  headerLimit: whole('HEADER_LIMIT', 16 * 1024, 1024, 64 * 1024),
  requestTimeoutMs: whole('REQUEST_TIMEOUT_MS', 30 * SECOND, 1, 600 * SECOND),
  // Longer than the 60 s of common proxies: the side that sends requests should be the one that closes.
  keepAliveTimeoutMs: whole('KEEP_ALIVE_TIMEOUT_MS', 65 * SECOND, 1, 600 * SECOND),
  drainDelayMs: whole('DRAIN_DELAY_MS', 0, 0, 600 * SECOND),
  // Shorter than the 10 s after which `docker stop` kills.
  shutdownTimeoutMs: whole('SHUTDOWN_TIMEOUT_MS', 8 * SECOND, 1, 600 * SECOND),
  commit: fact('APP_COMMIT'),
  built: fact('APP_BUILT'),
  digest: fact('APP_DIGEST'),
} as const satisfies Record<string, Setting<Level> | Setting<number> | Setting<string> | Setting<string | null>>;

export function readConfig(env: Environment): Config {
  const faults: string[] = [];
  const read = <T>(setting: Setting<T>): T => {
    const text = env[setting.variable];
    if (text === undefined || text === '') return setting.fallback;
    const value = setting.parse(text);
    if (value !== undefined) return value;
    faults.push(`${setting.variable} is ${JSON.stringify(shortened(text))}; allowed: ${setting.allowed}`);
    return setting.fallback;
  };
  const config: Config = {
    port: read(SETTINGS.port),
    host: read(SETTINGS.host),
    logLevel: read<Level>(SETTINGS.logLevel),
    bodyLimit: read(SETTINGS.bodyLimit),
    headerLimit: read(SETTINGS.headerLimit),
    requestTimeoutMs: read(SETTINGS.requestTimeoutMs),
    keepAliveTimeoutMs: read(SETTINGS.keepAliveTimeoutMs),
    drainDelayMs: read(SETTINGS.drainDelayMs),
    shutdownTimeoutMs: read(SETTINGS.shutdownTimeoutMs),
    deployment: { commit: read(SETTINGS.commit), built: read(SETTINGS.built), digest: read(SETTINGS.digest) },
  };
  if (faults.length > 0) throw new ConfigError(faults.join('\n'));
  return config;
}

function whole(variable: string, fallback: number, least: number, most: number): Setting<number> {
  return {
    variable,
    fallback,
    allowed: `a whole number from ${least} to ${most}`,
    parse: (text) => {
      const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
      return value >= least && value <= most ? value : undefined;
    },
  };
}

/** What the deployment says of itself: shown as it is, so only its form is checked. */
function fact(variable: string): Setting<string | null> {
  return {
    variable,
    fallback: null,
    allowed: 'up to 200 printable ASCII characters',
    parse: (text) => (/^[\x20-\x7e]{1,200}$/.test(text) ? text : undefined),
  };
}

function shortened(text: string): string {
  return text.length > SHOWN_AT_MOST ? `${text.slice(0, SHOWN_AT_MOST)}…` : text;
}
