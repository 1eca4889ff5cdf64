// Every pin of the repository: images, actions and packages, and the files that each is written in.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type ActionPin, actionsIn, packagesIn } from '../../src/core/pins/rewrite.ts';
import { PIN_NAMES, PINS, type PinName } from '../../src/pins.ts';
import { plainStats } from '../plain-files.ts';

type ImagePin = { name: PinName; image: string; digest: string };
type PackagePin = { name: string; version: string };

export type Inventory = {
  images: ImagePin[];
  actions: ActionPin[];
  packages: PackagePin[];
  files: { images: string[]; actions: string[]; packages: string[] };
};

/** Where pins are written: files, and folders with all that is in them. Rendered files say what their sources say. */
const PLACES = {
  images: [
    'docker-compose.yml',
    'pipeline/src/pins.ts',
    'pipeline/engine/images/assembled',
    'pipeline/templates',
    '.github/workflows',
    'deploy',
  ],
  actions: ['.github/workflows', 'pipeline/templates'],
  packages: ['package.json', 'pipeline/package.json', 'service/package.json'],
} as const;

export function takeInventory(root: string): Inventory {
  const files = {
    images: filesAt(root, PLACES.images),
    actions: filesAt(root, PLACES.actions),
    packages: filesAt(root, PLACES.packages),
  };
  const read = (path: string) => readFileSync(join(root, path), 'utf8');
  return {
    images: PIN_NAMES.map((name) => ({ name, ...PINS[name] })),
    actions: unique(
      files.actions.flatMap((path) => actionsIn(read(path))),
      ({ repository, commit }) => `${repository}@${commit}`,
    ),
    packages: unique(
      files.packages.flatMap((path) => packagesIn(read(path))),
      ({ name, version }) => `${name}@${version}`,
    ),
    files,
  };
}

function filesAt(root: string, places: readonly string[]): string[] {
  return places.flatMap((place) => {
    const facts = plainStats(root, place);
    if (!facts?.isDirectory()) return facts?.isFile() ? [place] : [];
    return readdirSync(join(root, place), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath, entry.name)))
      .sort();
  });
}

function unique<T>(all: readonly T[], keyOf: (one: T) => string): T[] {
  return [...new Map(all.map((one) => [keyOf(one), one])).values()];
}
