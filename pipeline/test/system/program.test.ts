// The real program, in processes of its own: exit code, what is printed where, and never a stack.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, test } from 'vitest';
import { renderCompletion, renderHelp } from '../../cli/help.ts';
import { VERSION } from '../../src/core/version.ts';
import { words } from '../cli/make.ts';
import { runProgram } from '../cli/programs/run.ts';
import { ROOT } from './support.ts';

const STACK = /\n\s+at .*:\d+:\d+|node:internal|this is a bug in drydock/;
const folder = mkdtempSync(join(tmpdir(), 'drydock-main-'));
writeFileSync(join(folder, 'file'), 'x');
mkdirSync(join(folder, 'nothing')); // a PATH without a container runtime
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ci = (line: string, env: NodeJS.ProcessEnv = {}) => runProgram('pipeline/ci.ts', words(line), env);
const patient = { timeout: 60_000 };

const answers: [line: string, stdout: string][] = [
  ['--help', renderHelp(null)],
  ['images --help', renderHelp('images')],
  ['--version', `drydock ${VERSION}\n`],
  ['completion bash', renderCompletion('bash')],
  ['completion zsh', renderCompletion('zsh')],
];
for (const [line, stdout] of answers) {
  test.concurrent(`ci.ts ${line}`, patient, async ({ expect }) => {
    expect(await ci(line)).toEqual({ exitCode: 0, stdout, stderr: '' });
  });
}

const DIR = 'fill one: npx tsx pipeline/ci.ts images --output DIR';
const OWN = 'name a separate folder: --output out';
const FIRST = 'service/src/about.ts';
const AT = resolve(ROOT);
const refusals: [line: string, message: string, hint: string][] = [
  ['lnit', 'there is no function "lnit"', 'did you mean lint?'],
  ['--ofline', 'there is no option --ofline', 'did you mean --offline?'],
  ['lint --images /nowhere', '--images /nowhere is not a folder', DIR],
  [`lint --output ${folder}/file/out`, `--output ${folder}/file/out is below a file`, 'name a folder'],
  ['lint --output /proc/out', '--output /proc/out cannot be made there', 'name a folder'],
  [`lint --output ${AT}`, `--output ${AT} is the repository itself, or holds it`, OWN],
  [
    `lint --output ${AT}/service/src`,
    `--output ${AT}/service/src holds files of the repository, ${FIRST} among them`,
    OWN,
  ],
  [`images --output ${folder}/file`, `--output ${folder}/file is a file`, 'name a folder'],
];
for (const [line, message, hint] of refusals) {
  test.concurrent(`ci.ts ${line.replaceAll(folder, '…')}`, patient, async ({ expect }) => {
    expect(await ci(line)).toEqual({ exitCode: 2, stdout: '', stderr: `error: ${message}\nhint: ${hint}\n` });
  });
}

test.concurrent('with -v, the cause is printed, and no stack', patient, async ({ expect }) => {
  const { exitCode, stderr } = await ci('-v --mirror x');
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/^error: .*\nhint: .*\ncause: "x" is not a mirror\n$/);
});

const REPORT = [
  '.gitignore',
  'annotations.txt',
  'exit-code',
  'junit.xml',
  'logs',
  'report.html',
  'result.json',
  'runs',
  'summary.md',
];

test.concurrent('a run that could not begin says why, and has a report too', patient, async ({ expect }) => {
  const output = join(folder, 'no-engine');
  const env = { PATH: join(folder, 'nothing'), CI: '' };
  const { exitCode, stdout, stderr } = await ci(`lint --engine dagger --output ${output}`, env);
  expect({ exitCode, stderr }).toEqual({ exitCode: 3, stderr: '' });
  expect(stdout).toContain('error: a Dagger engine cannot be started: no container runtime answers\nhint: ');
  expect(stdout).toContain('/summary.md');
  expect(readdirSync(output).sort()).toEqual(REPORT);
  expect(readFileSync(join(output, 'exit-code'), 'utf8')).toBe('3\n');
});

test.concurrent(
  'in GitHub Actions, errors are told as workflow commands, which the report has in any case',
  patient,
  async ({ expect }) => {
    const output = join(folder, 'github');
    const command = '::error title=NO_ENGINE::a Dagger engine cannot be started: no container runtime answers%0Ahint: ';
    const none = { PATH: join(folder, 'nothing') };
    const there = await ci(`lint --engine dagger --output ${output}`, { ...none, GITHUB_ACTIONS: 'true' });
    expect(there.stdout).toContain(`\n${command}`);
    const elsewhere = await ci(`lint --engine dagger --output ${output}`, none);
    expect(elsewhere.stdout).not.toContain('::error');
    expect(readFileSync(join(output, 'annotations.txt'), 'utf8')).toContain(command);
  },
);

test.concurrent('with --json, stdout is the result and nothing else', patient, async ({ expect }) => {
  const output = join(folder, 'json');
  const env = { PATH: join(folder, 'nothing') };
  const { exitCode, stdout, stderr } = await ci(`test --engine dagger --json --output ${output}`, env);
  expect(exitCode).toBe(3);
  expect(JSON.parse(stdout)).toEqual(JSON.parse(readFileSync(join(output, 'result.json'), 'utf8')));
  expect(JSON.parse(stdout)).toMatchObject({ function: 'test', verdict: 'error', error: { code: 'NO_ENGINE' } });
  expect(stderr).toContain('error: a Dagger engine cannot be started');
  expect(stderr).not.toMatch(STACK);
});

test.concurrent('a reader that went away is not our failure', patient, async ({ expect }) => {
  const outcome = await new Promise((resolve) => {
    const args = ['--import', 'tsx', 'pipeline/ci.ts', '--help'];
    const child = execFile(process.execPath, args, (_, _stdout, stderr) => resolve([child.exitCode, stderr]));
    child.stdout?.destroy();
  });
  expect(outcome).toEqual([0, '']);
});
