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

/** What a terminal of this width shows after all that was written: it wraps, moves up, erases below, and ignores colour. */
export function visible(text: string, columns: number): string {
  const rows = [''];
  let at = 0;
  const write = (character: string) => {
    const row = rows[at] ?? '';
    const isFull = row.length === columns;
    if (character === '\n' || isFull) at += 1;
    if (character === '\n') rows[at] ??= '';
    else rows[at] = isFull ? character : row + character;
  };
  const [start = '', ...sequences] = text.split('\u001b[');
  for (const character of start) write(character);
  for (const sequence of sequences) {
    const [code = '', count, letter] = /^(\d*)([A-Za-z])/.exec(sequence) ?? [];
    if (letter === 'A') at -= Number(count);
    if (letter === 'J') rows.splice(at, rows.length, '');
    for (const character of sequence.slice(code.length)) write(character);
  }
  return rows.join('\n');
}
