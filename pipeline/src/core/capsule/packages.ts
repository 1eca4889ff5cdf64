// The packages of a lock file, for what capsules say of each other.
import { lockedBy } from '../locks.ts';
import type { ManagerName } from '../manager.ts';
import { fieldsIn, recordOf } from '../record.ts';
import type { CapsulePackage } from './manifest.ts';

/** In the order of the lock file. A lock that cannot be read has none: the stage that installs from it says so. */
export function lockedPackages(set: string, lock: string, manager: ManagerName = 'npm'): CapsulePackage[] {
  if (manager !== 'npm')
    return lockedBy(manager, lock).map(({ name, version, integrity }) => ({
      ...{ set, path: `node_modules/${name}` },
      version,
      integrity,
    }));
  return Object.entries(recordOf(fieldsIn(lock)?.packages)).flatMap(([path, entry]) => {
    const { version, integrity } = recordOf(entry);
    return path === '' || typeof version !== 'string'
      ? []
      : [{ set, path, version, integrity: typeof integrity === 'string' ? integrity : '' }];
  });
}
