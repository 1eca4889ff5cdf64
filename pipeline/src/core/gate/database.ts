// What the programs said about the vulnerability database, and whose word it has.
import type { DatabaseFacts } from './decide.ts';
import type { DatabasePolicy } from './policy.ts';

/** Which digest a reference stands for, who said so, and if nobody did, why. */
export type Lookup = {
  reference: string | null;
  /** The host that answered: the registry's, or a mirror's. */
  registry: string | null;
  digest: string | null;
  from: 'registry' | 'memory' | 'nowhere';
  reason: string | null;
};

/** `folder` is where the two files are, in the container that looked. */
export type Inspection = { folder: string; sha256: string; updatedAt: string; advisories: Record<string, number> };

export function parseLookup(text: string): Lookup {
  return JSON.parse(text) as Lookup;
}

export function parseInspection(text: string): Inspection {
  return JSON.parse(text) as Inspection;
}

/**
 * `official`: a registry on the policy's list served this digest in this run. What is remembered of an earlier one lies in a file that others may
 * write: it says what was asked, and vouches for nothing. A mirror's word is the mirror's. `listed`: somebody checked this very database, and wrote its hash into the policy.
 */
export function originOf(
  lookup: Lookup | null,
  inspection: Pick<Inspection, 'sha256'>,
  policy: DatabasePolicy,
): DatabaseFacts['origin'] {
  if (policy.listed.includes(inspection.sha256) || (lookup?.digest && policy.listed.includes(lookup.digest)))
    return 'listed';
  if (lookup?.reference == null || lookup.from !== 'registry') return 'other';
  const repository = lookup.reference.replace(/:[^:/]*$/, '');
  // A host on the list is trusted for all that it serves, as a mirror too.
  if (lookup.registry !== null && policy.official.includes(lookup.registry)) return 'official';
  const isRegistrysOwnWord = lookup.registry !== null && repository.startsWith(`${lookup.registry}/`);
  const isOnList = policy.official.some((official) => repository === official || repository.startsWith(`${official}/`));
  return isRegistrysOwnWord && isOnList ? 'official' : 'other';
}
