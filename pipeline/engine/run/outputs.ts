// What commands say, with secrets taken out: kept in files for steps, and the end of it in memory for services.
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Scrubber } from './scrubber.ts';

export type Stream = 'stdout' | 'stderr';

/** Takes what a command says as it comes. */
export interface Outputs {
  write(stream: Stream, chunk: Buffer): void;
  close(): void;
}

const scrubbers = (secrets: Iterable<Buffer>): Record<Stream, Scrubber> => {
  const values = [...secrets];
  return { stdout: new Scrubber(values), stderr: new Scrubber(values) };
};

/** The files `stdout`, `stderr`, and `combined` in the order of arrival. */
export class FileOutputs implements Outputs {
  readonly #files: Record<Stream | 'combined', number>;
  readonly #scrubbers: Record<Stream, Scrubber>;

  constructor(folder: string, secrets: Iterable<Buffer>) {
    const open = (name: string) => openSync(join(folder, name), 'w', 0o600);
    this.#files = { stdout: open('stdout'), stderr: open('stderr'), combined: open('combined') };
    this.#scrubbers = scrubbers(secrets);
  }

  write(stream: Stream, chunk: Buffer): void {
    this.#append(stream, this.#scrubbers[stream].push(chunk));
  }

  #append(stream: Stream, bytes: Buffer): void {
    if (bytes.length === 0) return;
    writeSync(this.#files[stream], bytes);
    writeSync(this.#files.combined, bytes);
  }

  close(): void {
    for (const stream of ['stdout', 'stderr'] as const) this.#append(stream, this.#scrubbers[stream].flush());
    for (const file of Object.values(this.#files)) closeSync(file);
  }
}

/** A service may talk for hours; an error needs the end of it. */
const KEPT_BYTES = 64 * 1024;

/** The end of each stream. */
export class TailOutputs implements Outputs {
  readonly #scrubbers: Record<Stream, Scrubber>;
  readonly #kept: Record<Stream | 'combined', Buffer> = {
    stdout: Buffer.alloc(0),
    stderr: Buffer.alloc(0),
    combined: Buffer.alloc(0),
  };

  constructor(secrets: Iterable<Buffer>) {
    this.#scrubbers = scrubbers(secrets);
  }

  write(stream: Stream, chunk: Buffer): void {
    this.#append(stream, this.#scrubbers[stream].push(chunk));
  }

  #append(stream: Stream, bytes: Buffer): void {
    for (const name of [stream, 'combined'] as const) {
      const all = Buffer.concat([this.#kept[name], bytes]);
      this.#kept[name] = all.length > KEPT_BYTES ? all.subarray(all.length - KEPT_BYTES) : all;
    }
  }

  close(): void {
    for (const stream of ['stdout', 'stderr'] as const) this.#append(stream, this.#scrubbers[stream].flush());
  }

  text(name: Stream | 'combined'): string {
    return this.#kept[name].toString();
  }

  /** The last lines of both streams, for a message. */
  lastLines(count: number): string {
    return this.text('combined').trimEnd().split('\n').slice(-count).join('\n');
  }
}
