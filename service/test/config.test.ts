// Settings: defaults, what is taken, what is refused and how it is said.
import { expect, test } from 'vitest';
import { type Config, type Environment, readConfig, SETTINGS } from '../src/config.ts';

const defaults: Config = {
  port: 8000,
  host: '0.0.0.0',
  logLevel: 'info',
  bodyLimit: 65_536,
  headerLimit: 16_384,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 65_000,
  drainDelayMs: 0,
  shutdownTimeoutMs: 8_000,
  deployment: { commit: null, built: null, digest: null },
};
const nothing = { commit: null, built: null, digest: null };

const taken: [name: string, env: Environment, changed: Partial<Config>][] = [
  ['nothing set', {}, {}],
  ['empty is unset', { PORT: '', APP_COMMIT: '' }, {}],
  ['a variable of somebody else', { PATH: '/bin' }, {}],
  ['a port', { PORT: '1' }, { port: 1 }],
  ['any free port', { PORT: '0' }, { port: 0 }],
  ['the last port', { PORT: '65535' }, { port: 65_535 }],
  ['an IPv6 address', { HOST: '::1' }, { host: '::1' }],
  ['a host name', { HOST: 'api.example.org' }, { host: 'api.example.org' }],
  ['a level', { LOG_LEVEL: 'error' }, { logLevel: 'error' }],
  ['no body at all', { BODY_LIMIT: '0' }, { bodyLimit: 0 }],
  ['times', { REQUEST_TIMEOUT_MS: '5', SHUTDOWN_TIMEOUT_MS: '6' }, { requestTimeoutMs: 5, shutdownTimeoutMs: 6 }],
  ['a commit', { APP_COMMIT: 'abc1234-dirty' }, { deployment: { ...nothing, commit: 'abc1234-dirty' } }],
  ['a digest', { APP_DIGEST: 'sha256:00' }, { deployment: { ...nothing, digest: 'sha256:00' } }],
  [
    'a build time',
    { APP_BUILT: '2026-01-01T00:00:00Z' },
    { deployment: { ...nothing, built: '2026-01-01T00:00:00Z' } },
  ],
];
for (const [name, env, changed] of taken) {
  test(`config: ${name}`, () => expect(readConfig(env)).toEqual({ ...defaults, ...changed }));
}

const PORT_RANGE = 'a whole number from 0 to 65535';
const refused: [name: string, env: Environment, message: string][] = [
  ['a word', { PORT: 'http' }, `PORT is "http"; allowed: ${PORT_RANGE}`],
  ['a number with a tail', { PORT: '80a' }, `PORT is "80a"; allowed: ${PORT_RANGE}`],
  ['a fraction', { PORT: '80.5' }, `PORT is "80.5"; allowed: ${PORT_RANGE}`],
  ['below zero', { PORT: '-1' }, `PORT is "-1"; allowed: ${PORT_RANGE}`],
  ['too large', { PORT: '65536' }, `PORT is "65536"; allowed: ${PORT_RANGE}`],
  ['a line break in the value', { PORT: '1\n2' }, `PORT is "1\\n2"; allowed: ${PORT_RANGE}`],
  [
    'a header limit too small',
    { HEADER_LIMIT: '10' },
    'HEADER_LIMIT is "10"; allowed: a whole number from 1024 to 65536',
  ],
  ['no host', { HOST: 'a b' }, 'HOST is "a b"; allowed: an IP address or a host name'],
  ['an unknown level', { LOG_LEVEL: 'loud' }, 'LOG_LEVEL is "loud"; allowed: info, warn, error'],
  ['a fact with a tab', { APP_COMMIT: '\t' }, 'APP_COMMIT is "\\t"; allowed: up to 200 printable ASCII characters'],
  [
    'a long value is shortened',
    { HOST: '!'.repeat(100) },
    `HOST is "${'!'.repeat(60)}…"; allowed: an IP address or a host name`,
  ],
  [
    'all faults at once, a line each',
    { PORT: 'x', LOG_LEVEL: 'y' },
    `PORT is "x"; allowed: ${PORT_RANGE}\nLOG_LEVEL is "y"; allowed: info, warn, error`,
  ],
];
for (const [name, env, message] of refused) {
  test(`config refuses: ${name}`, () => expect(() => readConfig(env)).toThrow(new Error(message)));
}

test('config: every setting reads a variable of its own', () => {
  const variables = Object.values(SETTINGS).map((setting) => setting.variable);
  expect(new Set(variables).size).toBe(variables.length);
});
