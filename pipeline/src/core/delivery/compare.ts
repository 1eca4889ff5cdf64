// Holds an image against the one that another run built: a pull request's, say. Only its account is read; nothing of it ships.
import { PipelineError } from '../errors.ts';
import type { ImageResult } from '../model.ts';
import { parseRun } from '../run-record.ts';

/** The image of another run, from its result.json. Throws `BAD_RELEASE`. */
export function imageOf(text: string): ImageResult {
  const { image } = parseRun(text, 'what --compare names');
  if (image !== null) return image;
  throw new PipelineError(
    'BAD_RELEASE',
    'the run that --compare names built no image',
    'give the result.json of another run',
  );
}

/** What two images differ in, a sentence each; nothing where they are the same bytes. */
export function differences(ours: ImageResult, theirs: ImageResult): string[] {
  if (ours.digest === theirs.digest) return [];
  const platforms = new Set([...ours.platforms, ...theirs.platforms].map(({ platform }) => platform));
  const found = [
    differ('the base image', ours.base, theirs.base),
    differ('a substitute for the base image', String(ours.standIn), String(theirs.standIn)),
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
