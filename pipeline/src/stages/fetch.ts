// Fetches what stages need from elsewhere: images, packages, the vulnerability database. Nothing is checked or built with it.
import { type Container, dag, type Platform } from '@dagger.io/dagger';
import { backingImages, needsOf } from '../core/capsule/needs.ts';
import type { StageName } from '../core/model.ts';
import { packageSets } from '../core/package-sets.ts';
import { subjectsIn } from '../core/subject.ts';
import { PINS, type PinName } from '../pins.ts';
import type { RunContext } from './context.ts';
import { obtainDatabase } from './database.ts';
import { dockerfileImages } from './dockerfile.ts';
import { notToBeHad } from './engine.ts';
import { Images } from './images.ts';
import { install, nodeContainer } from './install.ts';
import { checkImages } from './own-image.ts';
import { readDeciding } from './policy.ts';
import { emit } from './progress.ts';
import type { StagesRequest } from './request.ts';
import { oneAtATime } from './settled.ts';
import { hasPlatform } from './smoke.ts';
import { repositoryIn, sourceOf } from './source.ts';

/** A thing by name; why it is not here, or null. */
export type Fetched = { name: string; missing: string | null };

export async function fetchAll(
  stages: readonly StageName[],
  request: StagesRequest,
  onFetched: (fetched: Fetched) => void,
): Promise<Fetched[]> {
  const source = await sourceOf(request);
  const subjects = subjectsIn(await repositoryIn(source), request.services);
  const context: RunContext = {
    source,
    programs: request.programs,
    secrets: request.secrets ?? new Map(),
    loopback: request.loopback ?? null,
    images: new Images({ archives: request.images, mirrors: request.mirrors }),
    startedMs: Date.now(),
    emit,
    engine: null,
    inTurn: oneAtATime(),
    logs: new Map(),
  };
  const fetched: Fetched[] = [];
  const keep = async (name: string, work: () => Promise<string | null>) => {
    const found = { name, missing: await work().catch(reason) };
    fetched.push(found);
    onFetched(found);
  };
  const { images } = needsOf(stages, await hasPlatform(source));
  await keep(`image node: ${PINS.node.image}`, async () => await obtain(context, 'node', request));
  await Promise.all([
    ...images
      .filter((name) => name !== 'node')
      .map(
        async (name) =>
          await keep(`image ${name}: ${PINS[name].image}`, async () => await obtain(context, name, request)),
      ),
    ...subjects.flatMap((subject) =>
      packageSets(subject).map(async (set) => {
        const name = set.isProduction && subjects.length > 1 ? `${set.name} of ${subject.service.name}` : set.name;
        await keep(`packages: ${name}`, async () => {
          const { result } = await install(context, nodeContainer(context), set);
          return result.exitCode === 0 ? null : (result.firstErrors[0] ?? `${set.manager.name} failed`);
        });
      }),
    ),
    ...subjects.flatMap((subject) =>
      backingImages(stages, subject).map(
        async (image) =>
          await keep(`image ${image.replace(/@.*/, '')} that ${subject.service.name} needs`, async () => {
            await context.images.named(image);
            return null;
          }),
      ),
    ),
    ...subjects.map(async (subject) => {
      const keepImage = (image: string, imageFor: (platform: string) => Promise<Container>) =>
        keep(`image ${image.replace(/@.*/, '')} of ${subject.service.name}`, async () => {
          for (const platform of request.platforms) await (await imageFor(platform)).asTarball().size();
          return null;
        });
      for (const image of checkImages(subject.service))
        await keepImage(image, async (platform) => (await context.images.named(image, platform)).container);
      for (const image of await dockerfileImages({ ...context, subject }))
        await keepImage(image, async (platform) => dag.container({ platform: platform as Platform }).from(image));
    }),
    keep('vulnerability database', async () => {
      const { parsed } = await readDeciding(context.source, request.repo, '');
      const { database, missing } = await obtainDatabase(context, request.scanning.database, parsed.database);
      return database === null ? (missing ?? 'it cannot be used') : null;
    }),
  ]);
  return fetched;
}

/** The runtime is the base of what is built, for each platform; the others are run here. */
async function obtain({ images }: RunContext, name: PinName, { platforms }: StagesRequest): Promise<null> {
  if (name !== 'runtime') await images.obtain(name);
  else for (const platform of platforms) await images.archive(name, platform).size();
  return null;
}

function reason(error: unknown): string {
  const known = notToBeHad(error);
  if (known === undefined) throw error;
  return known;
}
