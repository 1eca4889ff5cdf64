// What git says about the working copy, in the words of the result model.
import type { SourceFacts } from './model.ts';

/** `refs/heads/main` → `main`; null for a commit that no branch is checked out at. */
export function branchOf(ref: string): string | null {
  const branch = /^refs\/heads\/(.+)$/.exec(ref);
  if (branch?.[1] !== undefined) return branch[1];
  return ref === '' || ref === 'HEAD' || ref.startsWith('refs/') || /^[0-9a-f]{40,64}$/.test(ref) ? null : ref;
}

/** Facts that could not be had, and why: a run of the local stages doesn't need them. */
export function noFacts(reason: string): SourceFacts {
  return { commit: null, branch: null, dirty: null, reason };
}
