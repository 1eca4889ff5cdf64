// Which package manager, and which of its versions: by lock files, and by packageManager as the documentation of Corepack writes it.
import { describe, expect, test } from 'vitest';
import { checkManager, filesOfManager, type Manager, managerIn } from '../../src/core/manager.ts';
import { filesOf } from './make.ts';

const PIN = { yarn: expect.stringMatching(/^1\.22\./), pnpm: expect.stringMatching(/^10\./) };
const PINNED = expect.stringMatching(/^sha512-/);
/** Of Corepack's own README. */
const HASH = '953c8233f7a92884eee2de69a1b92d1f2ec1655e66d08071ba9a02fa';

const yarnLock = (format: number) =>
  `# Manual changes might be lost\n\n__metadata:\n  version: ${format}\n  cacheKey: 8\n`;

describe('the manager of a folder', () => {
  type Files = Record<string, string>;
  const rows: [name: string, files: Files, packageManager: string | undefined, found: object | undefined][] = [
    ['npm', { 'package-lock.json': '' }, undefined, { name: 'npm' }],
    ['npm comes first', { 'yarn.lock': '', 'package-lock.json': '' }, 'yarn@1.22.22', { name: 'npm' }],
    ['yarn', { 'yarn.lock': '' }, undefined, { name: 'yarn', version: PIN.yarn, integrity: PINNED }],
    ['pnpm', { 'pnpm-lock.yaml': '' }, undefined, { name: 'pnpm', version: PIN.pnpm, integrity: PINNED }],
    ['a version', { 'pnpm-lock.yaml': '' }, 'pnpm@9.15.0', { name: 'pnpm', version: '9.15.0', integrity: null }],
    ['the pinned one by its version', { 'yarn.lock': '' }, 'yarn@1.22.22', { name: 'yarn', integrity: PINNED }],
    [
      'a version and its hash',
      { 'yarn.lock': '' },
      'yarn@1.22.19+sha256.00ff',
      { name: 'yarn', version: '1.22.19', integrity: 'sha256-AP8=' },
    ],
    ['another than that of the lock file', { 'yarn.lock': '' }, 'pnpm@9.15.0', { name: 'yarn', version: PIN.yarn }],
    ['none', {}, 'yarn@1.22.22', undefined],
    // Formats as the repositories of Yarn and pnpm have them: which version wrote what.
    ['Yarn 3.0 and 3.1', { 'yarn.lock': yarnLock(5) }, undefined, { version: '3.1.1', integrity: PINNED }],
    ['Yarn 3.2 and later', { 'yarn.lock': yarnLock(6) }, undefined, { version: expect.stringMatching(/^3\.8\./) }],
    ['Yarn 4', { 'yarn.lock': yarnLock(8) }, undefined, { version: expect.stringMatching(/^4\.13\./) }],
    ['a format that none is known for', { 'yarn.lock': yarnLock(7) }, undefined, { version: '' }],
    [
      'the Yarn that a repository keeps',
      { 'yarn.lock': yarnLock(6), '.yarnrc.yml': 'nodeLinker: pnp\n\nyarnPath: .yarn/releases/yarn-3.6.4.cjs\n' },
      undefined,
      { name: 'yarn', version: '3.6.4', integrity: null },
    ],
    [
      'a later Yarn and the hash of its file',
      { 'yarn.lock': yarnLock(8) },
      'yarn@4.10.3+sha512.c38c',
      { version: '4.10.3', integrity: null, fileHash: { algorithm: 'sha512', hex: 'c38c' } },
    ],
    ['pnpm 8', { 'pnpm-lock.yaml': "lockfileVersion: '6.0'\n" }, undefined, { version: '8.15.9', integrity: PINNED }],
    ['pnpm 9 and later', { 'pnpm-lock.yaml': "---\nlockfileVersion: '9.0'\n" }, undefined, { version: PIN.pnpm }],
    ['Bun', { 'bun.lock': '{' }, undefined, { name: 'bun', integrity: PINNED }],
    ['Bun by its version', { 'bun.lock': '{' }, 'bun@1.2.19', { name: 'bun', version: '1.2.19', integrity: null }],
  ];
  for (const [name, files, packageManager, found] of rows)
    test(name, async () => {
      const below = Object.fromEntries(Object.entries(files).map(([file, content]) => [`app/${file}`, content]));
      const { text } = filesOf({ ...below, 'app/package.json': JSON.stringify({ packageManager }) });
      const manager = await managerIn('app', text);
      if (found === undefined) expect(manager).toBeUndefined();
      else expect(manager).toMatchObject(found);
    });
});

const named = (name: Manager['name'], version: string, integrity: string | null = null): Manager => ({
  ...{ name, version, integrity },
});

describe('refused', () => {
  const rows: [name: string, manager: Manager, lock: string, problem: string][] = [
    ['Yarn 2', named('yarn', '2.4.3'), yarnLock(4), 'names yarn@2.4.3 as its packageManager, which is not supported'],
    ['a format of none', named('yarn', ''), yarnLock(4), 'app/yarn.lock is of format 4'],
    ['a lock file of Yarn 4 for Yarn 1', named('yarn', '1.22.22'), yarnLock(8), 'app/yarn.lock is of Yarn 2 or later'],
    ['a lock file of Yarn 1 for Yarn 4', named('yarn', '4.9.4'), '# yarn lockfile v1\n', 'app/yarn.lock is of Yarn 1'],
    ['pnpm 7', named('pnpm', '7.33.7'), '', 'app/package.json names pnpm@7.33.7'],
    ['pnpm 13', named('pnpm', '13.0.0'), '', 'app/package.json names pnpm@13.0.0'],
    ['Bun 1.1', named('bun', '1.1.45'), '{}', 'app/package.json names bun@1.1.45'],
    ['sha224', named('pnpm', '8.15.9', `sha224-${HASH}`), '', 'by an algorithm that npm does not check'],
    [
      'md5',
      { ...named('yarn', '4.9.4'), fileHash: { algorithm: 'md5', hex: '00' } },
      yarnLock(8),
      'by an algorithm that npm does not check',
    ],
  ];
  for (const [name, manager, lock, problem] of rows)
    test(name, () => expect(() => checkManager('app', manager, lock)).toThrow(problem));
});

describe('taken', () => {
  const rows: [name: string, manager: Manager, lock: string][] = [
    ['Yarn 3', named('yarn', '3.8.6'), yarnLock(6)],
    [
      'Yarn 4, by an old hash',
      { ...named('yarn', '4.0.2'), fileHash: { algorithm: 'sha224', hex: HASH } },
      yarnLock(8),
    ],
    ['pnpm 12', named('pnpm', '12.21.0'), ''],
    ['Bun 1.10', named('bun', '1.10.0'), '{}'],
  ];
  for (const [name, manager, lock] of rows)
    test(name, () => expect(() => checkManager('app', manager, lock)).not.toThrow());
});

describe('npm installs it by its hash, and knows its program', () => {
  const lockedFor = (manager: Manager) => JSON.parse(filesOfManager(manager)['package-lock.json'] ?? '').packages;
  test('Yarn 1', () =>
    expect(lockedFor(named('yarn', '1.22.19', 'sha256-AP8='))['node_modules/yarn']).toEqual({
      ...{ version: '1.22.19', integrity: 'sha256-AP8=', bin: { yarn: 'bin/yarn.js' } },
    }));

  test('Yarn 4, which is another package', () =>
    expect(lockedFor(named('yarn', '4.9.4'))['node_modules/@yarnpkg/cli-dist']).toEqual({
      ...{ version: '4.9.4', bin: { yarn: 'bin/yarn.js' } },
    }));

  test('pnpm 11, whose file is called otherwise', () =>
    expect(lockedFor(named('pnpm', '11.0.0'))['node_modules/pnpm'].bin).toEqual({ pnpm: 'bin/pnpm.mjs' }));

  test('programs for one processor, each where it runs', async () => {
    const bun = lockedFor((await managerIn('', filesOf({ 'bun.lock': '' }).text)) as Manager);
    const programs = Object.entries(bun).filter(([path]) => path.includes('@oven/'));
    expect(programs.map(([, of]) => of)).toEqual(
      ['x64', 'arm64'].map((cpu) => ({
        ...{ version: bun['node_modules/bun'].version, integrity: PINNED, optional: true, os: ['linux'], cpu: [cpu] },
        bin: { bun: 'bin/bun' },
      })),
    );
    expect(bun['node_modules/bun']).not.toHaveProperty('bin');
    const pnpm = lockedFor(named('pnpm', '12.0.0', 'sha512-AP8='));
    expect(pnpm['node_modules/pnpm']).toEqual({ version: '12.0.0', integrity: 'sha512-AP8=' });
    expect(pnpm['node_modules/@pnpm/exe.linux-arm64']).toEqual({
      ...{ version: '12.0.0', optional: true, os: ['linux'], cpu: ['arm64'], bin: { pnpm: 'pnpm' } },
    });
  });
});
