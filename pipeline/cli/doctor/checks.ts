// The checks, in the order in which a run meets their walls: what each is about, and who decides it. The verdict over all of them.
import {
  lookAtEngine,
  lookAtHoles,
  lookAtIds,
  lookAtKernel,
  lookAtLimits,
  lookAtNamespaces,
  lookAtNetwork,
  lookAtPrograms,
  lookAtTrial,
} from './engine.ts';
import type { Facts } from './facts.ts';
import type { Finding, Status } from './finding.ts';
import { lookAtClock, lookAtDisk, lookAtGit, lookAtNode } from './place.ts';
import { lookAtCertificates, lookAtCredentials, lookAtImages, lookAtPackages, lookAtProxy } from './sources.ts';

export type Row = { check: CheckName; status: Status; found: string; means: string; fix: string | null };

type Check = { means: string; look: (facts: Facts) => Finding };

export const CHECKS = {
  node: { means: 'the tool itself runs on it', look: lookAtNode },
  git: { means: 'what is committed and what is changed is read from it', look: lookAtGit },
  engine: { means: 'it runs the containers; `auto` takes the first that works', look: lookAtEngine },
  trial: { means: 'what another engine does otherwise, the stages meet as well', look: lookAtTrial },
  programs: { means: 'an OCI runtime starts every step, others mount and connect it', look: lookAtPrograms },
  ids: { means: 'without root, the users of a step are mapped to subordinate ids', look: lookAtIds },
  namespaces: {
    means: 'a step’s root is an unprivileged user on the host, by a user namespace',
    look: lookAtNamespaces,
  },
  kernel: { means: 'a step needs overlayfs, seccomp, other namespaces and a store to write to', look: lookAtKernel },
  holes: { means: 'a known hole of these programs may let a step out', look: lookAtHoles },
  limits: { means: 'control groups stop a step that takes all memory or forks without end', look: lookAtLimits },
  network: { means: 'a step reaches the world through pasta and /dev/net/tun', look: lookAtNetwork },
  images: { means: 'every step runs in a pinned image', look: lookAtImages },
  packages: { means: 'npm’s are installed in steps; Debian’s and npm’s make substitutes', look: lookAtPackages },
  proxy: { means: 'steps use the proxy of the environment, and have a loopback of their own', look: lookAtProxy },
  certificates: { means: 'the certificates that this machine trusts are trusted in steps', look: lookAtCertificates },
  credentials: {
    means: 'registries are asked with what `docker login` has kept; a delivery reads token and key from variables',
    look: lookAtCredentials,
  },
  disk: { means: 'images, packages and results are kept below the cache folder', look: lookAtDisk },
  clock: { means: 'certificates and Debian’s indexes are valid for a time', look: lookAtClock },
} as const satisfies Record<string, Check>;

export type CheckName = keyof typeof CHECKS;

function row(check: CheckName, facts: Facts): Row {
  const { means, look } = CHECKS[check];
  const { status, found, fix = null } = look(facts);
  return { check, status, found, means, fix };
}

/** The rows in their order, each as soon as the facts are there that it looks at. */
export class Rows {
  readonly all: Row[] = [];
  readonly #facts = new Map<string, unknown>();
  readonly #checks = Object.keys(CHECKS) as CheckName[];

  get isComplete(): boolean {
    return this.all.length === this.#checks.length;
  }

  /** Takes more facts, and gives the rows that they make ready. */
  add(facts: Partial<Facts>): Row[] {
    for (const [name, value] of Object.entries(facts)) this.#facts.set(name, value);
    const before = this.all.length;
    for (const check of this.#checks.slice(before)) {
      const ready = this.#ready(check);
      if (ready === undefined) break;
      this.all.push(ready);
    }
    return this.all.slice(before);
  }

  #ready(check: CheckName): Row | undefined {
    const known = new Proxy({} as Facts, {
      get: (_, name: string) => {
        if (!this.#facts.has(name)) throw new NotYet();
        return this.#facts.get(name);
      },
    });
    try {
      return row(check, known);
    } catch (error) {
      if (error instanceof NotYet) return undefined;
      throw error;
    }
  }
}

/** A check looked at a fact that is not there yet. */
class NotYet extends Error {}

export const canRun = (rows: readonly Row[]): boolean => rows.every(({ status }) => status !== 'blocked');
