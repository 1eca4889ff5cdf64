// Command lines, refusals and screens, so that a row of a test shows only what makes it different.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Screen } from '../../cli/render.ts';
import { PipelineError } from '../../src/core/errors.ts';

export type Refusal = { code: string; exitCode: number; message: string; hint: string };

/** A command line as it is typed; no word in these tests has a space in it. */
export function words(line: string): string[] {
  return line === '' ? [] : line.split(' ');
}

/** What a person is told; a value or a bug where a refusal should be is an error of its own. */
export function toRefusal(error: unknown): Refusal {
  if (!(error instanceof PipelineError)) throw new Error('this is not one of our errors', { cause: error });
  return { code: error.code, exitCode: error.exitCode, message: error.message, hint: error.hint };
}

export function refusalOf(work: () => unknown): Refusal {
  try {
    work();
  } catch (error) {
    return toRefusal(error);
  }
  throw new Error('nothing was refused');
}

/** A folder that goes away with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A screen that keeps everything that was ever written to it. */
export function recorder(over: Partial<Screen> = {}): Screen & { text: () => string } {
  let text = '';
  return {
    isTerminal: false,
    columns: () => 80,
    rows: () => 24,
    onResize: () => () => {},
    hasColour: false,
    ...over,
    write: (more) => {
      text += more;
    },
    control: (more) => {
      text += more;
    },
    text: () => text,
  };
}

/** What a terminal of this width shows after all that was written: it wraps where it may, moves up, erases, and ignores colour. */
export function visible(text: string, columns: number): string {
  const rows: string[] = [''];
  let [x, y, wraps] = [0, 0, true];
  const write = (character: string) => {
    if (character === '\n' || (x === columns && wraps)) [x, y] = [0, y + 1];
    rows[y] ??= '';
    if (character === '\n' || x === columns) return;
    const row = (rows[y] as string).padEnd(x);
    rows[y] = row.slice(0, x) + character + row.slice(x + 1);
    x += 1;
  };
  const [start = '', ...sequences] = text.split('\u001b[');
  for (const character of start) write(character);
  for (const sequence of sequences) {
    const [code = '', parameter, letter] = /^([?\d]*)([A-Za-z])/.exec(sequence) ?? [];
    if (letter === 'A') y -= Number(parameter);
    if (letter === 'K' || letter === 'J') rows[y] = (rows[y] as string).slice(0, x);
    if (letter === 'J') rows.splice(y + 1);
    if (parameter === '?7') wraps = letter === 'h';
    for (const character of sequence.slice(code.length)) write(character);
  }
  return rows.join('\n');
}
