// Fetches all that the stages of `ci`, and smoke, need, once, so that they run without a network from then on.
import { resolve } from 'node:path';
import { CAPTURED } from '../src/core/capsule/needs.ts';
import { EXIT } from '../src/core/errors.ts';
import type { Listener } from '../src/core/events.ts';
import { phraseStep } from '../src/core/phrases.ts';
import { asLines } from '../src/core/safe-text.ts';
import type { WarmInvocation } from './arguments.ts';
import { readSecrets } from './delivery.ts';
import { checkInputs } from './inputs.ts';
import { withEngine } from './session.ts';
import { optionsOn } from './stages.ts';
import { checkRepository } from './subject.ts';
import type { Terminal } from './terminal.ts';

/** 0 if all of it is here now, 3 if something could not be had; each is named. */
export async function warm({ run: invocation }: WarmInvocation, root: string, terminal: Terminal): Promise<number> {
  checkRepository(root);
  const { options } = invocation;
  const inputs = checkInputs(options);
  const say = (text: string) => void terminal.err.write(asLines([text]));
  const session = {
    ...{ ...options, root, interrupted: terminal.interrupted, say },
    onEngine: () => {},
  };
  return await withEngine(session, async (engine) => {
    const [{ dag }, { fetchAll }, { listen }] = await Promise.all([
      import('@dagger.io/dagger'),
      import('../src/stages/fetch.ts'),
      import('../src/stages/progress.ts'),
    ]);
    const stop = listen(shown(terminal, options.verbose));
    try {
      const places = {
        root,
        output: resolve(options.output),
        inputs,
        secrets: readSecrets(options.delivery),
        runtime: undefined,
      };
      const fetched = await fetchAll(CAPTURED, optionsOn(dag, engine, invocation, places), ({ name, missing }) => {
        terminal.out.write(missing === null ? `ok       ${name}\n` : `MISSING  ${name}: ${missing.split('\n')[0]}\n`);
      });
      return fetched.some(({ missing }) => missing !== null) ? EXIT.environment : EXIT.ok;
    } finally {
      stop();
    }
  });
}

function shown(terminal: Terminal, isVerbose: boolean): Listener {
  return (event) => {
    if (isVerbose && event.kind === 'step-finished') terminal.err.write(`done  ${phraseStep(event.step)}\n`);
  };
}
