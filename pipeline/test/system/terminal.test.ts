// The live display on a real terminal whose window changes its size: rows that have wrapped are erased, and what is drawn then fits.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { until } from './processes.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const ESC = '\u001b';
const [WIDE, NARROW] = [100, 40];

/** A frame begins where the cursor goes up: by how many rows, and the rows that are drawn. */
function framesOf(said: string): { up: number; rows: string[] }[] {
  return said
    .split(new RegExp(`${ESC}\\[(?=\\d+A)`))
    .slice(1)
    .map((frame) => {
      const [, up = '', rest = ''] = /^(\d+)A([\s\S]*)$/.exec(frame) ?? [];
      const rows = stripVTControlCharacters(rest).split('\r\n');
      return { up: Number(up), rows: rows.filter((row) => row !== '') };
    });
}

test('a window that becomes narrower', { timeout: 120_000 }, async () => {
  const program = `${process.execPath} --import tsx pipeline/test/system/programs/display.ts`;
  const line = `stty -echo rows 20 cols ${WIDE}; ${program}`;
  const child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: '1' },
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk));
  await until(() => framesOf(said).length > 1, `it is drawn after ${said}`);
  child.stdin.write('\n');
  const isNarrow = ({ rows }: { rows: string[] }) => rows.length === 2 && rows.every(({ length }) => length < NARROW);
  await until(() => framesOf(said).some(isNarrow), `it is drawn for the narrow window after ${said.slice(-500)}`);
  child.stdin.write('\n');
  await once(child, 'close');
  const frames = framesOf(said);
  const first = frames.findIndex(isNarrow);
  expect(frames[first - 1]?.rows[0]).toHaveLength(WIDE - 1);
  // What was one row of 99 signs is three rows there, and the total of 42 is two.
  expect(frames[first]?.up).toBe(5);
  expect(frames[first + 1]?.up).toBe(2);
  expect(frames[first]?.rows[0]).toMatch(/^… {5}lint .*…$/);
});
