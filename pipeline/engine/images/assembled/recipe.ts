// What a recipe is: the image it stands in for, the packages it is made from, and how.
import type { RunConfig } from '../../../src/oci/types.ts';
import type { Lock } from './lock-file.ts';
import type { Step } from './steps.ts';

export type LayerRecipe = { title: string; steps: Step[] };

export type Recipe = {
  /** The image this stands in for, as it is pinned. */
  reference: string;
  digest: string;
  lock: Lock;
  /** The program and its version, where that is not the one of the image this stands in for; by architecture where they differ. */
  holds?: string | Readonly<Record<string, string>>;
  /** Each stands alone, so that images share what they have in common. */
  layers: LayerRecipe[];
  config: RunConfig;
};

/** For an image that programs name by a tag, which moves: whatever of that name and age. */
export type TagRecipe = Omit<Recipe, 'digest'> & {
  /** As people write them, without registry: `node:24`, `debian`. */
  tags: readonly string[];
};

export const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
