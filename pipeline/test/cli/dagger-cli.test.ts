// A Dagger engine that does not start, or ends: the real SDK and programs that stand where its CLI is expected. Each way out is one sentence.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DAGGER_VERSION } from '../../cli/engine.ts';
import type { Told } from './starts.ts';

const STARTS = fileURLToPath(new URL('starts.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'drydock-dagger-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

function start(paths: readonly string[], env: NodeJS.ProcessEnv = {}): Told[] {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', fileURLToPath(import.meta.resolve('tsx')), STARTS, ...paths],
    { encoding: 'utf8', env: { PATH: process.env.PATH, HOME: folder, ...env } },
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
const OLD: (typeof programs)[number] = [
  'an engine of another version',
  serving(
    `require('http').createServer((_, answer) => answer.setHeader('content-type', 'application/json').end('${VERSION}'))`,
  ),
  /^/,
];

let told: Told[];
beforeAll(() => {
  const paths = [...programs, OLD].map(([, program, , mode = 0o755], index) => {
    const path = join(folder, `dagger-${index}`);
    writeFileSync(path, program);
    chmodSync(path, mode);
    return path;
  });
  told = start(paths);
}, 120_000);

for (const [index, [name, , said]] of programs.entries()) {
  test(`in place of Dagger’s CLI: ${name}`, () => {
    expect(told[index]?.message).toMatch(said);
    expect(told[index]).toMatchObject({ hint: expect.stringMatching(/./), exitCode: 3 });
  });
}

test('an engine of another version is named before anything fails', () => {
  expect(told.at(-1)?.said).toEqual(['warning: this Dagger engine is v0.9.3, and the pipeline made for v0.21.8']);
});

test('one that never says a word is not waited for longer than was said', () => {
  const path = join(folder, 'silent');
  writeFileSync(path, '#!/bin/sh\nexec cat\n', { mode: 0o755 });
  const [silent] = start([path], { START_WITHIN: '500' });
  expect(silent?.message).toBe('the Dagger engine did not start: it has not answered for 0.5 s');
});

test('a CLI that was downloaded before is not downloaded again', () => {
  const cached = join(folder, 'cache/dagger', `dagger-${DAGGER_VERSION}`);
  mkdirSync(join(cached, '..'), { recursive: true });
  // What it says where the engine's image cannot be pulled.
  const program = '#!/bin/sh\necho >&2 "Error: x509: certificate signed by unknown authority"\nexit 1\n';
  writeFileSync(cached, program, { mode: 0o755 });
  const [first] = start([''], {
    XDG_CACHE_HOME: join(folder, 'cache'),
    _EXPERIMENTAL_DAGGER_RUNNER_HOST: 'tcp://127.0.0.1:1',
  });
  expect(first).toMatchObject({
    message: 'the Dagger engine did not start: its CLI says Error: x509: certificate signed by unknown authority',
    hint: expect.stringMatching(/^check what _EXPERIMENTAL_DAGGER_RUNNER_HOST names/),
  });
});

test('a session that is named without its token', () => {
  expect(start([''], { DAGGER_SESSION_PORT: '1' })[0]).toMatchObject({
    message: expect.stringMatching(/^the Dagger engine did not start: DAGGER_SESSION_TOKEN must be set /),
    hint: 'unset DAGGER_SESSION_PORT, unless this runs inside of `dagger run`',
  });
});
