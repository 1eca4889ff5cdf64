// What commands of a stage see in a replay is what they saw in the run: the same variables, with the same values.
import { readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { endingsOf } from './replaying.ts';
import { ci, copyInto, resultOf } from './repository.ts';
import { temporaryFolder } from './support.ts';

const SEEN = 'env | sort';
const REPORT = '<testsuites><testsuite name="s" tests="1"><testcase name="t" /></testsuite></testsuites>';
const LOCK = '{ "name": "seen", "lockfileVersion": 3, "requires": true, "packages": { "": { "name": "seen" } } }\n';
const scripts = {
  lint: SEEN,
  types: SEEN,
  test: `${SEEN}; echo '${REPORT}' >"$JUNIT_FILE"`,
  build: SEEN,
  start: 'node server.js',
};

let repository: string;
beforeAll(async () => {
  repository = await temporaryFolder('seen');
  await copyInto(repository, (path) => path.startsWith('pipeline/'), {
    '.gitignore': 'node_modules\nout\n',
    'drydock.yaml': 'services: [{ path: ., name: seen, port: 3000, health: /, include: [server.js] }]\n',
    'package.json': JSON.stringify({ name: 'seen', version: '0.0.0', private: true, scripts }),
    'package-lock.json': LOCK,
    'server.js': "require('node:http').createServer((_, response) => response.end()).listen(3000);\n",
  });
});

/** By log of a stage, the lines that name variables. */
async function seenIn(output: string, stage: string): Promise<Record<string, string[]>> {
  const logs = (await readdir(join(output, 'logs'))).filter((name) => name.startsWith(`${stage}-`)).sort();
  const lines = async (log: string) => (await readFile(join(output, 'logs', log), 'utf8')).split('\n');
  const seen = logs.map(async (log) => [log, (await lines(log)).filter((line) => /^\w+=/.test(line))] as const);
  return Object.fromEntries(await Promise.all(seen));
}

for (const stage of ['lint', 'test', 'build'])
  test(stage, async () => {
    const run = await ci(repository, ['capsule', '--stage', stage]);
    expect(run.exitCode, run.stdout + run.stderr).toBe(0);
    const recorded = await seenIn(run.output, stage);
    expect(Object.values(recorded).flat()).toContain('npm_package_name=seen');
    const { capsule } = resultOf(run);
    const file = join(await temporaryFolder('seen-capsule'), capsule?.file ?? '');
    await rename(join(run.output, capsule?.file ?? ''), file);
    const { endings, exitCode } = await endingsOf(repository, [file]);
    expect(endings.map(({ stage: name, outcome, status }) => [name, outcome, status])).toEqual([
      [stage, 'same', 'passed'],
    ]);
    expect(exitCode).toBe(0);
    expect(await seenIn(join(repository, 'out/replay'), stage)).toEqual(recorded);
  });
