// What makes an image hands on: however it was made, its archive and an account of it.
import type { Directory } from '@dagger.io/dagger';
import type { StandIn, StepResult } from '../core/model.ts';
import type { ServiceManifest } from '../core/service.ts';

/** Name of the archive in the report. */
export const IMAGE_FILE = 'image.tar';

export type Making = { manifest: ServiceManifest; platforms: readonly string[] };

/** What was put together: a folder with the archive and `image.json`, or none and why. */
export type Made = {
  steps: StepResult[];
  folder: Directory | null;
  fault?: string;
  remark?: string;
  base: string;
  /** Images that take part by their substitutes alone, by the recipes that `image.json` names. */
  standIns: (recipes: readonly string[]) => StandIn[];
};
