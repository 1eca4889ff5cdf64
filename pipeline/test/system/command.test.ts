// How hints call the programs: as whoever reads them can, in this repository and where Dagger runs the module for another.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { $ } from 'zx';
import { TYPESCRIPT } from '../typescript.ts';

test.for([
  ['__dagger.entrypoint.ts', 'npx drydock'],
  ['__dagger.entrypoint.js', 'npx drydock'],
  ['ci.ts', 'npx tsx pipeline/ci.ts'],
] as const)('started by %s: %s', async ([file, expected]) => {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-command-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, file);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(
    path,
    `import { COMMAND } from ${JSON.stringify(new URL('../../src/command.ts', import.meta.url).href)};\nconsole.log(COMMAND);\n`,
  );
  const { stdout } = await $({ quiet: true })`${process.execPath} ${TYPESCRIPT} ${path}`;
  expect(stdout.trim()).toBe(expected);
});
