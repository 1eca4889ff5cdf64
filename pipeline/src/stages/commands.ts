// A service's image as its own commands make it: what they leave in its folder, on the image that they ran in.
import { dag } from '@dagger.io/dagger';
import { ownSpec, SERVICE } from '../core/service.ts';
import { shipped } from '../core/shipped.ts';
import { APP, assemble, imageIn, placesOf } from './assemble.ts';
import type { PackageContext } from './context.ts';
import type { Made, Making } from './made.ts';
import { commandIn, ownImage } from './own-image.ts';
import { runStep } from './step.ts';

export async function makeByCommands(
  context: PackageContext,
  image: string,
  { manifest, platforms }: Making,
): Promise<Made> {
  const { service } = context.subject;
  const about = {
    base: image,
    standIns: (recipes: readonly string[]) =>
      recipes.map((recipe) => ({ image: image.replace(/@.*/, ''), pin: image, recipe })),
  };
  const own = await ownImage(context, 'build', { image });
  const asked = service.build === null ? null : commandIn(own, service, { step: 'compile', command: service.build });
  const compiled = asked === null ? null : await runStep(context, { stage: 'build', step: 'compile', ...asked });
  const before = compiled === null ? [] : [compiled.result];
  if (compiled !== null && compiled.result.exitCode !== 0) return { ...about, steps: before, folder: null };
  const left = (compiled?.container ?? own.container)?.directory(SERVICE.target) ?? dag.directory();
  const app = dag
    .directory()
    .withDirectory('/', context.source.filter({ include: ['LICENSE'] }))
    .withDirectory('/', left.filter(shipped(service)));
  const bases = await Promise.all(
    platforms.map(
      async (platform) => [platform, (await context.images.named(image, platform)).container.asTarball()] as const,
    ),
  );
  const archives = placesOf(bases);
  const { port, health, start } = service;
  const spec = ownSpec({
    ...{ manifest, image, app: APP, platforms: [...platforms], port, health, start: start ?? [] },
    ...{ archives: archives.map(({ path }) => path), mirrors: [...context.images.mirrors] },
  });
  const assembled = await assemble(context, { app, spec, archives });
  return { ...about, steps: [...before, assembled.result], folder: imageIn(assembled) };
}
