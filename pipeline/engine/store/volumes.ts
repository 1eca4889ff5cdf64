// Cache volumes: folders that steps of all sessions share, one after the other where that is asked for.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Layers } from './layers.ts';
import type { Store } from './store.ts';
import type { DirNode } from './tree.ts';

const run = promisify(execFile);

export type Sharing = 'SHARED' | 'PRIVATE' | 'LOCKED';

/** A volume in use. */
export interface Lease {
  readonly path: string;
  readonly release: () => void;
}

export class Volumes {
  readonly #store: Store;
  readonly #layers: Layers;

  constructor(store: Store, layers: Layers) {
    this.#store = store;
    this.#layers = layers;
  }

  /** The folder of a volume, filled with `seed` when it is new. Waits while somebody else has it, where it is LOCKED. */
  async lease(key: string, sharing: Sharing, seed: () => Promise<DirNode>): Promise<Lease> {
    if (sharing === 'SHARED') return { path: await this.#folder(key, seed), release: () => {} };
    if (sharing === 'LOCKED') {
      const lock = await this.#lock(key, { wait: true });
      return { path: await this.#folder(key, seed), release: () => lock?.stdin?.end() };
    }
    // PRIVATE: the first that nobody uses, so that what it holds is used again.
    for (let index = 0; ; index++) {
      const own = index === 0 ? key : `${key}.${index}`;
      const lock = await this.#lock(own, { wait: false });
      if (lock !== undefined) return { path: await this.#folder(own, seed), release: () => lock.stdin?.end() };
    }
  }

  #folder(key: string, seed: () => Promise<DirNode>): Promise<string> {
    return this.#store.volume(key, async (aside) => {
      const layer = this.#store.layerPath(await this.#layers.checkedLayerOf(await seed()));
      await run('cp', ['--archive', '--reflink=auto', layer, aside]);
    });
  }

  /** A process that has the volume's lock until its input ends, also when that is because this engine died. */
  async #lock(key: string, { wait }: { wait: boolean }): Promise<ChildProcess | undefined> {
    const locks = join(this.#store.root, 'locks');
    mkdirSync(locks, { recursive: true });
    const mode = wait ? [] : ['--nonblock'];
    const holder = spawn('flock', [...mode, join(locks, key), 'sh', '-c', 'echo locked; exec cat'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const hasIt = once(holder.stdout, 'data').then(() => true);
    const hasNot = once(holder, 'exit').then(() => false);
    return (await Promise.race([hasIt, hasNot])) ? holder : undefined;
  }
}
