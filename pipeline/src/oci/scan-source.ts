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

/** Its own name or its forerunner's, and somewhere behind it on the line `ignore:`: what is between may be conditions, in more ways than it documents. */
const MARKS = ['trivy:', 'tfsec:'];
const IGNORE = 'ignore:';
const NEWLINE = 10;
/** Held in memory, one after another: twice, and once more what there is to read in it. */
const LARGEST = 256 * 1024 * 1024;
/** In all files. */
const MOST_COMMENTS = 10_000;

/** The file with no such comment, as long as before and with its lines where they were, and the lines (1 is the first); null where there is none. */
export function withoutSuppressions(bytes: Buffer): { bytes: Buffer; lines: number[] } | null {
  const next = MARKS.map((mark) => bytes.indexOf(mark));
  const lines: number[] = [];
  let copy: Buffer | undefined;
  let [line, counted, lineEnd, lastIgnore] = [1, 0, -1, -1];
  while (lines.length <= MOST_COMMENTS) {
    const found = Math.min(...next.filter((at) => at >= 0));
    if (found === Number.POSITIVE_INFINITY) break;
    const which = next.indexOf(found);
    const end = found + (MARKS[which] as string).length;
    next[which] = bytes.indexOf(MARKS[which] as string, end);
    if (found > lineEnd) {
      const newline = bytes.indexOf(NEWLINE, found);
      lineEnd = newline < 0 ? bytes.length : newline;
      lastIgnore = found + bytes.subarray(found, lineEnd).lastIndexOf(IGNORE);
    }
    if (lastIgnore < end) continue;
    for (; counted < found; counted++) if (bytes[counted] === NEWLINE) line += 1;
    copy ??= Buffer.from(bytes);
    copy.write('_', end - 2);
    if (lines.at(-1) !== line) lines.push(line);
  }
  return copy === undefined ? null : { bytes: copy, lines };
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
const isReadable = (byte: number) => (byte >= 32 && byte < 127) || byte === 9 || byte === 10 || byte === 13;
/** Shorter ones are no secret that any rule knows. */
const SHORTEST = 8;

/** The readable text of files that would not be looked into, UTF-16 included, and of what is packed in them: one for each that has any. */
export function hiddenTexts(path: string, bytes: Buffer, packed: readonly Buffer[] = []): Buffer[] {
  // Zeros farther on are of UTF-16 in a script that needs none at its beginning: to Trivy a text, in which no rule fits.
  const isBinary = bytes.subarray(0, HEAD_BYTES).some(isNoText) || bytes.includes(0);
  const isHidden = isBinary || [SKIPPED, SKIPPED_ENDING, SKIPPED_FOLDER].some((skipped) => skipped.test(path));
  return [...(isHidden ? [bytes] : []), ...packed].map(readableIn).filter((text) => text.length > 0);
}

/** A line for each run of readable bytes; zeros do not count. Where a run ends is a byte that is left out, so there is room for the line's end. */
function readableIn(bytes: Buffer): Buffer {
  const text = Buffer.allocUnsafe(bytes.length + 1);
  let [end, run] = [0, 0];
  const endRun = () => {
    if (run >= SHORTEST) {
      end += run;
      text[end++] = NEWLINE;
    }
    run = 0;
  };
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (isReadable(byte)) text[end + run++] = byte;
    else if (byte !== 0) endRun();
  }
  endRun();
  return text.subarray(0, end);
}

type Found = { suppressed: string[]; texts: Record<string, string>; closed: string[] };

async function copyHidden(from: string, to: string): Promise<Found> {
  const found: Found = { suppressed: [], texts: {}, closed: [] };
  const opener = new Opener();
  const put = async (path: string, parts: Iterable<Buffer>) => {
    const copy = join(to, 'files', path);
    await mkdir(onDisk(dirname(copy)), { recursive: true });
    await writeFile(onDisk(copy), parts);
  };
  const paths = await filesIn(from);
  // A folder that is nobody else's.
  const tops = new Set(paths.map((path) => path.split('/', 1)[0]));
  let texts = 'drydock-texts';
  while (tops.has(texts)) texts += '-';
  let count = 0;
  for (const path of paths) {
    const bytes = await bytesOf(join(from, path));
    const plain = withoutSuppressions(bytes);
    if (plain !== null) {
      await put(path, [plain.bytes]);
      for (const line of plain.lines) found.suppressed.push(`${path}:${line}`);
      if (found.suppressed.length > MOST_COMMENTS) throw tooMany(path);
    }
    const { contents, isComplete } = await opener.open(bytes);
    if (!isComplete) found.closed.push(path);
    const hidden = hiddenTexts(path, bytes, contents);
    if (hidden.length === 0) continue;
    const name = `${texts}/${count++}.txt`;
    await put(name, hidden);
    found.texts[name] = path;
  }
  return found;
}

const tooMany = (path: string) =>
  new OciError(
    'TOO_LARGE',
    `more than ${MOST_COMMENTS} comments tell the scanner to look away, the last of them in ${path}`,
    'remove them: none is heeded; an exception is written in policy/gate.yaml',
  );

async function filesIn(root: string): Promise<string[]> {
  const paths: string[] = [];
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await readdir(onDisk(join(root, folder)), { encoding: 'buffer', withFileTypes: true })) {
      const path = join(folder, decodeName(entry.name));
      if (entry.isDirectory()) folders.push(path);
      else if (entry.isFile()) paths.push(path);
    }
  }
  return paths.sort();
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
