// The checks, in the order in which a run meets their walls: what each is about, and who decides it. The verdict over all of them.
import {
  lookAtEngine,
  lookAtIds,
  lookAtKernel,
  lookAtLimits,
  lookAtNamespaces,
  lookAtNetwork,
  lookAtPrograms,
} from './engine.ts';
import type { Facts } from './facts.ts';
import { lookAtClock, lookAtDisk, lookAtGit, lookAtNode } from './place.ts';
import { lookAtCertificates, lookAtCredentials, lookAtImages, lookAtPackages, lookAtProxy } from './sources.ts';

/** `blocked` ends a run before it begins; a `warning` is a wall that not every run meets; `unasked` does not matter here. */
export type Status = 'ok' | 'warning' | 'blocked' | 'unasked';

export type Finding = { status: Status; found: string; mend?: string };

export type Row = { check: CheckName; status: Status; found: string; means: string; mend: string | null };

type Check = { means: string; look: (facts: Facts) => Finding };

export const CHECKS = {
  node: { means: 'the tool itself runs on it', look: lookAtNode },
  git: { means: 'what is committed and what is changed is read from it', look: lookAtGit },
  engine: { means: 'it runs the containers; `auto` takes the first that works', look: lookAtEngine },
  programs: { means: 'an OCI runtime starts every step, others mount and connect it', look: lookAtPrograms },
  ids: { means: 'without root, the users of a step are mapped to subordinate ids', look: lookAtIds },
  namespaces: { means: 'a step’s root is nobody on the host, by a user namespace', look: lookAtNamespaces },
  kernel: { means: 'a step needs overlayfs, seccomp, other namespaces and a store to write to', look: lookAtKernel },
  limits: { means: 'control groups stop a step that takes all memory or forks without end', look: lookAtLimits },
  network: { means: 'a step reaches the world through pasta and /dev/net/tun', look: lookAtNetwork },
  images: { means: 'every step runs in a pinned image', look: lookAtImages },
  packages: { means: 'npm’s are installed in steps; Debian’s and npm’s make stand-ins', look: lookAtPackages },
  proxy: { means: 'steps get the proxy of the environment; Node has to be told', look: lookAtProxy },
  certificates: { means: 'the certificates that this machine trusts are trusted in steps', look: lookAtCertificates },
  credentials: {
    means: 'registries are asked with what `docker login` has kept; a delivery reads token and key from variables',
    look: lookAtCredentials,
  },
  disk: { means: 'images, packages and results are kept below the cache folder', look: lookAtDisk },
  clock: { means: 'certificates and Debian’s indexes are valid for a time', look: lookAtClock },
} as const satisfies Record<string, Check>;

export type CheckName = keyof typeof CHECKS;

export function examine(facts: Facts): Row[] {
  return (Object.keys(CHECKS) as CheckName[]).map((check) => {
    const { means, look } = CHECKS[check];
    const { status, found, mend = null } = look(facts);
    return { check, status, found, means, mend };
  });
}

export const canRun = (rows: readonly Row[]): boolean => rows.every(({ status }) => status !== 'blocked');
