// The tests that failed, as a JUnit report has them: each in a line with its place in the repository, the first with what it expected.
import { posix } from 'node:path';
import { clip, type DiagnosticPlace, parsePlace, stackPlace, stripColours } from './first-errors.ts';
import { SOURCE } from './ignore.ts';
import type { TestCase } from './junit.ts';
import { oneLine } from './safe-text.ts';

/** Who broke more has broken one thing. */
const MOST_TESTS = 20;
const MOST_OF_A_DIFF = 12;

export const isFailed = ({ outcome }: TestCase) => outcome === 'failed';

/**
 * What a step of tests says of its failure: the report's failed tests, whose places are of the package in `folder`, and of the log only what no
 * report holds, such as coverage below a threshold; all that the log says where no test failed.
 */
export function testErrors(ofLog: readonly string[], cases: readonly TestCase[], folder: string): string[] {
  const failed = cases.filter(isFailed);
  if (failed.length === 0) return [...ofLog];
  const shown = failed
    .slice(0, MOST_TESTS)
    .flatMap((test, index) => [
      clip(phraseTest(test, folder)),
      ...(index === 0 ? diffOf(test).map((line) => clip(`  ${line}`)) : []),
    ]);
  const left = failed.length - MOST_TESTS;
  return [
    ...shown,
    ...(left > 0 ? [`… and ${left} more`] : []),
    ...ofLog.filter((line) => line.startsWith('Coverage ')),
  ];
}

/** `service/test/a.test.ts:3:7 prices > of a coat: expected 1 to be 2` */
function phraseTest(test: TestCase, folder: string): string {
  const place = placeOfTest(test, folder);
  const isItsFile = place !== null && place.file === posix.join(folder, test.className);
  const title = [isItsFile ? '' : test.className, test.name].filter((part) => part !== '').join(' > ');
  const [reason = ''] = stripColours(test.message || test.detail).split('\n');
  return oneLine(`${place === null ? '' : `${phrasePlace(place)} `}${title}: ${reason.trim()}`);
}

export const phrasePlace = ({ file, line, column }: DiagnosticPlace) =>
  [file, line, column].filter((part) => part !== undefined).join(':');

/** The lines of `- expected` and `+ received`, as Vitest and Jest write them below the reason. */
function diffOf({ detail }: TestCase): string[] {
  const lines = stripColours(detail).split('\n');
  const start = lines.findIndex((line) => /^\s*- Expected/.test(line));
  const below = start < 0 ? [] : lines.slice(start);
  const end = below.findIndex((line) => /^\s*(❯|at ) ?/.test(line));
  const diff = (end < 0 ? below : below.slice(0, end)).filter((line) => line.trim() !== '');
  const left = diff.length - MOST_OF_A_DIFF;
  return left > 0 ? [...diff.slice(0, MOST_OF_A_DIFF), `… and ${left} more lines`] : diff;
}

/** The line that threw, or else the file that the test is in; null where neither is known. */
export function placeOfTest({ className, detail }: TestCase, folder: string): DiagnosticPlace | null {
  const lines = stripColours(detail).split('\n');
  const thrown = stackPlace(lines);
  const file = /^[^\s:]+\.[cm]?[jt]sx?$/.test(className) ? { file: className } : null;
  return inRepository(thrown === undefined ? (pythonPlace(lines) ?? file) : parsePlace(thrown), folder);
}

/** pytest names each place that it came through, the deepest last: `tests/test_a.py:5: AssertionError`. */
function pythonPlace(lines: readonly string[]): DiagnosticPlace | null {
  const [, file, line] = lines.map((text) => /^(\S+\.py):(\d+): \w*$/.exec(text) ?? []).findLast(([all]) => all) ?? [];
  return file === undefined ? null : { file, line: Number(line) };
}

/** The folder that a command names paths from: it is written as a person would type it at the root. */
export const folderOf = (command: string) => /^\(cd '?(.+?)'? && /.exec(command)?.[1] ?? '';

/** From the root of the repository, as GitHub and a terminal's links want it; null for what is not in it. */
export function inRepository(place: DiagnosticPlace | null, folder: string): DiagnosticPlace | null {
  if (place === null) return null;
  const path = posix.isAbsolute(place.file) ? posix.relative(SOURCE, place.file) : posix.join(folder, place.file);
  return path === '' || path.startsWith('..') ? null : { ...place, file: path };
}
