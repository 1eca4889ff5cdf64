// Each rule of .dependency-cruiser.mjs goes red: a repository with a forbidden import for each, in all the ways that an import is written.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'drydock-borders-'));
afterAll(() => rmSync(folder, { recursive: true }));

const forbidden: [rules: string[], file: string, text: string][] = [
  [['beyond core'], 'pipeline/src/core/a.ts', "import type { A } from '../stages/free.ts';"],
  [['beyond core'], 'pipeline/src/core/b.ts', "import { dag } from '@dagger.io/dagger';"],
  [['beyond dockerfile'], 'pipeline/src/dockerfile/a.ts', "import { free } from '../core/free.ts';"],
  [['beyond oci'], 'pipeline/src/oci/a.ts', "import { free } from '../core/free.ts';"],
  [['beyond probes'], 'pipeline/src/probes/a.ts', "export * from '../oci/free.ts';"],
  [['beyond shared'], 'pipeline/src/a.ts', "import './core/free.ts';"],
  [['beyond stages'], 'pipeline/src/stages/a.ts', "export const a = import('../../cli/free.ts');"],
  [['beyond module'], 'pipeline/src/index.ts', "export type A = typeof import('./probes/free.ts');"],
  [['beyond cli'], 'pipeline/cli/a.ts', "import { free } from '../engine/free.ts';"],
  [['beyond engine'], 'pipeline/engine/a.ts', "export type { A } from '../src/core/free.ts';"],
  [['beyond bin'], 'pipeline/bin/a.mjs', "export const a = require('../cli/free.ts');"],
  [['beyond deploy'], 'deploy/a.ts', "import '../pipeline/src/stages/free.ts';"],
  [['beyond monitoring'], 'monitoring/a.ts', "import '../pipeline/src/probes/free.ts';"],
  [['tool to service'], 'pipeline/test/a.ts', "import '../../service/free.ts';"],
  [['service to tool'], 'service/a.ts', "import '../pipeline/src/oci/free.ts';"],
  [['beyond stages', 'not with the module'], 'pipeline/src/stages/b.ts', "import { $ } from 'zx';"],
  [['circle'], 'pipeline/bench/a.ts', "import type { B } from './b.ts';"],
  [[], 'pipeline/bench/b.ts', "import type { A } from './a.ts';"],
];

function write(file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), `${text}\n`);
}

test('each border is closed', () => {
  for (const path of ['.dependency-cruiser.mjs', 'package.json', 'pipeline/package.json'])
    cpSync(join(ROOT, path), join(folder, path));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  for (const [, file, text] of forbidden) {
    write(join(dirname(file), 'free.ts'), 'export const free = true;');
    write(file, text);
  }
  const { stdout } = spawnSync('node_modules/.bin/depcruise', ['.', '--output-type', 'json'], {
    cwd: folder,
    encoding: 'utf8',
  });
  const { violations, ruleSetUsed } = JSON.parse(stdout).summary as Summary;
  const seen = violations.map(({ from, rule }) => `${from}: ${rule.name}`);
  expect(seen.sort()).toEqual(forbidden.flatMap(([rules, file]) => rules.map((rule) => `${file}: ${rule}`)).sort());
  const tried = new Set(forbidden.flatMap(([rules]) => rules));
  expect([...tried].sort()).toEqual(ruleSetUsed.forbidden.map(({ name }) => name).sort());
});

type Summary = {
  violations: { from: string; rule: { name: string } }[];
  ruleSetUsed: { forbidden: { name: string }[] };
};
