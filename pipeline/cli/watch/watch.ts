// Runs a function again whenever a file is saved. What is outdated is not waited for, and what ran again is told with its reason.
import { PipelineError } from '../../src/core/errors.ts';
import type { RunResult } from '../../src/core/model.ts';
import { asLines } from '../../src/core/safe-text.ts';
import type { WatchInvocation } from '../arguments.ts';
import { runStages } from '../stages.ts';
import { checkRepository, repositoryAt } from '../subject.ts';
import type { Terminal } from '../terminal.ts';
import { Changes } from './changes.ts';
import { phraseChanges, reasonsToRun } from './reasons.ts';

/** Ends when somebody presses Ctrl-C, or when a run cannot even be asked for. */
export async function watchSource({ run }: WatchInvocation, root: string, terminal: Terminal): Promise<number> {
  checkRepository(root);
  const changes = await Changes.since(root);
  const say = (line: string) => void terminal.out.write(asLines([line]));
  try {
    let changed: string[] = [];
    let before: RunResult | null = null;
    for (;;) {
      const next = changes.next();
      const last = await runUntil(next, run, root, terminal);
      if (last !== null) {
        for (const reason of reasonsToRun(last.stages, before?.stages ?? [], changed, await repositoryAt(root)))
          say(reason);
        before = last;
        say('waiting for a change; Ctrl-C ends');
      }
      changed = await Promise.race([next, terminal.interrupted]);
      terminal.out.write('\n');
      say(phraseChanges(changed));
    }
  } finally {
    changes.close();
  }
}

/** The result; null where a file changed before it was there. */
async function runUntil(
  next: Promise<string[]>,
  run: WatchInvocation['run'],
  root: string,
  terminal: Terminal,
): Promise<RunResult | null> {
  let isOutdated = false;
  const outdated = next.then((files) => {
    isOutdated = true;
    throw new PipelineError('INTERRUPTED', `outdated: ${phraseChanges(files)}`, 'restarting');
  });
  const interrupted = Promise.race([terminal.interrupted, outdated]);
  interrupted.catch(() => {}); // told where it is awaited
  let result: RunResult | null = null;
  await runStages(run, root, { ...terminal, interrupted }, (finished) => {
    result = finished;
  });
  // Whoever asked for the end is told once, by who waits for it.
  return isOutdated ? null : result;
}
