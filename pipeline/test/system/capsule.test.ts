// A failure is a file: captured, moved to where nothing is, replayed without a network to the same failure, and fixed there.
import { rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openCapsule } from '../../cli/capsule/open.ts';
import type { Difference } from '../../src/core/capsule/diff.ts';
import { type Dependency, putGreeter } from './greeter.ts';
import { endingsOf, offline } from './replaying.ts';
import { placesThatHold } from './search.ts';
import { add, ci, copyOfRepository, edit, type Ran, resultOf, temporaryFolder } from './support.ts';

const isRoot = process.getuid?.() === 0;
const MEGABYTE = 1e6;
// Put together here, so that this file itself does not hold it.
const CANARY = ['canary', 'capsule', '51d3'].join('-');

/** Passes with one version of the package, and fails with the other. */
const PAD_TEST = `import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import test from 'node:test';
const { version } = JSON.parse(readFileSync('node_modules/left-pad/package.json', 'utf8'));
test('the package is as ever', () => assert.equal(version, '1.2.0'));
`;

/** What a run wrote, out of its way: the next run of the repository replaces it. */
async function taken(run: Ran): Promise<string> {
  const { capsule } = resultOf(run);
  expect(capsule, run.stdout + run.stderr).not.toBeNull();
  const place = join(await temporaryFolder('taken'), capsule?.file ?? '');
  await rename(join(run.output, capsule?.file ?? ''), place);
  return place;
}

let repository: string;
beforeAll(async () => {
  repository = await copyOfRepository('captured');
});

describe('a stage that failed', { timeout: 900_000 }, () => {
  test('a test: the capsule is small, holds no secret, and fails again as it did; a fixed tree passes', async () => {
    await add(repository, {
      '.env': `TOKEN=${CANARY}\n`,
      'service/private.log': CANARY,
      'service/dist/old.js': CANARY,
    });
    await edit(repository, 'service/test/config.test.ts', (text) =>
      text.concat("\ntest('the broken one', () => expect(1 + 1).toBe(3));\n"),
    );
    const run = await ci(repository, ['test'], { CANARY });
    expect(run.exitCode).toBe(1);
    const file = await taken(run);
    const { size } = await stat(file);
    process.stdout.write(`capsule of a failed test: ${(size / MEGABYTE).toFixed(1)} MB\n`);
    expect(size).toBeLessThan(165 * MEGABYTE);
    expect(run.stdout).toContain('replay out/capsule-test.tar');

    const opened = await temporaryFolder('opened');
    const { manifest } = await openCapsule(file, opened);
    expect(manifest.environment).toContain('npm_config_cache');
    expect(await placesThatHold(CANARY, [file, opened])).toEqual([]);

    const same = await endingsOf(repository, [file]);
    expect(same.endings.map(({ stage, outcome }) => [stage, outcome])).toEqual([['test', 'same']]);
    expect(same.exitCode).toBe(0);
    expect(same.endings[0]?.now).toMatchObject({
      step: 'service',
      exitCode: 1,
      error: expect.stringContaining('the broken one'),
    });

    // Where the engine never ran, and nothing can be fetched any more: what starts steps is in the file as well.
    const bare = await offline(repository, ['replay', file], {
      env: { DRYDOCK_TOOLS: '' },
      within: ['unshare', '--net', ...(isRoot ? [] : ['--user', '--map-root-user', '--map-auto'])],
      leaves: /^drydock\/(packages|tools)\b/,
    });
    expect(bare.stdout).toMatch(/^same failure: test, service: exit 1/m);
    expect(bare.exitCode, bare.stderr).toBe(0);

    await edit(repository, 'service/test/config.test.ts', (text) => text.replace('toBe(3)', 'toBe(2)'));
    const fixed = await endingsOf(repository, [file, '--with', '.']);
    expect(fixed.endings.map(({ now, status }) => [now, status])).toEqual([[null, 'passed']]);
    expect(fixed.exitCode).toBe(0);
    await edit(repository, 'service/test/config.test.ts', (text) => text.replace(/\ntest\('the broken one.*\n/, ''));
  });

  test('lint: a thin capsule needs images; --all runs what there is enough for', async () => {
    const broken = 'pipeline/src/core/broken.ts';
    await add(repository, { [broken]: 'export function broken(): void {\n  debugger;\n}\n' });
    const run = await ci(repository, ['capsule', '--stage', 'lint', '--thin']);
    expect(run.exitCode).toBe(1);
    const thin = await taken(run);
    expect((await stat(thin)).size).toBeLessThan(100 * MEGABYTE);
    const refused = await offline(repository, ['replay', thin]);
    expect(refused.exitCode).toBe(3);
    expect(refused.stderr).toMatch(/^error: capsule-lint\.tar does not hold the images node$/m);
    const images = await temporaryFolder('archives');
    expect((await ci(repository, ['images', 'node', '--output', images])).exitCode).toBe(0);

    const every = await endingsOf(repository, [thin, '--images', images, '--all']);
    expect(every.endings.map(({ stage, outcome, status }) => [stage, outcome, status])).toEqual([
      ['lint', 'same', 'failed'],
      ['test', 'new', 'passed'],
    ]);
    expect(every.exitCode).toBe(0);
    await rm(join(repository, broken));
  });
});

describe('two capsules', { timeout: 900_000 }, () => {
  const version = (number: string, integrity: string): Dependency => ({ name: 'left-pad', version: number, integrity });
  const GOOD = version(
    '1.2.0',
    'sha512-OQadpCyFCT/VLniZQgym8d3/ofIJtuZyw2ibsVeIUOexKgW/osn8+mMFJbwGMPeDC4GnLzD8q115WPCDx4YRWg==',
  );
  const BAD = version(
    '1.3.0',
    'sha512-XI5MPzVNApjAyhQzphX8BkmKsKUxD4LdyK24iZeQGinBN9yTQT3bFlCBy/aVx2HrNcqQGsdot8ghrjyrvMCoEA==',
  );

  test('diff says what differs, and bisect names the package that was planted', async () => {
    const other = await copyOfRepository('bisected');
    await putGreeter(other, GOOD);
    await writeFile(join(other, 'service/pad.test.js'), PAD_TEST);
    const good = await taken(await ci(other, ['capsule', '--stage', 'test']));
    await putGreeter(other, BAD);
    await writeFile(join(other, 'service/pad.test.js'), PAD_TEST);
    await edit(other, 'README.md', (text) => `${text}\nOne more line.\n`);
    await edit(other, 'LICENSE', (text) => `${text}\n`);
    const bad = await taken(await ci(other, ['capsule', '--stage', 'test']));

    const differing = await offline(other, ['diff', good, bad, '--json']);
    expect(differing.exitCode).toBe(1);
    const differences = JSON.parse(differing.stdout) as Difference[];
    expect(differences.filter(({ kind }) => kind === 'files').map(({ name }) => name)).toEqual([
      'LICENSE',
      'README.md',
      'service/package-lock.json',
      'service/package.json',
    ]);
    expect(differences).toContainEqual({ kind: 'packages', name: 'service: left-pad', a: '1.2.0', b: '1.3.0' });

    const found = await offline(other, ['bisect', good, bad]);
    expect(found.stdout, found.stderr).toMatch(
      /^service: left-pad 1\.2\.0 → 1\.3\.0 makes test fail \(\d+ replays\)\n$/,
    );
    expect(found.exitCode).toBe(0);
  });
});
