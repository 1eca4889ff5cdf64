// Says where in the repository a finding can be fixed: the line of the lock file, and which dependency brought the package.
import type { Finding } from './finding.ts';
import type { FindsLocked } from './lock-file.ts';

/**
 * npm packages only; everything else is where the scanner saw it. `shipped` is the lock file that the image's own layer is built
 * from; what the base image brings is in none of ours.
 */
export function locate(finding: Finding, locks: readonly FindsLocked[], shipped: string): Finding {
  const { package: found, places } = finding;
  if (found === null || found.ecosystem !== 'npm' || finding.layer === 'base') return finding;
  const files = finding.layer === 'app' ? [shipped] : places.map(({ file }) => file);
  const locked = locks.flatMap((lock) => {
    if (!files.includes(lock.file)) return [];
    const entry = lock.find(found.name, found.version);
    return entry === undefined ? [] : [{ file: lock.file, ...entry }];
  });
  const [first] = [...locked].sort((a, b) => Number(a.dev) - Number(b.dev));
  if (first === undefined) return finding;
  return {
    ...finding,
    dev: finding.layer === null && locked.every(({ dev }) => dev),
    via: first.via,
    places: [
      ...places.filter((place) => place.in === 'image'),
      ...locked.map(({ file, line }) => ({ in: 'source' as const, file, line })),
    ],
  };
}
