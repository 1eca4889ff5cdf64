// What is proposed where files are not formatted: by what Biome 2.6 and Prettier 3.6 say of such a file.
import { expect, test } from 'vitest';
import { formatCommand, isUnformatted } from '../../src/core/format-fix.ts';

const ESC = '\u001b';
const BIOME = `a.js format ━━━━━━━━━━━━━━━━━━━━━━━━━━

  ${ESC}[31m✖${ESC}[0m ${ESC}[31mFile content differs from formatting output${ESC}[0m

  1   │ - const·a···=·1
    1 │ + const·a·=·1;
`;
const BIOME_RULE = `a.js:1:7 lint/correctness/noUnusedVariables  FIXABLE  ━━━━━━━━━━

  ✖ This variable a is unused.
`;
const PRETTIER = `Checking formatting...
[warn] a.js
[warn] package.json
${ESC}[33m[warn]${ESC}[39m Code style issues found in 2 files. Run Prettier with --write to fix.
`;

const logs: [name: string, log: string, unformatted: boolean][] = [
  ['Biome', BIOME, true],
  ['Biome, of a rule', BIOME_RULE, false],
  ['Prettier', PRETTIER, true],
  ['the compiler', 'a.ts(1,7): error TS2322: Type it is not\n', false],
];
for (const [name, log, unformatted] of logs)
  test(`${name}: ${unformatted ? 'not formatted' : 'something else'}`, () =>
    expect(isUnformatted(log)).toBe(unformatted));

const packages: [folder: string, manifest: string | null, command: string | null][] = [
  ['', '{"scripts":{"format":"biome check --write ."}}', 'npm run format'],
  ['web app', '{"scripts":{"lint:fix":"x","fmt":"y"}}', "(cd 'web app' && npm run fmt)"],
  ['', '{"scripts":{"format":"prettier --check .","format:fix":"prettier --write ."}}', 'npm run format:fix'],
  ['', '{"scripts":{"format":"biome format ."}}', null],
  ['', '{"scripts":{"fmt":"deno fmt --check","format":"deno fmt"}}', 'npm run format'],
  ['', '{"scripts":{"lint":"biome ci ."}}', null],
  ['', '{}', null],
  ['', 'torn', null],
  ['', null, null],
];
for (const [folder, manifest, command] of packages)
  test(`in ${JSON.stringify(folder)} with ${manifest}: ${command}`, () =>
    expect(formatCommand(folder, manifest)).toBe(command));
