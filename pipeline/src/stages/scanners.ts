// The scanners: each one's program, out of its image by digest, in our own container. Neither image has what confining takes.
import type { Container } from '@dagger.io/dagger';
import { versionIn } from '../core/gate/scanners.ts';
import type { ScannerFacts } from '../core/gate/verdict.ts';
import type { StageName, StandIn, StepResult } from '../core/model.ts';
import { pinned } from '../pins.ts';
import { withConfine } from './confine.ts';
import type { RunContext } from './context.ts';
import { notToBeHad } from './engine.ts';
import { runStep } from './step.ts';

const PROGRAMS = { syft: '/syft', trivy: '/usr/local/bin/trivy' } as const;
export type ScannerName = keyof typeof PROGRAMS;

export type Scanner = {
  /** With the program in its path, and the means to confine it; no network setting, no variable of ours. */
  container: Container;
  facts: ScannerFacts;
  standIn: StandIn | null;
};

/** The scanner and the step that asked for its version; or why it cannot be had here. */
export type Obtained = { scanner: Scanner; step: StepResult } | { step: StepResult | null; missing: string | null };

export async function obtainScanner(context: RunContext, stage: StageName, name: ScannerName): Promise<Obtained> {
  try {
    await context.images.obtain(name);
  } catch (error) {
    const reason = notToBeHad(error);
    if (reason === undefined) throw error;
    return { step: null, missing: `${name} cannot be had here: ${reason}` };
  }
  const program = `/usr/local/bin/${name}`;
  const container = withConfine(context.images.container('node'))
    .withMountedFile(program, context.images.container(name).file(PROGRAMS[name]))
    // Neither the settings of the image's own user nor the folder that is scanned: nothing there is read.
    .withEnvVariable('HOME', '/nonexistent')
    .withWorkdir('/');
  const ran = await runStep(context, {
    stage,
    step: `${name}-version`,
    container,
    args: [name, 'version'],
    confinedTo: [program],
  });
  const version = versionIn(ran.log);
  if (ran.result.exitCode !== 0 || version === null) return { step: ran.result, missing: null };
  const standIn = await context.images.standIn(name);
  const facts: ScannerFacts = { name, version, image: pinned(name), standIn: standIn?.recipe ?? null };
  return { scanner: { container, facts, standIn }, step: ran.result };
}
