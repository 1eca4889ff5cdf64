// What the probes have in common: checks that become rows, and waiting for what is to come, with an end to it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';

/** One thing that was to be proved, and how that went. */
type Row = { name: string; status: 'passed' | 'failed'; seconds: number; detail: string };

/** Does the work, and writes a row: what it returns is the detail, what it throws is the reason why it failed. */
export type Check = (name: string, work: () => string | Promise<string>) => Promise<boolean>;

/** Run a probe: `--out FILE` takes the rows as JSON, a line of each goes to stdout. Ends with 0 whatever the rows say. */
export async function probe(work: (check: Check) => Promise<void>, out: string): Promise<void> {
  const rows: Row[] = [];
  await work(async (name, prove) => {
    const from = performance.now();
    const row = await (async () => await prove())().then(
      (detail): Omit<Row, 'seconds'> => ({ name, status: 'passed', detail }),
      (error: unknown): Omit<Row, 'seconds'> => ({ name, status: 'failed', detail: reasonOf(error) }),
    );
    rows.push({ ...row, seconds: Math.round(performance.now() - from) / 1000 });
    console.log(`${row.status === 'passed' ? 'ok  ' : 'FAIL'}  ${name}: ${row.detail}`);
    return row.status === 'passed';
  });
  writeFileSync(out, JSON.stringify(rows));
}

/** Ask again until it no longer throws; throws what it last said when the time is over. */
export async function until<T>(seconds: number, ask: () => T | Promise<T>): Promise<T> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() > end) throw new Error(`not within ${seconds} s: ${reasonOf(error)}`);
    }
    await pause(POLL_MS);
  }
}

const POLL_MS = 100;

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Options that a program must be given, by name. */
export function optionsOf<K extends string>(args: string[], ...names: K[]): Record<K, string> {
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
  const { values } = parseArgs({ args, options });
  const missing = names.filter((name) => values[name] === undefined);
  if (missing.length > 0) throw new Error(`--${missing.join(', --')} must be given`);
  return values as Record<K, string>;
}

/** Start `main`, if this file is what was started. */
export function runAsProgram(file: string, main: (args: string[]) => Promise<void>): void {
  if (basename(process.argv[1] ?? '') === file) void main(process.argv.slice(2));
}

export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Where several addresses were tried there is a message for each, and none for all.
  const { errors } = error as { errors?: unknown[] };
  return error.message || (errors ?? []).map(reasonOf).join(', ') || error.name;
}

/** Fails a check unless it holds. */
export function expectThat(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}

/** Of a file that may not be there yet. */
export function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

const LONGEST_LINE = 2000;

export function lastLines(text: string, count: number): string[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-count)
    .map((line) => line.slice(0, LONGEST_LINE));
}
