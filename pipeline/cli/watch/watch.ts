// Runs a function again whenever a file is saved or a key is pressed. What is outdated is not waited for, and what ran again is shown with its reason.
import { EXIT, PipelineError } from '../../src/core/errors.ts';
import type { RunResult } from '../../src/core/model.ts';
import { asLines } from '../../src/core/safe-text.ts';
import type { StageInvocation, WatchInvocation } from '../arguments.ts';
import { painter } from '../render.ts';
import { runStages } from '../stages.ts';
import { checkRepository, repositoryAt } from '../subject.ts';
import { interruption, type Terminal } from '../terminal.ts';
import { Changes } from './changes.ts';
import { KEYS_HELP, type Key, Keys } from './keys.ts';
import { phraseChanges, reasonsToRun } from './reasons.ts';
import { failedOnly } from './scope.ts';

/** Why it is to run again, or to end. */
type Wish = { files: string[] } | { key: Key };

const PHRASES: Readonly<Record<Key, string>> = {
  again: 'run again',
  failed: 'failed only',
  all: 'run all',
  quit: 'quit',
};
const phraseWish = (wish: Wish) => ('files' in wish ? phraseChanges(wish.files) : PHRASES[wish.key]);

/** Ends with q or Ctrl-C, or when a run cannot even be asked for. */
export async function watchSource({ run }: WatchInvocation, root: string, terminal: Terminal): Promise<number> {
  checkRepository(root);
  const changes = await Changes.since(root);
  const keys = process.stdin.isTTY && terminal.out.isTerminal ? new Keys(process.stdin) : null;
  const say = (line: string) => void terminal.out.write(asLines([line]));
  try {
    let scope: StageInvocation | null = run;
    let asked = run;
    let changed: string[] = [];
    let before: RunResult | null = null;
    const wishes = new Wishes(changes, keys);
    for (;;) {
      const next = wishes.next();
      const last: RunResult | null = scope === null ? null : await runUntil(next, scope, root, terminal);
      if (scope === null) say('nothing failed');
      else asked = scope;
      if (last !== null) {
        for (const reason of reasonsToRun(last.stages, before?.stages ?? [], changed, await repositoryAt(root)))
          say(reason);
        before = last;
      }
      if (last !== null || scope === null) say(keys === null ? WAITING : `${WAITING} · ${KEYS_HELP}`);
      const wish: Wish = await Promise.race([next, terminal.interrupted]);
      changed = 'files' in wish ? wish.files : [];
      if ('files' in wish || wish.key === 'all') scope = run;
      else if (wish.key === 'again') scope = asked;
      else if (wish.key === 'failed') scope = failedOnly(run, before);
      else return EXIT.ok;
      say(rule(phraseWish(wish), terminal));
    }
  } finally {
    keys?.close();
    changes.close();
  }
}

const WAITING = 'waiting for a change; Ctrl-C ends';

/** What is wished while a wish is carried out is the next one. */
class Wishes {
  readonly #sources: readonly (() => Promise<Wish>)[];
  /** Asked and not answered yet, by the place of their source. */
  readonly #asked = new Map<number, Promise<Wish>>();

  constructor(changes: Changes, keys: Keys | null) {
    const files = async () => ({ files: await changes.next() });
    this.#sources = keys === null ? [files] : [async () => ({ key: await keys.next() }), files];
  }

  async next(): Promise<Wish> {
    const asking = this.#sources.map((source, place) => {
      const asked = this.#asked.get(place) ?? source();
      this.#asked.set(place, asked);
      return asked.then((wish) => ({ wish, place }));
    });
    const { wish, place } = await Promise.race(asking);
    this.#asked.delete(place);
    return wish;
  }
}

/** Between two runs: when the next one began, and why. */
function rule(why: string, { out }: Terminal): string {
  const text = `── ${new Date().toTimeString().slice(0, 8)} · ${why} `;
  return painter(out.hasColour)('dim', text.padEnd(out.columns() - 1, '─'));
}

/** The result; null where a file changed or a key was pressed before it was there. */
async function runUntil(
  next: Promise<Wish>,
  run: StageInvocation,
  root: string,
  terminal: Terminal,
): Promise<RunResult | null> {
  let isOutdated = false;
  const outdated = next.then((wish) => {
    isOutdated = true;
    if ('key' in wish && wish.key === 'quit') throw interruption();
    throw new PipelineError('INTERRUPTED', `outdated: ${phraseWish(wish)}`, 'restarting');
  });
  const interrupted = Promise.race([terminal.interrupted, outdated]);
  interrupted.catch(() => {}); // told where it is awaited
  let result: RunResult | null = null;
  await runStages(
    run,
    root,
    { ...terminal, interrupted },
    { isWatched: true, onFinished: (finished) => (result = finished) },
  );
  // Whoever asked for the end is told once, by who waits for it.
  return isOutdated ? null : result;
}
