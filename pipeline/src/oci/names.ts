// Names of files as text without loss: Linux takes any bytes for a name, so what is not UTF-8 stands as lone surrogates, a byte each, as Python has it.
import { isUtf8 } from 'node:buffer';

const FIRST = 0xdc00;
/** With this flag the halves of a pair do not count. */
const ESCAPED = /[\udc80-\udcff]/u;

export function decodeName(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString();
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = [1, 2, 3, 4].find((count) => at + count <= bytes.length && isUtf8(bytes.subarray(at, at + count)));
    text +=
      length === undefined
        ? String.fromCharCode(FIRST + (bytes[at] as number))
        : bytes.toString('utf8', at, at + length);
    at += length ?? 1;
  }
  return text;
}

export function encodeName(text: string): Buffer {
  if (!ESCAPED.test(text)) return Buffer.from(text);
  const parts = [...text].map((char) =>
    ESCAPED.test(char) ? Buffer.from([(char.codePointAt(0) as number) - FIRST]) : Buffer.from(char),
  );
  return Buffer.concat(parts);
}

/** What calls on files take: bytes, where the text would mean another file. */
export const onDisk = (path: string): string | Buffer => (ESCAPED.test(path) ? encodeName(path) : path);

export const isPlainName = (text: string): boolean => !ESCAPED.test(text);
