// A Dagger engine that does not start, or ends: the real SDK and programs that stand where its CLI is expected. Each way out is one sentence.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { temporaryFolder } from './make.ts';

const DRYDOCK = fileURLToPath(new URL('../../bin/drydock.mjs', import.meta.url));
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** Bundles are made once. */
const cache = mkdtempSync(join(tmpdir(), 'drydock-dagger-cli-'));
afterAll(() => rmSync(cache, { recursive: true }));

function runWith(program: string, mode = 0o755) {
  const folder = temporaryFolder();
  const cli = join(folder, 'dagger');
  writeFileSync(cli, program);
  chmodSync(cli, mode);
  return spawnSync(process.execPath, [DRYDOCK, 'lint', '--output', join(folder, 'out')], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, XDG_CACHE_HOME: cache, HOME: folder, _EXPERIMENTAL_DAGGER_CLI_BIN: cli },
  });
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
test('an engine of another version is named before it fails', () => {
  const answer = JSON.stringify({ data: { version: 'v0.9.3' } });
  const { stdout, stderr } = runWith(
    serving(
      `require('http').createServer((_, answer) => answer.setHeader('content-type', 'application/json').end('${answer}'))`,
    ),
  );
  expect(stdout + stderr).toMatch(/^warning: this Dagger engine is v0\.9\.3, and the pipeline made for v0\.21\.8$/m);
});

test('a session that is named without its token', () => {
  const { status, stdout } = spawnSync(process.execPath, [DRYDOCK, 'lint', '--output', join(cache, 'out')], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, XDG_CACHE_HOME: cache, DAGGER_SESSION_PORT: '1' },
  });
  expect(stdout).toMatch(
    /^error: the Dagger engine did not start: DAGGER_SESSION_TOKEN must be set .*\nhint: unset DAGGER_SESSION_PORT/m,
  );
  expect(status).toBe(3);
});

for (const [name, program, said, mode] of programs) {
  test(`in place of Dagger’s CLI: ${name}`, () => {
    const { status, stdout, stderr } = runWith(program, mode);
    const [, sentence = stderr] = /^error: (.*)\nhint: .+$/m.exec(stdout) ?? [];
    expect(sentence).toMatch(said);
    expect(status).toBe(3);
    expect(stderr).toBe('');
  });
}
