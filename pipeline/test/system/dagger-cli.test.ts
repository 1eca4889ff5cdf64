// A Dagger engine that does not start, or ends: the real SDK and programs that stand where its CLI is expected. Each way out is one sentence.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DAGGER_VERSION } from '../../cli/engine.ts';
import type { Told } from './starts.ts';

const STARTS = fileURLToPath(new URL('starts.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'drydock-dagger-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

function start(environments: readonly NodeJS.ProcessEnv[]): Told[] {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', fileURLToPath(import.meta.resolve('tsx')), STARTS, JSON.stringify(environments)],
    { encoding: 'utf8', env: { PATH: process.env.PATH, HOME: folder } },
  );
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

const NODE = `#!${process.execPath}\n`;
const OTHER = 'the Dagger engine did not start: what was started as its CLI does not answer as Dagger’s does';
const SILENT = 'the Dagger engine did not start: its CLI ended without a word';
/** Gives an address, as the CLI does. */
const serving = (server: string) =>
  `${NODE}const server = ${server};
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port, session_token: 'x' })));`;

const programs: [name: string, program: string, said: string | RegExp, mode?: number][] = [
  ['another program', '#!/bin/sh\necho "Usage: dagger [flags]"\n', OTHER],
  ['half an address', '#!/bin/sh\necho \'{"port":1,\'\n', OTHER],
  ['one that ends at once', '#!/bin/sh\n', OTHER],
  [
    'a CLI that knows no sessions',
    '#!/bin/sh\necho >&2 "Error: unknown command \\"session\\" for \\"dagger\\""\nexit 1\n',
    'the Dagger engine did not start: its CLI says Error: unknown command "session" for "dagger"',
  ],
  ['one that is killed', '#!/bin/sh\nkill -SEGV $$\n', SILENT],
  ['one for an interpreter that is not there', '#!/no/such/interpreter\n', SILENT],
  ['a file that is no program', 'text', SILENT, 0o644],
  [
    'an address where nobody listens',
    `#!/bin/sh\necho '{"port":1,"session_token":"x"}'\nexec cat\n`,
    /^the engine failed: .* connect ECONNREFUSED 127\.0\.0\.1:1$/,
  ],
  [
    'a captive portal',
    serving("require('http').createServer((_, answer) => answer.end('<html>log in</html>'))"),
    'the engine failed: Invalid execution result: result is not object or array.',
  ],
  [
    'one that dies during the run',
    serving("require('net').createServer(() => { console.error('daemon lost'); process.exit(2); })"),
    'the Dagger engine ended during the run: its CLI says daemon lost',
  ],
];
const VERSION = JSON.stringify({ data: { version: 'v0.9.3' } });
/** An engine of another version. */
const OLD = serving(
  `require('http').createServer((_, answer) => answer.setHeader('content-type', 'application/json').end('${VERSION}'))`,
);

const inPlace = (program: string, mode: number): NodeJS.ProcessEnv => {
  const path = join(mkdtempSync(join(folder, 'program-')), 'dagger');
  writeFileSync(path, program, { mode });
  return { _EXPERIMENTAL_DAGGER_CLI_BIN: path };
};

function downloaded(program: string): NodeJS.ProcessEnv {
  const cached = join(folder, 'cache/dagger', `dagger-${DAGGER_VERSION}`);
  mkdirSync(join(cached, '..'), { recursive: true });
  writeFileSync(cached, program, { mode: 0o755 });
  return { XDG_CACHE_HOME: join(folder, 'cache'), _EXPERIMENTAL_DAGGER_RUNNER_HOST: 'tcp://127.0.0.1:1' };
}

let told: Told[];
let [old, silent, second, tokenless]: (Told | undefined)[] = [];
// One process for all: to load the SDK takes longer than what it then says.
beforeAll(() => {
  const rows = programs.map(([, program, , mode = 0o755]) => inPlace(program, mode));
  told = start([
    ...rows,
    inPlace(OLD, 0o755),
    { ...inPlace('#!/bin/sh\nexec cat\n', 0o755), START_WITHIN: '500' },
    // What it says where the engine's image cannot be pulled.
    downloaded('#!/bin/sh\necho >&2 "Error: x509: certificate signed by unknown authority"\nexit 1\n'),
    { DAGGER_SESSION_PORT: '1' },
  ]);
  [old, silent, second, tokenless] = told.slice(rows.length);
}, 120_000);

for (const [index, [name, , said]] of programs.entries()) {
  test(`in place of Dagger’s CLI: ${name}`, () => {
    expect(told[index]?.message).toMatch(said);
    expect(told[index]).toMatchObject({ hint: expect.stringMatching(/./), exitCode: 3 });
  });
}

test('an engine of another version is named before anything fails', () => {
  expect(old?.said).toEqual(['warning: this Dagger engine is v0.9.3, and the pipeline made for v0.21.8']);
});

test('one that never says a word is not waited for longer than was said', () => {
  expect(silent?.message).toBe('the Dagger engine did not start: it has not answered for 0.5 s');
});

test('a CLI that was downloaded before is not downloaded again', () => {
  expect(second).toMatchObject({
    message: 'the Dagger engine did not start: its CLI says Error: x509: certificate signed by unknown authority',
    hint: expect.stringMatching(/^check what _EXPERIMENTAL_DAGGER_RUNNER_HOST names/),
  });
});

test('a session that is named without its token', () => {
  expect(tokenless).toMatchObject({
    message: expect.stringMatching(/^the Dagger engine did not start: DAGGER_SESSION_TOKEN must be set /),
    hint: 'unset DAGGER_SESSION_PORT, unless this runs inside of `dagger run`',
  });
});
