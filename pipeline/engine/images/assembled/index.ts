// What the engine calls: whether an image can be assembled, and assembling it.
import { type AssembleOptions, assembleStandIn, type StandIn } from './assemble.ts';
import { AssembleError } from './errors.ts';
import { RECIPES } from './recipes.ts';

export type { AssembleOptions, StandIn } from './assemble.ts';

/** Whether there is a recipe for the image of this digest, the one it is pinned by. */
export function hasRecipe(digest: string): boolean {
  return RECIPES.some((recipe) => recipe.digest === digest);
}

/** Whether an image that was assembled for a pin is the one that would be assembled now, by whatever makes it: packages, recipe and program. */
export function isCurrent(pin: string, platform: string, manifestDigest: string): boolean {
  return RECIPES.find(({ digest }) => digest === pin)?.lock.images?.[platform] === manifestDigest;
}

/** Write the substitute for the image of this digest, as an OCI layout. Under one pin all machines have the same one: that of the lock. */
export async function assembleImage(digest: string, platform: string, options: AssembleOptions): Promise<StandIn> {
  const recipe = RECIPES.find((one) => one.digest === digest);
  if (recipe === undefined)
    throw new AssembleError(
      'NO_RECIPE',
      `there is no recipe for ${digest}`,
      'recipes are in engine/images/assembled/recipes.ts',
    );
  const made = await assembleStandIn(recipe, platform, options);
  if (isCurrent(digest, platform, made.manifestDigest)) return made;
  throw new AssembleError(
    'PIN_MISMATCH',
    `the substitute for ${recipe.reference} is ${made.manifestDigest}, which is not what its lock says`,
    'after a change of recipe or program: npx tsx pipeline/engine/images/assembled/lock.ts --images',
  );
}
