// A repository of two services: one run and one report, an image each, and what fails of one names it and is run again alone.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { greeterIn } from './greeter.ts';
import { endingsOf } from './replaying.ts';
import { ci, commitAll, copyInto, edit, resultOf } from './repository.ts';
import { temporaryFolder } from './support.ts';

let repository: string;

beforeAll(async () => {
  repository = await temporaryFolder('two services');
  await copyInto(repository, (path) => path.startsWith('pipeline/') || path === 'policy/gate.yaml', {
    'package.json': '{ "name": "shop", "private": true, "type": "module" }\n',
    'package-lock.json':
      '{ "name": "shop", "lockfileVersion": 3, "requires": true, "packages": { "": { "name": "shop" } } }\n',
    '.gitignore': 'node_modules\nout\n',
    'drydock.yaml': 'services: [{ path: apps/api, name: api }, { path: apps/web, name: web }]\n',
    ...greeterIn('apps/api'),
    ...greeterIn('apps/web'),
  });
});

const digestOf = (run: ReturnType<typeof resultOf>, name: string) =>
  run.parts?.find((part) => part.name === name)?.image?.digest;

describe('two services', () => {
  test('one run: an image and a report of each, and one account of all', async () => {
    const ran = await ci(repository, ['ci']);
    expect(ran.exitCode, `${ran.stdout}${ran.stderr}`).toBe(0);
    const run = resultOf(ran);
    expect(run.parts?.map(({ name, verdict, image }) => [name, verdict, image?.file])).toEqual([
      ['api', 'passed', 'api/image.tar'],
      ['web', 'passed', 'web/image.tar'],
    ]);
    expect(run.stages.find(({ name }) => name === 'test')?.suites.map(({ name }) => name)).toEqual(['api', 'web']);
    for (const { log } of run.stages.flatMap(({ steps }) => steps))
      expect(existsSync(join(ran.output, log)), log).toBe(true);
    for (const name of ['api', 'web']) {
      expect(resultOf({ output: join(ran.output, name) })).not.toHaveProperty('parts');
      expect(ran.stdout).toContain(`out/${name}/image.tar`);
      expect(ran.stdout).toMatch(new RegExp(`ok +${name} build`));
    }
    expect(readFileSync(join(ran.output, 'exit-code'), 'utf8')).toBe('0\n');
    expect(readFileSync(join(ran.output, 'junit.xml'), 'utf8')).toMatch(/name="api"[\s\S]*name="web"/);
  });

  test('one by its name, with the digest that it has among the others', async () => {
    const together = resultOf({ output: join(repository, 'out') });
    const ran = await ci(repository, ['build', 'web', '--output', 'alone']);
    expect(ran.exitCode, `${ran.stdout}${ran.stderr}`).toBe(0);
    const alone = resultOf({ output: join(repository, 'alone') });
    expect(alone.parts).toBeUndefined();
    expect(alone.image?.digest).toBe(digestOf(together, 'web'));
  });

  test('a name that is none, and what can be said of one only, are refused before anything runs', async () => {
    const wrong = await ci(repository, ['test', 'wep']);
    expect([wrong.exitCode, wrong.stderr]).toEqual([2, expect.stringContaining('there is no service "wep"')]);
    const both = await ci(repository, ['sbom', '--image', 'out/api/image.tar']);
    expect([both.exitCode, both.stderr]).toEqual([2, expect.stringContaining('--image is about one service')]);
    const one = await ci(repository, ['sbom', 'api', '--image', 'out/api/image.tar', '--output', 'one']);
    expect(one.exitCode, `${one.stdout}${one.stderr}`).toBe(0);
  });

  test('one that fails: the other is built, and its capsule fails again alone', async () => {
    await edit(repository, 'apps/web/server.test.js', (text) => text.replace('hello you', 'hello nobody'));
    await commitAll(repository, 'Break web');
    const ran = await ci(repository, ['ci']);
    expect(ran.exitCode).toBe(1);
    const run = resultOf(ran);
    expect(run.parts?.map(({ name, verdict, capsule }) => [name, verdict, capsule?.file])).toEqual([
      ['api', 'passed', undefined],
      ['web', 'failed', 'web/capsule-test.tar'],
    ]);
    const failed = run.stages.filter(({ status }) => status === 'failed');
    expect(failed.map(({ name, reason }) => [name, reason])).toEqual([['test', 'web: web: exit 1']]);
    expect(run.stages.find(({ name }) => name === 'build')?.status).toBe('passed');
    expect(ran.stdout).toContain('out/web/capsule-test.tar');
    const { exitCode, endings } = await endingsOf(repository, ['out/web/capsule-test.tar']);
    expect(endings.map(({ stage, outcome }) => [stage, outcome])).toEqual([['test', 'same']]);
    expect(exitCode).toBe(0);
  });
});
