// The scanners: each one's program, out of its image by digest, in our own container. Neither image has what confining takes.
import type { Container } from '@dagger.io/dagger';
import { scannerVersion } from '../core/gate/scanners.ts';
import type { ScannerFacts } from '../core/gate/verdict.ts';
import type { StandIn } from '../core/model.ts';
import { PINS, pinned } from '../pins.ts';
import { withConfine } from './confine.ts';
import type { RunContext } from './context.ts';
import { notToBeHad } from './engine.ts';

const PROGRAMS = { syft: '/syft', trivy: '/usr/local/bin/trivy' } as const;
export type ScannerName = keyof typeof PROGRAMS;

export type Scanner = {
  /** With the program in its path and the means to confine it; no variable of ours, no home, no settings. */
  container: Container;
  facts: ScannerFacts;
  standIns: StandIn[];
};

/** The scanner, or why it cannot be had here. */
export async function obtainScanner(context: RunContext, name: ScannerName): Promise<Scanner | { missing: string }> {
  try {
    await context.images.obtain(name);
  } catch (error) {
    const reason = notToBeHad(error);
    if (reason === undefined) throw error;
    return { missing: `${name} is not available here: ${reason}` };
  }
  const standIns = await context.images.standIns(name);
  const recipe = standIns[0]?.recipe ?? null;
  const container = withConfine(context.images.container('node'))
    .withMountedFile(`/usr/local/bin/${name}`, context.images.container(name).file(PROGRAMS[name]))
    // Neither the settings of the image's own user nor those in the folder that is scanned are read.
    .withEnvVariable('HOME', '/nonexistent')
    .withWorkdir('/');
  const version = scannerVersion(PINS[name].image, recipe);
  return { container, standIns, facts: { name, version, image: pinned(name), standIn: recipe } };
}
