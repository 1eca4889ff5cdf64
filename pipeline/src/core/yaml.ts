// Reads YAML (and JSON, which is YAML too) that people write by hand: every fault is named with its line, all of them at once.
import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  Parser,
  parseDocument,
  visit,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import { nearest } from '../suggest.ts';
import { type ErrorCode, PipelineError } from './errors.ts';

/** `place` is `file:line`. */
export type Fault = { place: string; text: string };

/** Every fault of a file that a person wrote, as one error. */
export class FaultyFile extends PipelineError {
  readonly faults: readonly Fault[];

  constructor(code: ErrorCode, faults: readonly Fault[], hint: string) {
    super(code, phraseFaults(faults), hint);
    this.faults = faults;
  }
}

/** One file that is being read, and what was found wrong with it so far. */
export class YamlFile {
  readonly file: string;
  readonly faults: Fault[] = [];
  readonly root: Node | null;
  readonly #lines = new LineCounter();

  /** Aliases are refused, unless `prepare` knows what to do with them: it may change the document, and names faults. */
  constructor(file: string, text: string, prepare?: (document: Document, fail: YamlFile['fault']) => void) {
    this.file = file;
    const deep = depthFault(text);
    if (deep !== undefined) {
      this.faults.push({ place: `${file}:${deep}`, text: `this is nested more than ${MOST_NESTED} levels deep` });
      this.root = null;
      return;
    }
    const document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    for (const problem of [...document.errors, ...document.warnings]) this.#add(problem.pos[0], phraseProblem(problem));
    if (prepare === undefined) visit(document, { Alias: (_key, node) => this.fault(node, REFUSED_ALIAS) });
    else if (this.faults.length === 0) prepare(document, (node, problem) => this.fault(node, problem));
    // Broken syntax makes the rest look wrong as well.
    this.root = this.faults.length > 0 ? null : (document.contents as Node | null);
  }

  /** 1 for the first line. */
  lineOf(node: Node | null | undefined): number {
    return this.#lines.linePos(node?.range?.[0] ?? 0).line;
  }

  fault(node: Node | null | undefined, text: string): void {
    this.#add(node?.range?.[0] ?? 0, text);
  }

  /** The document's fields; undefined, and a fault, when it isn't a mapping. */
  fields(): Fields | undefined {
    return this.faults.length > 0 ? undefined : this.fieldsOf(this.root, '');
  }

  fieldsOf(node: Node | null, path: string): Fields | undefined {
    if (isMap(node)) return new Fields(this, node, path);
    this.fault(node, `${path === '' ? 'the file' : path} must be a mapping of names to values`);
    return undefined;
  }

  #add(offset: number, text: string): void {
    this.faults.push({ place: `${this.file}:${this.#lines.linePos(offset).line}`, text: text.replace(/\s+/g, ' ') });
  }
}

/** No person nests as deep. Whatever walks a document goes as deep as that does, and a few thousand levels take all memory. */
const MOST_NESTED = 100;

/** The line on which a text is nested too deep. */
function depthFault(text: string): number | undefined {
  const parser = new Parser();
  let line = 1;
  for (const lexeme of new Lexer().lex(text)) {
    line += lexeme.split('\n').length - 1;
    for (const _ of parser.next(lexeme)); // built and passed over
    if (parser.stack.length > MOST_NESTED) return line;
  }
  return undefined;
}

const REFUSED_ALIAS = 'an alias hides what is meant: write the value out';

function phraseProblem({ code, message }: YAMLError): string {
  if (code === 'DUPLICATE_KEY') return 'this name stands here a second time';
  if (code === 'BLOCK_IN_FLOW' || code === 'MULTILINE_IMPLICIT_KEY')
    return 'a comma or a bracket is missing before this';
  if (code === 'MULTIPLE_DOCS') return 'a second document begins here, and only one is read';
  return message;
}

/** The fields of one mapping. What is asked for is known; `end` names the rest as unknown. */
export class Fields {
  readonly #file: YamlFile;
  readonly #map: YAMLMap;
  readonly #path: string;
  readonly #known = new Set<string>();

  constructor(file: YamlFile, map: YAMLMap, path: string) {
    this.#file = file;
    this.#map = map;
    this.#path = path;
  }

  get node(): Node {
    return this.#map;
  }

  names(): string[] {
    return this.#map.items.map(({ key }) => (isScalar(key) ? String(key.value) : String(key)));
  }

  /** A name with nothing behind it is as good as none. */
  has(key: string): boolean {
    return this.nodeOf(key) !== undefined;
  }

  /** A name with nothing behind it, not even an empty text. */
  isEmpty(key: string): boolean {
    const node = this.#map.get(key, true) as Node | null | undefined;
    return node === null || (isScalar(node) && node.value === null);
  }

  /** For a fault: where a field is. */
  pathOf(key: string): string {
    return this.#at(key);
  }

  /** What stands behind a name. */
  nodeOf(key: string): Node | undefined {
    this.#known.add(key);
    const node = this.#map.get(key, true) as Node | null | undefined;
    return node === undefined || node === null || (isScalar(node) && node.value === null) ? undefined : node;
  }

  /** Where a name stands. */
  keyOf(key: string): Node {
    const found = this.#map.items.find((pair) => String(pair.key) === key);
    return (found?.key as Node | undefined) ?? this.#map;
  }

  /** A fault of this field, or of the whole mapping where it is missing. */
  fault(key: string, text: string): void {
    this.#file.fault((this.#map.get(key, true) as Node | undefined) ?? this.#map, `${this.#at(key)} ${text}`);
  }

  text(key: string): string | undefined;
  text(key: string, fallback: string): string;
  text(key: string, fallback?: string): string | undefined {
    const value = this.#scalar(key);
    if (value === undefined) return fallback;
    if (typeof value === 'string' && value.trim() !== '') return value;
    this.fault(key, 'must be a text that is not empty');
    return fallback;
  }

  /** A text that has to be there; empty, and a fault, where it isn't. */
  required(key: string): string {
    if (!this.has(key)) this.fault(key, 'is missing');
    return this.text(key, '');
  }

  /** A field that has to be there, and can have but this one value. */
  exactly(key: string, wanted: number, because: string): void {
    if (this.#scalar(key) !== wanted) this.fault(key, `must be ${wanted}, ${because}`);
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.#scalar(key) ?? fallback;
    if (typeof value === 'boolean') return value;
    this.fault(key, 'must be true or false');
    return fallback;
  }

  /** A whole number, 0 or more. */
  count(key: string, fallback: number): number {
    const value = this.#scalar(key) ?? fallback;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    const isQuoted = typeof value === 'string' && /^\d+$/.test(value);
    this.fault(key, `must be a whole number, 0 or more${isQuoted ? ', without quotes' : ''}`);
    return fallback;
  }

  oneOf<T extends string>(key: string, choices: readonly T[], fallback: T): T {
    const value = this.#scalar(key) ?? fallback;
    const found = choices.find((choice) => choice === value);
    if (found !== undefined) return found;
    const given = typeof value === 'object' ? 'a list or a mapping' : JSON.stringify(value);
    this.fault(key, `cannot be ${given}${suggestion(String(value), choices)}`);
    return fallback;
  }

  texts(key: string): string[] {
    return this.#nodes(key).flatMap((node) => {
      if (isScalar(node) && typeof node.value === 'string' && node.value.trim() !== '') return [node.value];
      this.#file.fault(node, `${this.#at(key)} must be a list of texts`);
      return [];
    });
  }

  /** Texts of which each may be empty. */
  strings(key: string): string[] {
    return this.#nodes(key).flatMap((node) => (isScalar(node) && typeof node.value === 'string' ? [node.value] : []));
  }

  /** Values of variables, as they are written: texts, which may be empty, and numbers. */
  variables(key: string): Record<string, string> {
    const fields = this.mapping(key);
    const found = fields?.names().map((name): [string, string] => {
      const node = fields.nodeOf(name);
      if (!/^[A-Za-z_]\w*$/.test(name)) fields.fault(name, 'is no name of a variable');
      else if (!isScalar(node) || !['string', 'number', 'bigint'].includes(typeof node.value))
        fields.fault(name, "must be a text: in quotes where it would be something else, '' for none");
      return [name, isScalar(node) ? String(typeof node.value === 'string' ? node.value : node.source) : ''];
    });
    return Object.fromEntries(found ?? []);
  }

  /** The entries of a list of mappings. */
  list(key: string): Fields[] {
    return this.#nodes(key).flatMap((node, index) => this.#file.fieldsOf(node, `${this.#at(key)}[${index}]`) ?? []);
  }

  mapping(key: string): Fields | undefined {
    const node = this.nodeOf(key);
    return node === undefined ? undefined : this.#file.fieldsOf(node, this.#at(key));
  }

  /** Nothing more is asked for: whatever else is there is a slip. */
  end(): void {
    for (const { key } of this.#map.items) {
      const name = isScalar(key) ? String(key.value) : String(key);
      if (this.#known.has(name)) continue;
      this.#file.fault(
        key as Node,
        `there is no ${JSON.stringify(this.#at(name))}${suggestion(name, [...this.#known])}`,
      );
    }
  }

  #nodes(key: string): Node[] {
    const node = this.nodeOf(key);
    if (node === undefined) return [];
    if (isSeq(node)) return node.items as Node[];
    this.fault(key, 'must be a list');
    return [];
  }

  /** The value; of what is no scalar, the node: no type that is asked for. */
  #scalar(key: string): unknown {
    const node = this.nodeOf(key);
    return isScalar(node) ? node.value : node;
  }

  #at(key: string): string {
    return this.#path === '' ? key : `${this.#path}.${key}`;
  }
}

function suggestion(typed: string, known: readonly string[]): string {
  const near = nearest(typed, known);
  if (near !== undefined) return `; did you mean ${near}?`;
  return known.length > 0 && known.length <= 8 ? `; it can be ${known.join(', ')}` : '';
}

/** The first fault as a sentence, and how many more there are. */
export function phraseFaults(faults: readonly Fault[]): string {
  const [first] = faults;
  if (first === undefined) return '';
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more: ${placesOf(faults.slice(1))})` : '';
  return `${first.place}: ${first.text}${more}`;
}

function placesOf(faults: readonly Fault[]): string {
  const shown = faults.slice(0, 3).map(({ place, text }) => `${place}: ${text}`);
  return faults.length > 3 ? `${shown.join('; ')} …` : shown.join('; ');
}
