// Knows which results have reached the disk, so that those which may not have are made again after a power cut.
//
// A layer has thousands of files, and to flush each would cost more than the step that made it. So a layer or exec result carries a
// mark, written after all else of it: the boot it was made in, and when by that boot's clock. It may be used
//  - while that boot lasts: what one process wrote and renamed, every other reads as it was written, flushed or not;
//  - after it, if everything older than a later moment of that boot is known to be on disk. One syncfs at the end of a session says so
//    for all that came before it, and only when it has succeeded is the moment recorded, itself flushed.
// The mark's time is read when the data is complete, so a moment after the mark is a moment after the data; a mark that is torn has a
// wrong checksum and counts as none. What fails both tests is thrown away and made again.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { BOOT_ID } from '../../src/process-name.ts';
import { writeDurably } from './durable.ts';
import { readSealed, seal } from './sealed.ts';

/** When something was made. */
export interface Made {
  readonly boot: string;
  readonly at: number;
}

/** Nanoseconds of a clock that all processes of this boot share and that nobody can set. */
export const monotonic = (): number => Number(process.hrtime.bigint());

export const madeNow = (): Made => ({ boot: BOOT_ID, at: monotonic() });

const placeOf = (boot: string) => `flushed/${encodeURIComponent(boot)}`;

/** A disk that takes longer than this is not waited for: what isn't known to be flushed is made again if power is lost. */
const PATIENCE_MS = 8000;

export class Flushes {
  readonly #root: string;
  /** This machine's boot; another in tests. */
  readonly #boot: string;
  readonly #until = new Map<string, number>();

  constructor(root: string, boot = BOOT_ID) {
    this.#root = root;
    this.#boot = boot;
    mkdirSync(join(root, 'flushed'), { recursive: true });
  }

  /** Whether all of what was made then can be relied on. */
  isReliable({ boot, at }: Made): boolean {
    return boot === this.#boot || at <= this.#flushedUntil(boot);
  }

  #flushedUntil(boot: string): number {
    const known = this.#until.get(boot);
    if (known !== undefined) return known;
    const until = readSealed<{ until: number }>(this.#root, placeOf(boot))?.until ?? -1;
    this.#until.set(boot, until);
    return until;
  }

  /** Has everything written by now put on disk, and records that it is. */
  async flush(aside: string): Promise<void> {
    const until = monotonic();
    // syncfs(2), which Node cannot call; the program that does is part of every Linux.
    const sync = spawn('sync', ['--file-system', this.#root], { stdio: 'ignore', timeout: PATIENCE_MS });
    const [code] = (await once(sync, 'exit').catch(() => [undefined])) as [number | null | undefined];
    const place = placeOf(this.#boot);
    if (code === 0) await writeDurably(aside, join(this.#root, place), seal(place, { until }));
  }
}
