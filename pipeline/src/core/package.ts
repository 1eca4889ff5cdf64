// An npm package of the repository, and where its folder lies.
import type { Backing } from './backing.ts';
import { SOURCE } from './ignore.ts';
import type { Project } from './project.ts';

/** An npm package of the repository, by its folder; '' is the root. Each command is a shell's, run in that folder as npm runs a script; null where there is none. `env` and `needs` are what its tests, and the smoke of a service, find. */
export type Package = Backing & {
  name: string;
  path: string;
  lint: string | null;
  types: string | null;
  test: string | null;
  /** What of its folder its commands do not read, as patterns: an edit there does not run them again. */
  ignore: string[];
  /** Names of variables that installs have, and nothing else: what .npmrc says of registries. */
  secrets: string[];
  /** Names of packages whose install scripts run; with a ! before it, of one whose do not, which is then nothing to be told of. */
  scripts: string[];
  /** Null where nothing is installed for it. */
  project: Project | null;
};

/** How a Dockerfile makes an image: which of the folder, to which of its stages (the last, if none is named), with which arguments. */
export type DockerBuild = { file: string; target: string; args: Readonly<Record<string, string>> };

/** Where the commands of a service run that is no npm package: in an image, by its digest, or in a stage of its Dockerfile. */
export type Checks = { image: string } | { target: string };

/** A package whose build becomes an image. `port` is what it listens to, as its PORT tells it; `health` the path that answers 200 where it is well. */
export type ServicePackage = Package & {
  /** Null where nothing has to be built. */
  build: string | null;
  /** What of its folder ships, as paths below it; null for what is usual: dist/ of one that is built, else all that its program may read. */
  include: string[] | null;
  /** What makes its image instead of drydock's own assembler. */
  docker: DockerBuild | null;
  /** Null of an npm package, and where there is nothing to run. What is no npm package and has no Dockerfile ships on this image as well. */
  checks: Checks | null;
  /** What Node is given; of other kinds, the program and its arguments. Null for what its scripts and main say, or the image. */
  start: string[] | null;
  port: number;
  health: string;
};

/** What a folder is called in names of steps and logs. */
export const nameOf = (path: string) =>
  path
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '') || ROOT;

const ROOT = 'root';

/** Where a folder of the repository stands in the containers of steps. */
export const placeOf = (path: string): string => (path === '' ? SOURCE : `${SOURCE}/${path}`);

/** A file of a package, as a path of the repository. */
export const fileOf = ({ path }: Pick<Package, 'path'>, file: string): string =>
  path === '' ? file : `${path}/${file}`;
