// Decides what may take a pin's place: the newest that is a week old. What is younger has not been looked at by enough people,
// and most packages that were taken over were found within days.
import { successorsOf } from './version.ts';

export const COOL_DOWN_DAYS = 7;
const DAY_MS = 86_400_000;

/** What a version stands for: a digest or a commit, and when somebody other than its author saw it first. */
export type Release = { identity: string; published: Date | null };

export type Pin = { version: string; identity: string };
type Update = { version: string; identity: string; ageDays: number };

export type Decision = {
  /** Takes the pin's place. The same version again is a rebuilt image. */
  due: Update | null;
  /** Newer still, but too young until this day. */
  waiting: { version: string; until: string } | null;
  /** Newer, but nobody says since when it is there. */
  undated: string | null;
  /** Of a later major: for a person to decide. */
  major: string | null;
  /** The pinned version stands for something else now, which must not happen where versions are never rebuilt. */
  moved: string | null;
};

export type Question = {
  pin: Pin;
  /** All that there are. */
  versions: readonly string[];
  look: (version: string) => Promise<Release>;
  /** Whether one version is built again and again, as tags of images are. */
  isRebuilt: boolean;
  now: Date;
};

/** Asks for no more releases than it takes. */
export async function decide({ pin, versions, look, isRebuilt, now }: Question): Promise<Decision> {
  const { within, major } = successorsOf(pin.version, versions);
  const decision: Decision = { due: null, waiting: null, undated: null, major, moved: null };
  for (const version of [...within, pin.version]) {
    const { identity, published } = await look(version);
    if (identity === pin.identity) break;
    if (version === pin.version && !isRebuilt) {
      decision.moved = identity;
      break;
    }
    if (published === null) {
      decision.undated ??= version;
      continue;
    }
    const ageDays = Math.floor((now.getTime() - published.getTime()) / DAY_MS);
    if (ageDays >= COOL_DOWN_DAYS) {
      decision.due = { version, identity, ageDays };
      break;
    }
    decision.waiting ??= { version, until: dayAfter(published) };
  }
  return decision;
}

function dayAfter(published: Date): string {
  return new Date(published.getTime() + COOL_DOWN_DAYS * DAY_MS).toISOString().slice(0, 10);
}
