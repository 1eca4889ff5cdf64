// Runs that end at once in one folder of results.
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { readTimes } from '../../cli/ledger.ts';
import { temporaryFolder } from '../cli/make.ts';
import { timed } from '../core/times/make.ts';
import { TYPESCRIPT } from '../typescript.ts';
import { ROOT } from './repository.ts';

const RUN = timed('2026-01-01', { lint: 1 });

test('processes that write at once lose nothing', async () => {
  const output = temporaryFolder();
  const module = join(ROOT, 'pipeline/cli/ledger.ts');
  const program = `import { keepTimes } from ${JSON.stringify(module)};
    for (let i = 0; i < 50; i += 1) keepTimes(${JSON.stringify(output)}, ${JSON.stringify(RUN)});`;
  const write = () => promisify(execFile)(process.execPath, [...TYPESCRIPT, '--input-type=module', '--eval', program]);
  await Promise.all([write(), write(), write()]);
  expect(readTimes(output)).toEqual(Array.from({ length: 150 }, () => RUN));
  expect(readdirSync(join(output, 'times')).length).toBe(150);
});
