// Finds inline comments by which an author tells Trivy to look away, and copies their files with the word spelled otherwise.
//
//   node suppressions.ts --in DIR --out DIR
//
// Below --out go `files/`, the copies, each where the file is below --in, and `places.json`: `["infra/main.tf:3", …]`.
import { constants } from 'node:fs';
import { mkdir, open, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { exitCodeOf, runAsProgram } from './program.ts';

/** Its own name or its forerunner's, and somewhere behind it `ignore`: what is between may be conditions, in more ways than it documents. */
const SUPPRESSION = /(?:trivy|tfsec)(?=:[^\n]*ignore:)/g;
const MARKS = ['trivy:', 'tfsec:'];
/** Trivy reads no configuration of this size, and nobody writes one. */
const LARGEST = 10_000_000;

/** The text with no such comment, as long as before and with its lines where they were, and the lines (1 is the first); null where there is none. */
export function withoutSuppressions(text: string): { text: string; lines: number[] } | null {
  const lines = text.split('\n').flatMap((line, index) => (line.search(SUPPRESSION) < 0 ? [] : [index + 1]));
  return lines.length === 0 ? null : { text: text.replace(SUPPRESSION, (name) => `${name.slice(0, -1)}_`), lines };
}

/** Bytes are read as Latin-1, which has each of them: what is not UTF-8 stays what it is. */
async function copySuppressing(from: string, to: string): Promise<string[]> {
  const places: string[] = [];
  for (const path of await filesIn(from)) {
    const text = await textOf(join(from, path));
    const found = text === null ? null : withoutSuppressions(text);
    if (found === null) continue;
    const copy = join(to, 'files', path);
    await mkdir(dirname(copy), { recursive: true });
    await writeFile(copy, found.text, 'latin1');
    places.push(...found.lines.map((line) => `${path}:${line}`));
  }
  return places;
}

async function filesIn(folder: string, below = ''): Promise<string[]> {
  const entries = await readdir(join(folder, below), { withFileTypes: true });
  const paths = await Promise.all(
    entries.map(async (entry) => {
      const path = join(below, entry.name);
      if (entry.isDirectory()) return await filesIn(folder, path);
      return entry.isFile() ? [path] : [];
    }),
  );
  return paths.flat().sort();
}

/** Null for what holds no such word, as nearly every file does: told without making a text of it. */
async function textOf(path: string): Promise<string | null> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    if ((await file.stat()).size > LARGEST) return null;
    const bytes = await file.readFile();
    return MARKS.some((mark) => bytes.includes(mark)) ? bytes.toString('latin1') : null;
  } finally {
    await file.close();
  }
}

export function main(args: string[]): Promise<number> {
  return exitCodeOf(async () => {
    const { values } = parseArgs({ args, options: { in: { type: 'string' }, out: { type: 'string' } } });
    const out = values.out ?? '';
    await mkdir(join(out, 'files'), { recursive: true });
    const places = await copySuppressing(values.in ?? '', out);
    await writeFile(join(out, 'places.json'), JSON.stringify(places));
  });
}

runAsProgram('suppressions.ts', main);
