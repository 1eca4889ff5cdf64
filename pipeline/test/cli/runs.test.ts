// The last runs of an output folder: what stays of them, how they are listed, and how a report is opened.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { keepRun, keptRuns } from '../../cli/kept-runs.ts';
import { takeOutput } from '../../cli/output.ts';
import { listRuns, openReport } from '../../cli/runs.ts';
import type { RunResult } from '../../src/core/model.ts';
import { run } from '../core/make.ts';
import { recorder, refusalOf, temporaryFolder } from './make.ts';

const at = (minute: number) => `2026-06-01T12:${String(minute).padStart(2, '0')}:00.000Z`;

/** A run that ends like this, as the command line puts it in its place. */
function runIn(output: string, over: Partial<RunResult>, files: Record<string, string> = {}): void {
  const result = run(over);
  const place = takeOutput(output, ['lint', 'build']);
  const written = { 'result.json': JSON.stringify(result), 'report.html': `report of ${result.startedAt}`, ...files };
  for (const [path, text] of Object.entries(written)) {
    mkdirSync(dirname(join(place.aside, path)), { recursive: true });
    writeFileSync(join(place.aside, path), text);
  }
  keepRun(output, result.startedAt, place.settle(result.exitCode));
  place.release();
}

function terminal(isTerminal = false) {
  const out = recorder({ isTerminal });
  return { out, err: recorder(), interrupted: new Promise<never>(() => {}) };
}

test('of the last ten runs results and logs stay, of earlier ones and of other functions nothing', () => {
  const output = temporaryFolder();
  writeFileSync(join(output, 'verdict.json'), 'of another function');
  for (let minute = 0; minute < 12; minute += 1)
    runIn(
      output,
      { startedAt: at(minute), exitCode: minute % 2 },
      { 'logs/lint-tsc.log': `log ${minute}`, 'image.tar': 'large' },
    );
  const kept = keptRuns(output);
  expect(kept.map(({ startedAt }) => startedAt)).toEqual(Array.from({ length: 10 }, (_, index) => at(11 - index)));
  const { folder } = kept[9] as (typeof kept)[0];
  expect(readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()).toEqual([
    ...['exit-code', 'logs', 'logs/lint-tsc.log', 'report.html', 'result.json'],
  ]);
  expect(readFileSync(join(folder, 'logs/lint-tsc.log'), 'utf8')).toBe('log 2');
  expect(readFileSync(join(folder, 'exit-code'), 'utf8')).toBe('0\n');
  expect(readFileSync(join(output, 'report.html'), 'utf8')).toBe(`report of ${at(11)}`);
});

test('the latest takes no room of its own', () => {
  const output = temporaryFolder();
  runIn(output, { startedAt: at(0) });
  const [latest] = keptRuns(output);
  expect(statSync(join(latest?.folder ?? '', 'report.html')).ino).toBe(statSync(join(output, 'report.html')).ino);
});

test('they are listed, the latest first, with how they ended', () => {
  const output = temporaryFolder();
  const shown = terminal();
  runIn(output, { startedAt: at(1), seconds: 12 });
  runIn(output, { startedAt: at(2), seconds: 3, verdict: 'failed', exitCode: 1, function: 'lint' });
  expect(listRuns({ kind: 'runs', output, json: false }, shown)).toBe(0);
  expect(shown.out.text()).toBe(
    [
      ' 1  2026-06-01 12:02:00 UTC  lint     failed in 3.0 s: not all was evaluated (--strict)',
      ' 2  2026-06-01 12:01:00 UTC  ci       passed in 12.0 s',
      `open a report: npx tsx pipeline/ci.ts open 2 --output ${output}`,
      '',
    ].join('\n'),
  );
  const json = terminal();
  listRuns({ kind: 'runs', output, json: true }, json);
  expect(JSON.parse(json.out.text())).toMatchObject([
    { startedAt: at(2), exitCode: 1 },
    { startedAt: at(1), exitCode: 0 },
  ]);
});

test('what is no result is passed over, and so is what another put there', () => {
  const output = temporaryFolder();
  runIn(output, { startedAt: at(1) });
  for (const name of ['2026-06-01T120500.000Z', 'mine', '.new']) mkdirSync(join(output, 'runs', name));
  writeFileSync(join(output, 'runs', '2026-06-01T120500.000Z', 'result.json'), '{ torn');
  expect(keptRuns(output).map(({ startedAt }) => startedAt)).toEqual([at(1)]);
  expect(existsSync(join(output, 'runs', 'mine'))).toBe(true);
});

test('without a run there is nothing to list or to open', () => {
  const output = temporaryFolder();
  const refusal = { code: 'BAD_OPTION', message: `${output} holds no report of a run` };
  expect(refusalOf(() => listRuns({ kind: 'runs', output, json: false }, terminal()))).toMatchObject(refusal);
  expect(refusalOf(() => openReport({ kind: 'open', output, run: null }, terminal(), {}))).toMatchObject(refusal);
  expect(refusalOf(() => openReport({ kind: 'open', output, run: 1 }, terminal(), {}))).toMatchObject(refusal);
});

test('without a display the path is printed: as a link on a terminal, else as it is', () => {
  const output = temporaryFolder();
  runIn(output, { startedAt: at(1) });
  runIn(output, { startedAt: at(2) });
  const [pipe, window] = [terminal(), terminal(true)];
  openReport({ kind: 'open', output, run: 2 }, pipe, {});
  expect(pipe.out.text()).toBe(`${join(output, 'runs', '2026-06-01T120100.000Z', 'report.html')}\n`);
  openReport({ kind: 'open', output, run: null }, window, {});
  const path = join(output, 'report.html');
  expect(window.out.text()).toBe(`\u001b]8;;file://${path}\u001b\\${path}\u001b]8;;\u001b\\\n`);
  expect(refusalOf(() => openReport({ kind: 'open', output, run: 3 }, pipe, {}))).toMatchObject({
    message: `${output} holds 2 runs, and not run 3`,
  });
});

test('with a display the desktop is asked to open it', async () => {
  const [output, programs] = [temporaryFolder(), temporaryFolder()];
  runIn(output, { startedAt: at(1) });
  const asked = join(programs, 'asked');
  writeFileSync(join(programs, 'xdg-open'), `#!/bin/sh\necho "$1" >"${asked}.part" && mv "${asked}.part" "${asked}"\n`);
  chmodSync(join(programs, 'xdg-open'), 0o755);
  const env = { DISPLAY: ':7', PATH: [programs, process.env.PATH].join(delimiter) };
  openReport({ kind: 'open', output, run: null }, terminal(), env);
  await vi.waitUntil(() => existsSync(asked), { timeout: 20_000 });
  expect(readFileSync(asked, 'utf8')).toBe(`${join(output, 'report.html')}\n`);
});
