// Opens a shell in a step's container as the step left it. On the embedded engine only: it is on this machine, as the terminal is.
import { readlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Container } from '@dagger.io/dagger';
import { EXIT, PipelineError } from '../src/core/errors.ts';
import { phraseExit } from '../src/core/verdict.ts';
import type { LeftStep } from '../src/stages/context.ts';
import { stepFolder } from '../src/stages/step.ts';
import type { ShellInvocation } from './arguments.ts';
import { readSecrets } from './delivery.ts';
import { checkInputs } from './inputs.ts';
import { renderPlain } from './render.ts';
import { stagesRequestOf } from './request.ts';
import { withEngine } from './session.ts';
import { checkRepository } from './subject.ts';
import type { Terminal } from './terminal.ts';

/** Run the stage, from the cache where it ran before, and look into its first step that failed, or else into its last. */
export async function shell({ stage }: ShellInvocation, root: string, terminal: Terminal): Promise<number> {
  checkRepository(root);
  offerTerminal();
  const { options } = stage;
  const inputs = checkInputs(options);
  const secrets = readSecrets(options.delivery);
  const renderer = renderPlain({ screen: terminal.out, isVerbose: options.verbose, output: options.output });
  const session = {
    ...{ ...options, engine: 'embedded' as const, root, interrupted: terminal.interrupted },
    say: (text: string) => renderer.listener({ kind: 'note', text }),
    onEngine: () => {},
  };
  return await withEngine(session, async (engine) => {
    const [{ dag }, { run }, { listen }] = await Promise.all([
      import('@dagger.io/dagger'),
      import('../src/stages/run.ts'),
      import('../src/stages/progress.ts'),
    ]);
    const stop = listen(renderer.listener);
    try {
      const steps: LeftStep[] = [];
      const request = stagesRequestOf(dag, engine, stage, { root, output: resolve(options.output), inputs, secrets });
      const { result } = await run({ ...request, capsule: null, left: (step) => void steps.push(step) });
      if (result.error !== null) throw new PipelineError(result.error.code, result.error.message, result.error.hint);
      renderer.close(); // the terminal is the shell's
      await openShell(steps, terminal);
      return EXIT.ok;
    } finally {
      stop();
      renderer.close();
    }
  });
}

/** Throws `BAD_OPTION` where there is no terminal to speak with. Before the engine starts: it is told then. */
export function offerTerminal(): void {
  const place = process.stdin.isTTY ? readlinkSync('/proc/self/fd/0') : '';
  if (!place.startsWith('/dev/'))
    throw new PipelineError(
      'BAD_OPTION',
      'a shell needs a terminal, and there is none here',
      'run it from a terminal, without a pipe',
    );
  process.env.DRYDOCK_TERMINAL = place;
}

export async function openShell(steps: readonly LeftStep[], terminal: Terminal): Promise<void> {
  const left = steps.find(({ step }) => step.exitCode !== 0) ?? steps.at(-1);
  if (left === undefined)
    throw new PipelineError(
      'BAD_OPTION',
      'the stage has no step whose container could be looked into',
      'name a stage that runs commands, such as test',
    );
  const { stage, step, container } = left;
  terminal.out.write(
    `${[
      `this is ${stage}, ${step.name}, as it was left: ${phraseExit(step.exitCode)}`,
      `it ran: ${step.command}`,
      `its log is ${stepFolder(step.name)}/log; what you change is gone when you leave (Ctrl-D)`,
    ].join('\n')}\n`,
  );
  await container.terminal({ cmd: [await shellOf(container)] }).sync();
}

async function shellOf(container: Container): Promise<string> {
  return (await container.exists('/bin/bash')) ? 'bash' : 'sh';
}
