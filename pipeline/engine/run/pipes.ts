// Pipes for what steps say. Node makes sockets, which no program can open again by a name like /dev/stderr; these are FIFOs, which it can.
import { execFileSync } from 'node:child_process';
import { chownSync, closeSync, constants, openSync, unlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { SESSION_FOLDER } from './mounts.ts';

export interface OutputPipe {
  readonly output: Socket;
  /** The descriptor for the process that writes. */
  readonly input: number;
}

/** Node cannot make FIFOs, and to start a program for each would take longer than the rest. */
const BATCH = 64;

export class Pipes {
  /** Who may open them by a name: root of the steps, and whom the runtime gives them to. */
  readonly #owner: number;
  readonly #ready: string[] = [];
  #counter = 0;

  constructor(owner: number) {
    this.#owner = owner;
  }

  /** Each serves once, and has no name by then: who kept one open must not see what the next step says. */
  take(): OutputPipe {
    if (this.#ready.length === 0) this.#make();
    const path = this.#ready.pop() as string;
    chownSync(path, this.#owner, this.#owner);
    // To open one end waits for the other, unless both are open already.
    const both = openSync(path, constants.O_RDWR);
    const [reading, input] = [openSync(path, constants.O_RDONLY), openSync(path, constants.O_WRONLY)];
    closeSync(both);
    unlinkSync(path);
    return { output: new Socket({ fd: reading, readable: true, writable: false }), input };
  }

  #make(): void {
    const paths = Array.from({ length: BATCH }, () => join(SESSION_FOLDER, 'p', String(this.#counter++)));
    execFileSync('mkfifo', ['-m', '600', ...paths]);
    this.#ready.push(...paths);
  }
}
