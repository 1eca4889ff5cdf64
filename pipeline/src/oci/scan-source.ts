// The source as Trivy is to see it: nothing in it makes the scanner look away.
//
//   node scan-source.ts --in DIR --out DIR
//
// Below --out go `files/`, to be laid over the source: copies of files with inline comments that tell Trivy to ignore something, the word spelled
// otherwise, and the text of files that it does not look into for secrets, by what they are called or hold, compressed ones opened. And `found.json`:
// `{"suppressed": ["infra/main.tf:3", …], "texts": {"drydock-texts/0.txt": "docs/a.png", …}, "closed": ["a.7z", …]}`, the last those that it cannot open.
import { constants } from 'node:fs';
import { mkdir, open, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { OciError } from './errors.ts';
import { decodeName, onDisk } from './names.ts';
import { Opener } from './packed.ts';
import { exitCodeOf, runAsProgram } from './program.ts';

/** Its own name or its forerunner's, and somewhere behind it `ignore`: what is between may be conditions, in more ways than it documents. */
const SUPPRESSION = /(?:trivy|tfsec)(?=:[^\n]*ignore:)/g;
const MARKS = ['trivy:', 'tfsec:'];
/** Held in memory, one after another. */
const LARGEST = 256 * 1024 * 1024;

/** The text with no such comment, as long as before and with its lines where they were, and the lines (1 is the first); null where there is none. */
export function withoutSuppressions(text: string): { text: string; lines: number[] } | null {
  const lines = text.split('\n').flatMap((line, index) => (line.search(SUPPRESSION) < 0 ? [] : [index + 1]));
  return lines.length === 0 ? null : { text: text.replace(SUPPRESSION, (name) => `${name.slice(0, -1)}_`), lines };
}

/** Trivy's own list of what holds no secrets, by name, by ending and by folder (pkg/fanal/analyzer/secret/secret.go). */
const SKIPPED =
  /(^|\/)(go\.(mod|sum)|(package-lock|npm-shrinkwrap)\.json|yarn\.lock|pnpm-lock\.yaml|(Pipfile|Gemfile)\.lock)$/;
const SKIPPED_ENDING = /\.(jpg|png|gif|doc|pdf|bin|svg|socket|deb|rpm|zip|gz|gzip|tar)$/i;
const SKIPPED_FOLDER = /(^|\/)node_modules\//;
const HEAD_BYTES = 300;
/** One such byte among the first, and Trivy takes a file for a program or a picture (pkg/fanal/utils, IsBinary). */
const isNoText = (byte: number) =>
  byte < 7 || byte === 11 || (13 < byte && byte < 27) || (27 < byte && byte < 32) || byte === 127;
/** Shorter ones are no secret that any rule knows. */
const READABLE = /[\t\n\r\x20-\x7e]{8,}/g;

/** The readable text of a file that would not be looked into, UTF-16 included, and of what is packed in it; null where it is looked into, or has none. */
export function hiddenText(path: string, bytes: Buffer, packed: readonly Buffer[] = []): string | null {
  const isBinary = bytes.subarray(0, HEAD_BYTES).some(isNoText);
  const isHidden = isBinary || [SKIPPED, SKIPPED_ENDING, SKIPPED_FOLDER].some((skipped) => skipped.test(path));
  const runs = [...(isHidden ? [bytes] : []), ...packed].flatMap(
    (content) => content.toString('latin1').replaceAll('\0', '').match(READABLE) ?? [],
  );
  return runs.length === 0 ? null : runs.join('\n');
}

type Found = { suppressed: string[]; texts: Record<string, string>; closed: string[] };

/** Bytes are read as Latin-1, which has each of them: what is not UTF-8 stays what it is. */
async function copyHidden(from: string, to: string): Promise<Found> {
  const found: Found = { suppressed: [], texts: {}, closed: [] };
  const opener = new Opener();
  const put = async (path: string, text: string) => {
    const copy = join(to, 'files', path);
    await mkdir(onDisk(dirname(copy)), { recursive: true });
    await writeFile(onDisk(copy), text, 'latin1');
  };
  const paths = await filesIn(from);
  // A folder that is nobody else's.
  let texts = 'drydock-texts';
  while (paths.some((path) => path.split('/')[0] === texts)) texts += '-';
  let count = 0;
  for (const path of paths) {
    const bytes = await bytesOf(join(from, path));
    const plain = MARKS.some((mark) => bytes.includes(mark)) ? withoutSuppressions(bytes.toString('latin1')) : null;
    if (plain !== null) {
      await put(path, plain.text);
      found.suppressed.push(...plain.lines.map((line) => `${path}:${line}`));
    }
    const { contents, isComplete } = await opener.open(bytes);
    if (!isComplete) found.closed.push(path);
    const hidden = hiddenText(path, bytes, contents);
    if (hidden === null) continue;
    const name = `${texts}/${count++}.txt`;
    await put(name, hidden);
    found.texts[name] = path;
  }
  return found;
}

async function filesIn(folder: string, below = ''): Promise<string[]> {
  const entries = await readdir(onDisk(join(folder, below)), { encoding: 'buffer', withFileTypes: true });
  const paths = await Promise.all(
    entries.map(async (entry) => {
      const path = join(below, decodeName(entry.name));
      if (entry.isDirectory()) return await filesIn(folder, path);
      return entry.isFile() ? [path] : [];
    }),
  );
  return paths.flat().sort();
}

async function bytesOf(path: string): Promise<Buffer> {
  const file = await open(onDisk(path), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { size } = await file.stat();
    if (size <= LARGEST) return await file.readFile();
  } finally {
    await file.close();
  }
  throw new OciError(
    'TOO_LARGE',
    `${path} is too large to be looked through for secrets`,
    'keep it outside of the repository',
  );
}

export function main(args: string[]): Promise<number> {
  return exitCodeOf(async () => {
    const { values } = parseArgs({ args, options: { in: { type: 'string' }, out: { type: 'string' } } });
    const out = values.out ?? '';
    await mkdir(join(out, 'files'), { recursive: true });
    await writeFile(join(out, 'found.json'), JSON.stringify(await copyHidden(values.in ?? '', out)));
  });
}

runAsProgram('scan-source.ts', main);
