// What the programs of this folder have in common: faults become two lines on stderr and an exit code.
import { basename } from 'node:path';
import { OciError, type OciErrorCode, reasonOf } from './errors.ts';
import { hideIn } from './hidden.ts';

const WRONG_USE: readonly OciErrorCode[] = ['SPEC_INVALID', 'REFERENCE_INVALID'];

const hidden: string[] = [];

/** What no program says from now on, whoever told it. */
export function hide(...secrets: string[]): void {
  hidden.push(...secrets);
}

/** 0 done, 1 failed, 2 wrong arguments or spec, 3 for the faults in `unavailable`: nobody here has it, somebody elsewhere may. */
export async function exitCodeOf(
  work: () => Promise<void>,
  unavailable: readonly OciErrorCode[] = [],
): Promise<number> {
  try {
    await work();
    return 0;
  } catch (error) {
    const isNamed = error instanceof OciError;
    process.stderr.write(`${oneLine(reasonOf(error))}\n`);
    process.stderr.write(
      `hint: ${oneLine(isNamed ? error.hint : 'unexpected error: check disk space and permissions, else report it')}\n`,
    );
    if (!isNamed) return 1;
    if (WRONG_USE.includes(error.code)) return 2;
    return unavailable.includes(error.code) ? 3 : 1;
  }
}

/** Arguments in, exit code out, if this file is what was started. By name: bundled, a module is another program's file. */
export function runAsProgram(file: string, main: (args: string[]) => Promise<number>): void {
  if (basename(process.argv[1] ?? '') !== file) return;
  void main(process.argv.slice(2)).then((code) => {
    process.exitCode = code;
  });
}

function oneLine(text: string): string {
  return hideIn(text, hidden).replace(/(?<!\s)\s*\n\s*/g, ' ');
}
