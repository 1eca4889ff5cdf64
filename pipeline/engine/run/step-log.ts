// The last line of the log that a running step writes, as far as it has come. The step may have put anything in the place of a folder or file
// on the way there, also while we look: each is opened by its name in the one before, and no link is followed.
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';

const TAIL_BYTES = 4096;
const { O_RDONLY, O_NOFOLLOW, O_DIRECTORY, O_NONBLOCK } = constants;

export interface LogLine {
  readonly step: string;
  readonly line: string;
}

/** Of the one step whose folder is below `folders` in what a step has changed; undefined where it has not said anything. */
export function lastLogLine(upper: string, folders: string): LogLine | undefined {
  const opened: number[] = [];
  const open = (path: string, flags: number) => {
    const file = openSync(path, O_RDONLY | O_NOFOLLOW | flags);
    opened.push(file);
    return `/proc/self/fd/${file}`;
  };
  try {
    const names = folders.split('/').filter((name) => name !== '');
    const all = names.reduce((place, name) => open(`${place}/${name}`, O_DIRECTORY), open(upper, O_DIRECTORY));
    const [step, ...more] = readdirSync(all);
    if (step === undefined || more.length > 0) return undefined;
    open(`${open(`${all}/${step}`, O_DIRECTORY)}/log`, O_NONBLOCK);
    const line = lastLine(tailOf(opened.at(-1) as number));
    return line === undefined ? undefined : { step, line };
  } catch {
    return undefined; // not there yet, no longer there, or not what it should be
  } finally {
    for (const file of opened) closeSync(file);
  }
}

function tailOf(file: number): string {
  const stats = fstatSync(file);
  if (!stats.isFile()) return '';
  const buffer = Buffer.alloc(Math.min(TAIL_BYTES, stats.size));
  const length = readSync(file, buffer, 0, buffer.length, stats.size - buffer.length);
  return buffer.toString('utf8', 0, length);
}

/** What a terminal would show last: of a row that was written again and again, the last that was written. */
function lastLine(text: string): string | undefined {
  return stripVTControlCharacters(text)
    .split(/[\r\n]/)
    .findLast((line) => line.trim() !== '')
    ?.trim();
}
