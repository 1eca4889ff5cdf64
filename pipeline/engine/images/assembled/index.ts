// What the engine calls: whether an image can be assembled, and assembling it.
import { parseReference, type Reference } from '../../../src/oci/registry.ts';
import { type AssembleOptions, assembleStandIn, type StandIn } from './assemble.ts';
import { AssembleError } from './errors.ts';
import type { Recipe, TagRecipe } from './recipe.ts';
import { RECIPES } from './recipes.ts';

export type { AssembleOptions, StandIn } from './assemble.ts';

/** Whether there is a recipe for the image of this digest, the one it is pinned by. */
export function hasRecipe(digest: string): boolean {
  return RECIPES.some((recipe) => recipe.digest === digest);
}

/** The recipe for an image as it is pinned, or where it is named by a tag alone, for one of that name. */
export async function recipeOf(reference: Reference): Promise<Recipe | TagRecipe | undefined> {
  if (reference.digest !== undefined) return RECIPES.find(({ digest }) => digest === reference.digest);
  const name = nameOf(reference);
  return (await tagRecipes()).find(({ tags }) => tags.some((tag) => nameOf(parseReference(tag)) === name));
}

const nameOf = ({ registry, repository, tag = 'latest' }: Reference) => `${registry}/${repository}:${tag}`;

/** What there are substitutes for, of those that are named by a tag. */
export async function taggedNames(): Promise<string[]> {
  return (await tagRecipes()).map(({ reference }) => reference).sort();
}

/** Loaded where they are wanted: the locks are large, and most runs have no use for them. */
const tagRecipes = async () => (await import('./recipes-tags.ts')).TAG_RECIPES;

type Made = Pick<Recipe, 'lock'>;

/** Whether an image that was assembled is the one that would be assembled now, by whatever makes it: packages, recipe and program. */
export function isCurrent({ lock }: Made, platform: string, manifestDigest: string): boolean {
  return lock.images?.[platform] === manifestDigest;
}

/** Write the substitute of a recipe as an OCI layout. All machines have the same one: that of the lock. */
export async function assembleImage(
  recipe: Omit<Recipe, 'digest'>,
  platform: string,
  options: AssembleOptions,
): Promise<StandIn> {
  const made = await assembleStandIn(recipe, platform, options);
  if (isCurrent(recipe, platform, made.manifestDigest)) return made;
  throw new AssembleError(
    'PIN_MISMATCH',
    `the substitute for ${recipe.reference} is ${made.manifestDigest}, which is not what its lock says`,
    'after a change of recipe or program: npx tsx pipeline/engine/images/assembled/lock.ts --images',
  );
}
