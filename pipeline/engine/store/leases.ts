// Who uses the store now, and what of it: each session names what it uses before it looks whether it is there.
//
// Nothing that a living session has named is evicted. The order makes it so: a session writes the name, then looks for an eviction
// under way; an eviction says that it is under way, then reads the names. Whichever comes second sees the other. A session that finds
// an eviction under way waits for its end, and only then looks whether the thing is (still) there.
//
// A lease is named after its process, and holds a name of a thing in each line.
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { isRunning, PROCESS_NAME, processName, showLife, startOf } from '../../src/process-name.ts';
import { withLock } from './lock.ts';

/** The file that is there while an eviction chooses. */
export const evictionSign = (root: string) => join(root, 'evicting');

export class Lease {
  /** Also the name of the session's folder for work in progress. */
  readonly name = `${processName()}-${randomBytes(4).toString('hex')}`;
  readonly #root: string;
  readonly #path: string;
  readonly #file: number;
  readonly #named = new Set<string>();
  readonly #pulse: NodeJS.Timeout;

  constructor(root: string) {
    this.#root = root;
    mkdirSync(join(root, 'leases'), { recursive: true });
    this.#path = join(root, 'leases', this.name);
    this.#file = openSync(this.#path, 'ax');
    writeSync(this.#file, '\n'); // on a full disk a session ends here, not in its first step
    this.#pulse = showLife(this.#path);
  }

  /** Says that this session uses a thing; from when this resolves, the thing stays if it is there. */
  async use(thing: string): Promise<void> {
    if (this.#named.has(thing)) return;
    writeSync(this.#file, `${thing}\n`);
    if (existsSync(evictionSign(this.#root))) await endOfEviction(this.#root);
    this.#named.add(thing);
  }

  end(): void {
    clearInterval(this.#pulse);
    closeSync(this.#file);
    rmSync(this.#path, { force: true });
  }
}

/** Evictions hold the lock. One that died has left its sign, which whoever has the lock may take down. */
async function endOfEviction(root: string): Promise<void> {
  await withLock(root, async () => rmSync(evictionSign(root), { force: true }));
}

export interface LeaseState {
  readonly name: string;
  readonly isAlive: boolean;
  readonly uses: readonly string[];
}

/** Every lease there is, of the living and the dead. */
export function readLeases(root: string): LeaseState[] {
  const folder = join(root, 'leases');
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) => {
    const state = stateOf(join(folder, name));
    if (state === undefined) return []; // ended meanwhile
    return [{ name, isAlive: isAlive(name, state.mtimeMs), uses: state.text.split('\n').filter(Boolean) }];
  });
}

function stateOf(path: string): { text: string; mtimeMs: number } | undefined {
  try {
    return { text: readFileSync(path, 'utf8'), mtimeMs: statSync(path).mtimeMs };
  } catch {
    return undefined;
  }
}

/** Earlier versions named theirs after the process id alone. */
const isAlive = (name: string, lastSign: number) =>
  PROCESS_NAME.test(name) ? isRunning(name, lastSign) : startOf(Number.parseInt(name, 10)) !== undefined;
