// Which package manager, and which of its versions: by lock files, and by packageManager as the documentation of Corepack writes it.
import { describe, expect, test } from 'vitest';
import { checkManager, filesOfManager, type Manager, managerIn } from '../../src/core/manager.ts';
import { filesOf } from './make.ts';

const PIN = { yarn: expect.stringMatching(/^1\.22\./), pnpm: expect.stringMatching(/^10\./) };
const PINNED = expect.stringMatching(/^sha512-/);
/** Of Corepack's own README. */
const HASH = '953c8233f7a92884eee2de69a1b92d1f2ec1655e66d08071ba9a02fa';

describe('the manager of a folder', () => {
  const rows: [name: string, locks: string[], packageManager: string | undefined, found: object | undefined][] = [
    ['npm', ['package-lock.json'], undefined, { name: 'npm' }],
    ['npm comes first', ['yarn.lock', 'package-lock.json'], 'yarn@1.22.22', { name: 'npm' }],
    ['yarn', ['yarn.lock'], undefined, { name: 'yarn', version: PIN.yarn, integrity: PINNED }],
    ['pnpm', ['pnpm-lock.yaml'], undefined, { name: 'pnpm', version: PIN.pnpm, integrity: PINNED }],
    ['a version', ['pnpm-lock.yaml'], 'pnpm@9.15.0', { name: 'pnpm', version: '9.15.0', integrity: null }],
    ['the pinned one by its version', ['yarn.lock'], 'yarn@1.22.22', { name: 'yarn', integrity: PINNED }],
    [
      'a version and its hash',
      ['yarn.lock'],
      'yarn@1.22.19+sha256.00ff',
      { name: 'yarn', version: '1.22.19', integrity: 'sha256-AP8=' },
    ],
    ['another than that of the lock file', ['yarn.lock'], 'pnpm@9.15.0', { name: 'yarn', version: PIN.yarn }],
    ['none', [], 'yarn@1.22.22', undefined],
  ];
  for (const [name, locks, packageManager, found] of rows)
    test(name, async () => {
      const files = Object.fromEntries(locks.map((lock) => [`app/${lock}`, '']));
      const { text } = filesOf({ ...files, 'app/package.json': JSON.stringify({ packageManager }) });
      const manager = await managerIn('app', text);
      if (found === undefined) expect(manager).toBeUndefined();
      else expect(manager).toMatchObject(found);
    });
});

describe('refused', () => {
  const named = (name: Manager['name'], version: string, integrity: string | null = null): Manager => ({
    ...{ name, version, integrity },
  });
  const rows: [name: string, manager: Manager, lock: string, problem: string][] = [
    ['Yarn 4', named('yarn', '1.22.22'), '__metadata:\n', 'app/yarn.lock is of Yarn 2 or later'],
    ['pnpm 7', named('pnpm', '7.33.7'), '', 'app/package.json names pnpm@7.33.7'],
    ['sha224', named('pnpm', '8.15.9', `sha224-${HASH}`), '', 'by an algorithm that npm does not check'],
  ];
  for (const [name, manager, lock, problem] of rows)
    test(name, () => expect(() => checkManager('app', manager, lock)).toThrow(problem));
});

test('npm installs it by its hash, and knows its program', () => {
  const files = filesOfManager({ name: 'yarn', version: '1.22.19', integrity: 'sha256-AP8=' });
  expect(JSON.parse(files['package-lock.json'] ?? '').packages['node_modules/yarn']).toEqual({
    ...{ version: '1.22.19', integrity: 'sha256-AP8=', bin: { yarn: 'bin/yarn.js' } },
  });
});
