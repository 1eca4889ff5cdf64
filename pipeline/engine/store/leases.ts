// Who uses the store now, and what of it: each session names what it uses before it looks whether it is there.
//
// Nothing that a living session has named is evicted. The order makes it so: a session writes the name, then looks for an eviction
// under way; an eviction says that it is under way, then reads the names. Whichever comes second sees the other. A session that finds
// an eviction under way waits for its end, and only then looks whether the thing is (still) there.
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { BOOT_ID, startOf } from './boot.ts';
import { withLock } from './lock.ts';

interface Holder {
  readonly pid: number;
  readonly start: string;
  readonly boot: string;
}

/** The file that is there while an eviction chooses. */
export const evictionSign = (root: string) => join(root, 'evicting');

export class Lease {
  /** Also the name of the session's folder for work in progress. */
  readonly name = `${process.pid}-${randomBytes(4).toString('hex')}`;
  readonly #root: string;
  readonly #path: string;
  readonly #file: number;
  readonly #named = new Set<string>();

  constructor(root: string) {
    this.#root = root;
    mkdirSync(join(root, 'leases'), { recursive: true });
    this.#path = join(root, 'leases', this.name);
    const holder: Holder = { pid: process.pid, start: startOf(process.pid) ?? '', boot: BOOT_ID };
    // Whole from the first moment that others can see it.
    const aside = join(root, 'leases', `.${this.name}`);
    writeFileSync(aside, `${JSON.stringify(holder)}\n`);
    renameSync(aside, this.#path);
    this.#file = openSync(this.#path, 'a');
  }

  /** Says that this session uses a thing; from when this resolves, the thing stays if it is there. */
  async use(thing: string): Promise<void> {
    if (this.#named.has(thing)) return;
    writeSync(this.#file, `${thing}\n`);
    if (existsSync(evictionSign(this.#root))) await endOfEviction(this.#root);
    this.#named.add(thing);
  }

  end(): void {
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
    const text = readOrNothing(join(folder, name));
    if (text === undefined) return []; // ended meanwhile
    const [header = '', ...uses] = text.split('\n');
    return [{ name, isAlive: isAlive(header), uses: uses.filter(Boolean) }];
  });
}

function readOrNothing(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function isAlive(header: string): boolean {
  try {
    const { pid, start, boot } = JSON.parse(header) as Holder;
    return boot === BOOT_ID && startOf(pid) === start;
  } catch {
    return false;
  }
}
