// Single keys from the terminal, without Enter. As long as they are read, the terminal sends no signals: Ctrl-C is passed on from here.
import type { ReadStream } from 'node:tty';

export type Key = 'again' | 'failed' | 'all' | 'quit';

const KEYS: Readonly<Record<string, Key>> = { r: 'again', f: 'failed', '\r': 'all', '\n': 'all', q: 'quit' };
const CTRL_C = '\u0003';

export const KEYS_HELP = 'r run again · f failed only · Enter run all · q quit';

export class Keys {
  readonly #input: ReadStream;
  #waiting: ((key: Key) => void) | undefined;
  /** The last key that was pressed before `next` was asked for it. */
  #early: Key | undefined;

  constructor(input: ReadStream) {
    this.#input = input;
    input.setRawMode(true);
    input.setEncoding('utf8');
    input.on('data', this.#take);
  }

  /** The next one that means something. */
  next(): Promise<Key> {
    return new Promise((resolve) => {
      this.#waiting = resolve;
      this.#tell();
    });
  }

  /** Leaves the terminal as it was. */
  close(): void {
    this.#input.off('data', this.#take);
    this.#input.setRawMode(false);
    this.#input.pause();
  }

  readonly #take = (text: string | Buffer): void => {
    for (const character of String(text)) {
      if (character === CTRL_C) process.kill(process.pid, 'SIGINT');
      const key = KEYS[character.toLowerCase()];
      if (key !== undefined && this.#early !== 'quit') this.#early = key;
    }
    this.#tell();
  };

  #tell(): void {
    if (this.#early === undefined || this.#waiting === undefined) return;
    this.#waiting(this.#early);
    this.#waiting = undefined;
    this.#early = undefined;
  }
}
