// Moving this tool's package: by the command that each manager's documentation gives, in a manifest that keeps its form; and the mark in what it wrote.
import { describe, expect, test } from 'vitest';
import { marked, markedBy } from '../../src/core/init/mark.ts';
import type { Manager } from '../../src/core/manager.ts';
import { kindIn, moveCommand, withRange } from '../../src/core/update.ts';

describe('the command', () => {
  const version = { version: '0.2.0', file: null };
  const rows: [
    name: Manager['name'],
    version: string,
    isDevelopment: boolean,
    hasWorkspaces: boolean,
    command: string,
  ][] = [
    ['npm', '', true, true, 'npm install --save-dev --save-exact --ignore-scripts drydock-ci@0.2.0'],
    ['npm', '', false, false, 'npm install --save-prod --save-exact --ignore-scripts drydock-ci@0.2.0'],
    ['yarn', '1.22.22', true, true, 'yarn add --dev --exact --ignore-scripts -W drydock-ci@0.2.0'],
    ['yarn', '4.9.4', true, true, 'yarn add --dev --exact --mode=skip-build drydock-ci@0.2.0'],
    ['pnpm', '10.0.0', true, true, 'pnpm add --save-dev --save-exact --ignore-scripts -w drydock-ci@0.2.0'],
    ['pnpm', '10.0.0', false, false, 'pnpm add --save-prod --save-exact --ignore-scripts drydock-ci@0.2.0'],
    ['bun', '1.4.5', true, true, 'bun add --dev --exact --ignore-scripts drydock-ci@0.2.0'],
  ];
  for (const [name, of, isDevelopment, hasWorkspaces, command] of rows)
    test(command, () =>
      expect(
        moveCommand({ name, version: of, integrity: null }, { target: version, isDevelopment, hasWorkspaces }).join(
          ' ',
        ),
      ).toBe(command),
    );

  test('an archive, by its path', () =>
    expect(
      moveCommand(
        { name: 'npm', version: '', integrity: null },
        { target: { version: '0.2.0', file: '../a.tgz' }, isDevelopment: true, hasWorkspaces: false },
      ).at(-1),
    ).toBe('drydock-ci@file:../a.tgz'));
});

test('a manifest keeps all but the version', () => {
  const manifest = '{\n\t"devDependencies": {\n\t\t"drydock-ci":  "^0.1.0", "drydock-ci-plugin": "1"\n\t}\n}\n';
  expect(withRange(manifest, '0.2.0')).toBe(manifest.replace('^0.1.0', '0.2.0'));
  expect(kindIn(manifest)).toBe('devDependencies');
  expect(kindIn('{ "dependencies": { "drydock-ci": "1" } }')).toBe('dependencies');
  expect(() => kindIn('{}')).toThrow('package.json does not depend on drydock-ci');
});

test('a mark is behind the first line, and found wherever a person has moved it', () => {
  const text = marked('# Checks.\nname: a\n', '0.1.0');
  expect(text).toMatch(/^# Checks\.\n# Written by drydock 0\.1\.0; .*\nname: a\n$/);
  expect(markedBy(text)).toBe('0.1.0');
  expect(markedBy(`\n\n${text.replaceAll('\n', '\r\n')}`)).toBe('0.1.0');
  expect(markedBy('# Written by drydock in the harbour\n')).toBeNull();
});
