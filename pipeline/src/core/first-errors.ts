// Finds the lines of a tool's output that say why it failed. A person reads these instead of the log.

/** How many lines are shown, and how long one may be. */
const MAX_LINES = 5;
const MAX_LENGTH = 200;

/** What a tool says is wrong, and where: a path as the tool wrote it, lines and columns from 1. */
export type Diagnostic = { text: string; message: string; place: DiagnosticPlace | null };

export type DiagnosticPlace = { file: string; line?: number; column?: number };

/** Reads what one kind of tool writes; nothing, if the output isn't its. */
type Reader = (lines: readonly string[]) => Diagnostic[];

/** Readers in the order of their say: a test runner knows more than npm, which only knows that a script failed. */
const READERS: readonly Reader[] = [compilerAndLinter, testRunner, npm, nodeTest, anything, lastLines];

/** The first lines that name a real error. Empty only for an empty log. */
export function firstErrors(log: string): string[] {
  return shorten(diagnosticsOf(log).map(({ text }) => text));
}

/** All that the log names as an error, each once. */
export function diagnosticsOf(log: string): Diagnostic[] {
  const lines = stripColours(log)
    .split(/\r?\n/)
    .map((line) => line.trimEnd());
  for (const read of READERS) {
    const found = new Map(read(lines).map((diagnostic) => [diagnostic.text, diagnostic]));
    if (found.size > 0) return [...found.values()];
  }
  return [];
}

const plain = (text: string): Diagnostic => ({ text, message: text, place: null });

/** `file`, `file:1:2` or `file(1,2)`. */
export function parsePlace(text: string): DiagnosticPlace {
  const match = /^(.*?)[:(](\d+)[:,](\d+)\)?$/.exec(text);
  if (match === null) return { file: text };
  return { file: match[1] ?? '', line: Number(match[2]), column: Number(match[3]) };
}

/** Terminal colours and links: what a log holds of them is noise to everything that reads it. */
export function stripColours(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with a control character
  return text.replace(/\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|\u001b\[[0-9;?]*[ -/]*[@-~]/g, '');
}

function shorten(lines: readonly string[]): string[] {
  const shown = lines.slice(0, MAX_LINES).map((line) => clip(line.trim()));
  const left = lines.length - shown.length;
  return left > 0 ? [...shown, `… and ${left} more`] : shown;
}

export function clip(line: string): string {
  return line.length > MAX_LENGTH ? `${line.slice(0, MAX_LENGTH - 1)}…` : line;
}

/** `file(1,2): error TS2322: …` of tsc, Ruff's sentences with their places below them, and Biome's headings the other way round. */
function compilerAndLinter(lines: readonly string[]): Diagnostic[] {
  const compiler = lines.flatMap((text) => {
    const [, place, message = ''] = /^(?:(\S.*?)(?:: | - ))?(error TS\d+: .*)$/.exec(text) ?? [];
    if (message === '') return [];
    return [{ text, message, place: place === undefined ? null : parsePlace(place) }];
  });
  const diagnostics = lines.flatMap((line, index) => biomeDiagnostic(line, lines.slice(index + 1, index + 4)));
  const errors = diagnostics.filter(({ isError }) => isError);
  // Warnings fail nothing by themselves; they are only worth a line where nothing worse is said.
  return [...compiler, ...aboveArrows(lines), ...(errors.length > 0 ? errors : diagnostics)];
}

/** As Ruff and rustc say it: a sentence, and below it an arrow to its place. `[*]` marks what Ruff could fix itself. */
function aboveArrows(lines: readonly string[]): Diagnostic[] {
  return lines.flatMap((line, index) => {
    const place = /^\s*--> (\S+:\d+:\d+)$/.exec(line)?.[1];
    const message = lines[index - 1]?.replace(/^(\S+) \[\*\] /, '$1 ') ?? '';
    return place === undefined || message === ''
      ? []
      : [{ text: `${place} ${message}`, message, place: parsePlace(place) }];
  });
}

function biomeDiagnostic(line: string, next: readonly string[]): (Diagnostic & { isError: boolean })[] {
  const heading = /^(\S+?)(:\d+:\d+)? ((?:lint|assist)\/\S+|format|parse|[a-z]+\/[\w/]+) [^━]*━{5,}$/.exec(line);
  if (heading === null) return [];
  const sentence = next.map((below) => /^\s+([×✖!⚠])\s+(.*)$/.exec(below)).find((match) => match !== null);
  if (sentence === undefined) return [];
  const [, path, position = '', rule] = heading;
  const message = `${rule}: ${sentence[2]}`;
  const isError = sentence[1] === '×' || sentence[1] === '✖';
  return [{ text: `${path}${position} ${message}`, message, place: parsePlace(`${path}${position}`), isError }];
}

/** Above the lines of a source that cannot be read. */
const FRAME = /^\s*╭─+\[ (\S+:\d+:\d+) \]$/;

/** vitest and jest: ` FAIL  file > test` and the error below it; coverage that is below its threshold. */
function testRunner(lines: readonly string[]): Diagnostic[] {
  return lines.flatMap((line, index) => {
    if (/^ERROR: Coverage /.test(line)) return [plain(line.replace(/^ERROR: /, ''))];
    const failed = /^\s*(?:FAIL\s+|● )(.*\S)/.exec(line);
    if (failed === null) return [];
    const below = lines.slice(index + 1, index + 12);
    const end = below.findIndex((other) => /^\s*(?:FAIL\s+|● )/.test(other));
    const own = end < 0 ? below : below.slice(0, end);
    const reason = own.find((other) => /^\s*[\w.]*(Error|Exception)\b.*: /.test(other) || /^\s*expect\(/.test(other));
    // Heading lines without a reason of their own only repeat what others say.
    if (reason === undefined) return [];
    // "Transform failed with 1 error:" is followed by it.
    const said = reason.trim().endsWith(':')
      ? own.slice(own.indexOf(reason) + 1).find((other) => other !== '')
      : undefined;
    const place = own.map((other) => FRAME.exec(other)?.[1]).find((found) => found !== undefined) ?? stackPlace(own);
    const message = [(failed[1] ?? '').replace(/ \[ .* \]$/, ''), [reason, said ?? ''].join(' ').trim()].join(': ');
    if (place === undefined) return [plain(message)];
    return [{ text: `${message} (${place})`, message, place: parsePlace(place) }];
  });
}

/** The first place of a stack that is the repository's own: vitest's `❯ file:1:2`, Node's `at name (file:///file:1:2)`. */
export function stackPlace(lines: readonly string[]): string | undefined {
  return lines
    .map((line) => /^\s*(?:❯|at) (?:.* )?\(?(?:file:\/\/)?((?!node:)[^\s()]+:\d+:\d+)\)?\s*$/.exec(line)?.[1])
    .find((place) => place !== undefined && !place.includes('node_modules/'));
}

/** Node's own runner lists what failed once more at its end. */
function nodeTest(lines: readonly string[]): Diagnostic[] {
  const start = lines.findIndex((line) => /failing tests:$/.test(line));
  if (start < 0) return [];
  return lines.slice(start).flatMap((line, index, rest) => {
    const failed = /^\s*✖ (.*?)(?: \(\d[\d.]*ms\))?$/.exec(line);
    if (failed === null || /failing tests:$/.test(line)) return [];
    const text = `${failed[1]}: ${(rest[index + 1] ?? '').trim()}`;
    const place = /^test at (\S+:\d+:\d+)$/.exec(rest[index - 1] ?? '')?.[1];
    return [{ text, message: text, place: place === undefined ? null : parsePlace(place) }];
  });
}

/** npm's own errors, without usage, advice and the place of its log (which is gone with the container). */
function npm(lines: readonly string[]): Diagnostic[] {
  const said = lines.flatMap((line) => /^npm (?:error|ERR!) ?(.*)$/.exec(line)?.[1] ?? []);
  // A script that failed has said why itself.
  if (said.some((line) => /^(Lifecycle script|code ELIFECYCLE)/.test(line))) return [];
  const end = said.findIndex((line) =>
    /^(Clean install a project|Usage:|A complete log|Fix the upstream|For a full report)/.test(line),
  );
  const own = end < 0 ? said : said.slice(0, end);
  return own.filter((line) => line.trim() !== '' && !/^(code|errno|syscall|path) /.test(line)).map(plain);
}

/** Whatever looks like an error, where the tool is not known. */
function anything(lines: readonly string[]): Diagnostic[] {
  const isNoise = (line: string) =>
    /^(npm (error|ERR!|warn)|WARNING: |> )/.test(line) || /\b(0|no) (errors|failures|failed)\b/i.test(line);
  const errors = lines.filter(
    (line) =>
      /\b(error|fatal|emerg|failed|failure|exception|panic|cannot|denied|ENOSPC|not found)\b|Error\b/i.test(line) &&
      !isNoise(line),
  );
  return errors.map(plain);
}

function lastLines(lines: readonly string[]): Diagnostic[] {
  return lines
    .filter((line) => line.trim() !== '')
    .slice(-MAX_LINES)
    .map(plain);
}
