// What npm itself does, where others of this project rest on it.
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { askNpm } from '../../cli/pins/ask.ts';
import { renewLock } from '../../cli/pins/npm.ts';
import { lockOf, manifest } from '../cli/check/repositories.ts';
import { temporaryFolder } from '../cli/make.ts';
import { server } from '../cli/pins/server.ts';

const NOW = new Date('2026-06-15T12:00:00Z');
const day = (date: string) => `${date}T00:00:00Z`;

afterEach(() => void vi.unstubAllEnvs());

test('npm itself ends with what is refused of other managers', () => {
  for (const range of ['workspace:*', 'catalog:', 'link:../x', 'portal:../x', 'patch:x@1.0.0#y']) {
    const root = temporaryFolder();
    writeFileSync(join(root, 'package.json'), manifest({ name: 'a', dependencies: { x: range } }));
    writeFileSync(join(root, 'package-lock.json'), lockOf({ name: 'a' }));
    const { status, stderr } = spawnSync('npm', ['ci', '--offline', '--loglevel=error'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(status, range).not.toBe(0);
    expect(stderr).toContain('EUNSUPPORTEDPROTOCOL');
    rmSync(root, { recursive: true });
  }
});

test('npm is asked for the days of a package’s versions', async () => {
  const time = {
    created: day('2020-01-01'),
    modified: day('2026-06-14'),
    '1.0.0': day('2026-01-01'),
    '1.1.0': day('2026-06-01'),
    '1.2.0': day('2026-06-14'),
    '1.3.0-beta.1': day('2026-01-01'),
  };
  const versions = Object.fromEntries(
    ['1.0.0', '1.1.0', '1.2.0'].map((version) => [version, { name: '@scope/tool', version }]),
  );
  const host = await server({
    '/@scope/tool': { name: '@scope/tool', 'dist-tags': { latest: '1.2.0' }, versions, time },
  });
  vi.stubEnv('npm_config_registry', host);
  expect(await askNpm({ name: '@scope/tool', version: '1.0.0' }, NOW)).toEqual({
    due: { version: '1.1.0', identity: '1.1.0', ageDays: 14 },
    waiting: { version: '1.2.0', until: '2026-06-21' },
    undated: null,
    major: null,
    moved: null,
  });
});

/** docs.npmjs.com, "npmrc": a project's file counts before the person's, and `${NAME}` in it is a variable of the environment. */
test('an .npmrc of the repository has no say, and gets nothing of the environment', async () => {
  const [seen, stolen]: [(string | undefined)[], (string | undefined)[]] = [[], []];
  const versions = ['1.0.0', '1.1.0'].map((version) => [
    version,
    {
      name: 'tool',
      version,
      dist: { tarball: 'http://127.0.0.1:1/tool.tgz', integrity: `sha512-${Buffer.alloc(64).toString('base64')}` },
    },
  ]);
  const time = { '1.0.0': day('2026-01-01'), '1.1.0': day('2026-06-01') };
  const tool = { name: 'tool', 'dist-tags': { latest: '1.1.0' }, versions: Object.fromEntries(versions), time };
  const [own, other] = [await server({ '/tool': tool }, seen), await server({ '/tool': tool }, stolen)];
  const home = temporaryFolder();
  writeFileSync(join(home, 'npmrc'), `registry=${own}/\n`);
  vi.stubEnv('npm_config_userconfig', join(home, 'npmrc'));
  vi.stubEnv('npm_config_registry', undefined);
  vi.stubEnv('npm_config_cache', join(home, 'cache'));
  vi.stubEnv('A_TOKEN', 'of-the-environment');
  const root = temporaryFolder();
  writeFileSync(join(root, '.npmrc'), `registry=${other}/\n${other.replace('http:', '')}/:_authToken=\${A_TOKEN}\n`);
  writeFileSync(join(root, 'package.json'), '{"name":"a","version":"1.0.0","dependencies":{"tool":"1.0.0"}}\n');
  // The other's registry is what npm asks by itself there: else this would show nothing.
  await promisify(execFile)('npm', ['view', 'tool'], { cwd: root });
  expect(stolen).toContain('Bearer of-the-environment');
  stolen.length = 0;
  const before = process.cwd();
  onTestFinished(() => process.chdir(before));
  process.chdir(root);
  expect((await askNpm({ name: 'tool', version: '1.0.0' }, NOW)).due?.version).toBe('1.1.0');
  writeFileSync(join(root, 'package.json'), '{"name":"a","version":"1.0.0","dependencies":{"tool":"1.1.0"}}\n');
  await renewLock(root);
  expect(readFileSync(join(root, 'package-lock.json'), 'utf8')).toContain('"version": "1.1.0"');
  expect(seen.length).toBeGreaterThan(1);
  expect(stolen).toEqual([]);
});
