// What the engine calls: whether an image can be assembled, and assembling it.
import { type AssembleOptions, assembleStandIn, lockDigest, STAND_IN_LOCK_LABEL, type StandIn } from './assemble.ts';
import { AssembleError } from './errors.ts';
import { RECIPES } from './recipes.ts';

export { type AssembleOptions, assembleStandIn, STAND_IN_LOCK_LABEL, type StandIn } from './assemble.ts';
export { AssembleError } from './errors.ts';
export type { Recipe } from './recipe.ts';
export { findRecipe, RECIPES } from './recipes.ts';

/** Whether there is a recipe for the image of this digest, the one it is pinned by. */
export function hasRecipe(digest: string): boolean {
  return RECIPES.some((recipe) => recipe.digest === digest);
}

/** Whether a stand-in is what its recipe would make today: a recipe's lock is renewed now and then. */
export function isCurrent(digest: string, labels: Readonly<Record<string, string>>): boolean {
  const recipe = RECIPES.find((one) => one.digest === digest);
  return recipe !== undefined && labels[STAND_IN_LOCK_LABEL] === lockDigest(recipe);
}

/** Write the stand-in for the image of this digest, as an OCI layout. */
export async function assembleImage(digest: string, platform: string, options: AssembleOptions): Promise<StandIn> {
  const recipe = RECIPES.find((one) => one.digest === digest);
  if (recipe !== undefined) return await assembleStandIn(recipe, platform, options);
  throw new AssembleError(
    'NO_RECIPE',
    `there is no recipe for ${digest}`,
    'recipes are in engine/images/assembled/recipes.ts',
  );
}
