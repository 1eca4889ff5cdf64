// One package as rules look at it: what its two files hold, as far as they can be read. What is wrong with them manifests.ts says.

import { fileOf } from '../package.ts';
import { lockFileOf } from '../package-sets.ts';
import { type Fields, fieldsIn, recordOf } from '../record.ts';
import type { PackageFacts } from './facts.ts';

export type PackageView = PackageFacts & {
  /** Empty for one that cannot be read. */
  fields: Fields;
  locked: [path: string, entry: Fields][];
  isReadable: boolean;
  /** A file of it, as a path of the repository. */
  at: (name: string) => string;
  lockFile: string;
};

export function viewOf(facts: PackageFacts): PackageView {
  const fields = fieldsIn(facts.manifest);
  const entries = Object.entries(recordOf(fieldsIn(facts.lock)?.packages));
  return {
    ...facts,
    fields: fields ?? {},
    isReadable: fields !== undefined,
    locked: entries.map(([path, entry]) => [path, recordOf(entry)]),
    at: (name) => fileOf({ path: facts.folder }, name),
    lockFile: lockFileOf(facts.project),
  };
}

export const scriptsOf = ({ fields }: Pick<PackageView, 'fields'>): Fields => recordOf(fields.scripts);

/** Every dependency that the manifest names, with what it asks for. */
export function dependenciesOf({ fields }: Pick<PackageView, 'fields'>): [name: string, range: string][] {
  return ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((key) =>
    Object.entries(recordOf(fields[key])).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** What ships: entries of the lock that no development alone needs. */
export const shippedOf = ({ locked }: Pick<PackageView, 'locked'>): [path: string, entry: Fields][] =>
  locked.filter(([path, { dev, link }]) => path.includes('node_modules/') && dev !== true && link !== true);

export const nameIn = (path: string): string => path.replace(/^.*node_modules\//, '');
