// An answer as JSON, in parts: of a text in a file, which a command's output may be, only a part is ever in memory.
import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';

/** A text that stands in a file, and is read when it is sent. */
export class FileText {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }
}

/** Names that are not UTF-8 are shown as a real engine shows them: with U+FFFD for each byte that is none. */
function jsonOf(value: unknown, replacer: (value: unknown) => unknown): string {
  const text = JSON.stringify(value, (_, field) => replacer(field));
  if (!/\\ud[89a-f]/.test(text)) return text;
  return JSON.stringify(value, (_, field) => {
    const replaced = replacer(field);
    return typeof replaced === 'string' ? replaced.toWellFormed() : replaced;
  });
}

export function* answerParts(body: object): Generator<string> {
  const mark = randomUUID();
  const texts: FileText[] = [];
  const text = jsonOf(body, (value) => (value instanceof FileText ? `${mark}${texts.push(value) - 1}` : value));
  for (const [index, part] of text.split(new RegExp(`"${mark}(\\d+)"`)).entries()) {
    if (index % 2 === 0) yield part;
    else yield* quoted(texts[Number(part)] as FileText);
  }
}

function* quoted({ path }: FileText): Generator<string> {
  const decoder = new StringDecoder();
  const buffer = Buffer.allocUnsafe(1 << 16);
  const file = openSync(path, 'r');
  try {
    yield '"';
    for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer))
      yield JSON.stringify(decoder.write(buffer.subarray(0, read))).slice(1, -1);
    yield `${JSON.stringify(decoder.end()).slice(1, -1)}"`;
  } finally {
    closeSync(file);
  }
}
