// What a deployment is made of, and what makes it: services of the engine's session, unless a door brings another way.
import type { Container, Directory, File } from '@dagger.io/dagger';
import type { Backing } from '../core/backing.ts';
import type { ComposeService } from '../core/compose/model.ts';
import type { PinName } from '../pins.ts';
import type { Backed } from './backing.ts';
import type { RunContext } from './context.ts';
import type { Deployed, Platform } from './deployment.ts';

export type Deployment = {
  services: readonly ComposeService[];
  /** The repository, with the files of the drill. */
  source: Directory;
  /** Containers of the images by service; a service without one is missing. */
  images: ReadonlyMap<string, Container>;
  missing: ReadonlyMap<string, string>;
  /** The service whose image was built here, and the exact bytes that ship. */
  app: string;
  archive: File;
  /** The pins of the others. */
  pins: ReadonlyMap<string, PinName>;
  deployed: Deployed;
  /** The address that answers 200 where the service is well: asked where neither file nor image has a check. */
  health: string;
  /** What the service needs beside those, and hears of them by. */
  backing: Backing;
  backed: Backed;
  /** The release before, to go back to. */
  before: { image: Container; deployed: Deployed } | null;
};

export type Runtime = {
  name: 'session' | 'compose';
  platform: (context: RunContext, deployment: Deployment) => Platform;
};
