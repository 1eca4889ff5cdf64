// The main job: everything up to the gate, for this very repository on the embedded engine, and what a run leaves.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { $ } from 'zx';
import { parseJunit } from '../../src/core/junit.ts';
import { openLayout, readBase } from '../../src/oci/layout.ts';
import { ci, type Ran, resultOf, temporaryFolder, wholeCopyOfRepository } from './support.ts';

/** With the small database of the tests, too small to say that anything is well: the answer is the same wherever this runs. */
const RUN = ['ci', '--vuln-db', 'pipeline/test/fixtures/vuln-db'];
/** Of the service: in processes of their own, which its coverage does not see. */
const RUN_AS_PROGRAMS = ['server.ts', 'healthcheck.ts'];

describe('a run on this repository', () => {
  let repository: string;
  let first: Ran;
  beforeAll(async () => {
    repository = await wholeCopyOfRepository('whole');
    first = await ci(repository, RUN);
  });

  test('passes every stage, and says what was not evaluated', () => {
    expect(first.stdout).toMatch(/^passed in /m);
    expect(first.exitCode).toBe(0);
    const asked = resultOf(first).stages.filter(({ status }) => status !== 'skipped');
    expect(asked.map(({ name, status }) => `${name} ${status}`)).toEqual([
      ...['install passed', 'lint passed', 'test passed', 'build passed', 'sbom passed', 'scan passed'],
      'gate not evaluated',
    ]);
  });

  test('says in the result what it was about', async () => {
    const result = resultOf(first);
    const commit = (await $({ cwd: repository })`git rev-parse HEAD`).stdout.trim();
    expect(result.source).toEqual({ commit, branch: 'main', dirty: false, reason: null });
    expect(result.engine).toEqual({ kind: 'embedded', why: 'asked for' });
    expect(result.image?.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(result.image?.platforms.map(({ platform }) => platform)).toEqual(['linux/amd64']);
  });

  test('writes the report: JUnit of all suites, summary, logs, exit code', () => {
    const cases = parseJunit(readFileSync(join(first.output, 'junit.xml'), 'utf8'));
    const suites = resultOf(first).stages.flatMap(({ suites }) => suites);
    expect(suites.map(({ name }) => name)).toEqual(['service', 'pipeline']);
    for (const { tests, coverage } of suites) {
      expect(tests).toMatchObject({ failed: 0 });
      expect(cases.length).toBeGreaterThan(tests.total);
      expect(coverage?.lines).toBeGreaterThan(50);
    }
    expect(readFileSync(join(first.output, 'summary.md'), 'utf8')).toContain('| test | ✅ passed |');
    expect(readFileSync(join(first.output, 'exit-code'), 'utf8')).toBe('0\n');
    for (const { steps } of resultOf(first).stages) {
      for (const { log } of steps) expect(existsSync(join(first.output, log)), log).toBe(true);
    }
  });

  test('counts what ships as covered, and not the tests beside it', () => {
    const log = readFileSync(join(first.output, 'logs/test-service.log'), 'utf8');
    const covered = [...log.matchAll(/^ +(\w+\.ts) +\|/gm)].map(([, name]) => name ?? '');
    const shipped = readdirSync(join(repository, 'service/src')).filter((name) => !RUN_AS_PROGRAMS.includes(name));
    expect(covered.sort()).toEqual(shipped.sort());
  });

  test('leaves an image whose layer of app is small and whose chain is sound', async () => {
    const [platform] = resultOf(first).image?.platforms ?? [];
    expect(platform?.appLayer.bytes).toBeLessThan(10_000_000);
    const source = await openLayout(join(first.output, 'image.tar'));
    try {
      const { config } = await readBase(source, resultOf(first).image?.digest ?? '', 'linux/amd64');
      expect(config.config).toMatchObject({
        User: '65532:65532',
        Entrypoint: ['/nodejs/bin/node', 'dist/server.js'],
        Healthcheck: { Test: ['CMD', '/nodejs/bin/node', 'dist/healthcheck.js'] },
      });
    } finally {
      await source.close();
    }
  });

  test('runs nothing again when nothing has changed, and finds the same digest', async () => {
    const second = await ci(repository, RUN);
    expect(second.exitCode).toBe(0);
    const steps = resultOf(second).stages.flatMap((stage) => stage.steps);
    expect(steps.filter(({ cached }) => !cached)).toEqual([]);
    expect(resultOf(second).image).toEqual(resultOf(first).image);
  });

  test('--json prints the result and nothing else on stdout', async () => {
    const run = await ci(repository, ['build', '--json', '--output', await temporaryFolder('json')]);
    expect(JSON.parse(run.stdout)).toMatchObject({ function: 'build', verdict: 'passed', schemaVersion: 1 });
    expect(run.stderr).toMatch(/^ok {4}build/m);
  });

  test('--offline needs nothing more once it is warm', async () => {
    const offline = await ci(repository, [...RUN, '--offline']);
    expect(offline.stdout).toMatch(/^passed in /m);
    expect(offline.exitCode).toBe(0);
  });
});
