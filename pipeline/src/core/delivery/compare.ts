// Holds an image against the one that another run built: a pull request's, say. Only its account is read; nothing of it ships.
import { PipelineError, reasonOf } from '../errors.ts';
import type { ImageResult, RunResult } from '../model.ts';

/** The image of another run, from its result.json. Throws `BAD_RELEASE`. */
export function imageOf(text: string): ImageResult {
  let run: Partial<RunResult> | null;
  try {
    run = JSON.parse(text) as Partial<RunResult> | null;
  } catch (cause) {
    throw bad(reasonOf(cause), cause);
  }
  if (typeof run?.image?.digest !== 'string' || !Array.isArray(run.image.platforms)) throw bad('it tells of no image');
  return run.image;
}

function bad(why: string, cause?: unknown): PipelineError {
  return new PipelineError(
    'BAD_RELEASE',
    `what --compare names is not the result of a run that built an image: ${why}`,
    'give the result.json of the other run',
    { cause },
  );
}

/** What two images differ in, a sentence each; nothing where they are the same bytes. */
export function differences(ours: ImageResult, theirs: ImageResult): string[] {
  if (ours.digest === theirs.digest) return [];
  const platforms = new Set([...ours.platforms, ...theirs.platforms].map(({ platform }) => platform));
  const found = [
    differ('the base image', ours.base, theirs.base),
    differ('a stand-in for the base image', String(ours.standIn), String(theirs.standIn)),
    differ('the assembler', ours.assembler, theirs.assembler),
    ...[...platforms].map((platform) => {
      const [a, b] = [ours, theirs].map((image) => image.platforms.find((one) => one.platform === platform));
      return differ(`the layer of the service for ${platform}`, a?.appLayer.digest, b?.appLayer.digest);
    }),
  ].filter((line) => line !== null);
  return found.length > 0 ? found : [`configuration only: ${ours.digest} here, ${theirs.digest} there`];
}

function differ(what: string, ours: string | undefined, theirs: string | undefined): string | null {
  return ours === theirs ? null : `${what}: ${ours ?? 'none'} here, ${theirs ?? 'none'} there`;
}
