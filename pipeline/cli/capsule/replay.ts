// Replays a capsule: its stages, from its content alone, without a network, and says whether they end as they did.
import { basename, resolve } from 'node:path';
import { COMMAND } from '../../src/command.ts';
import { compareEndings, type Ending, phraseEndings } from '../../src/core/capsule/compare.ts';
import type { CapsuleImage } from '../../src/core/capsule/manifest.ts';
import { phraseCapsule } from '../../src/core/capsule/phrases.ts';
import { EXIT, PipelineError } from '../../src/core/errors.ts';
import { asLines, safeJson } from '../../src/core/safe-text.ts';
import { archiveOf, PIN_NAMES } from '../../src/pins.ts';
import type { LeftStep } from '../../src/stages/context.ts';
import type { ReplayInvocation } from '../arguments.ts';
import { renderTty } from '../live.ts';
import { renderPlain } from '../render.ts';
import { offerTerminal, openShell } from '../shell.ts';
import { shownPath } from '../subject.ts';
import type { Terminal } from '../terminal.ts';
import { inFolder } from './folder.ts';
import { isWithoutNetwork, runWithoutNetwork } from './no-network.ts';
import { type OpenCapsule, openCapsule, openManifest } from './open.ts';
import { missingImages, stagesHeld, withReplayEngine } from './run.ts';

/** 0 where all stages end as recorded (with `--with`: where they pass), 1 where one does not. */
export async function replay(invocation: ReplayInvocation, terminal: Terminal): Promise<number> {
  const { file, options } = invocation;
  const manifest = await openManifest(file);
  if (options.shell) offerTerminal();
  if (!isWithoutNetwork()) return await runWithoutNetwork(file);
  const screen = options.json ? terminal.err : terminal.out;
  const say = (line: string) => void screen.write(asLines([line]));
  for (const line of phraseCapsule(basename(file), manifest)) say(line);
  return await inFolder(async (folder) => {
    const capsule = await openCapsule(file, folder);
    const lacking = missingImages(capsule, options.images);
    if (lacking.length > 0) throw thin(file, lacking);
    const endings = await replayStages(capsule, invocation, folder, terminal, screen);
    const isFix = options.with !== null;
    for (const line of phraseEndings(endings, { isFix })) say(line);
    if (options.json) terminal.out.control(safeJson({ endings }));
    const isRight = endings.every(({ outcome, now }) =>
      isFix || outcome === 'new' ? now === null : outcome === 'same',
    );
    return isRight ? EXIT.ok : EXIT.failed;
  });
}

async function replayStages(
  capsule: OpenCapsule,
  { options }: ReplayInvocation,
  folder: string,
  terminal: Terminal,
  screen: Terminal['out'],
): Promise<Ending[]> {
  const recorded = capsule.manifest.stages.map(({ name }) => name);
  const stages = options.all ? await stagesHeld(capsule, options.images) : recorded;
  const isLive = options.progress === 'tty' || (options.progress === 'auto' && screen.isTerminal);
  const output = resolve(options.output);
  const shown = shownPath(output);
  const renderer = (isLive ? renderTty : renderPlain)({
    screen,
    isVerbose: options.verbose,
    output: shown,
    asked: stages,
  });
  try {
    return await withReplayEngine({ folder, terminal, options, listener: renderer.listener }, async (run) => {
      const source = options.with === null ? capsule.source : resolve(options.with);
      const steps: LeftStep[] = [];
      const left = (step: LeftStep) => void steps.push(step);
      const request = { stages, source, isOther: options.with !== null, images: options.images, left };
      const { report, result } = await run(capsule, request);
      await report.export(output);
      if (options.shell) {
        renderer.close(); // the terminal is the shell's
        await openShell(steps, terminal);
      }
      return compareEndings(capsule.manifest.stages, result, stages);
    });
  } finally {
    renderer.close();
  }
}

function thin(file: string, images: readonly CapsuleImage[]): PipelineError {
  const names = images.map(({ name }) => name);
  const pins = names.filter((name) => PIN_NAMES.some((pin) => pin === name));
  // Those that its repository names are no pins of ours.
  const others = images.filter(({ name }) => !pins.includes(name));
  const ways = [
    ...(pins.length === 0 ? [] : [`${COMMAND} images ${pins.join(' ')} --output images`]),
    ...others.map(({ name, pin }) => `skopeo copy docker://${pin} oci-archive:images/${archiveOf(name)}`),
  ];
  return new PipelineError(
    'MISSING_IMAGE',
    `${basename(file)} does not hold the images ${names.join(', ')}`,
    `give them: ${ways.join(' && ')}, then replay with --images images`,
  );
}
