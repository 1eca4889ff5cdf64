// Decides on what runs the containers: which engine, and whether the embedded one finds here what it needs.
import { ENGINE_COMMAND } from '../../src/command.ts';

import { type Facts, isFault, type Probe, type Setting } from './facts.ts';
import { type Finding, NOT_YET } from './finding.ts';

const IDS = 65_536;
export function lookAtEngine({ engines }: Facts): Finding {
  if (isFault(engines)) return { status: 'blocked', found: engines.message, ...fixed(engines.hint) };
  const [first, ...others] = engines;
  if (first === undefined) return { status: 'blocked', found: 'none' };
  const fallback = others.map(({ kind }) => `; else ${kind}`).join('');
  return { status: 'ok', found: `${first.kind}, because ${first.why}${fallback}` };
}

/** A Dagger Engine clears its cache after each session where less of its disk is free. */
const KEEPS_CACHE = 0.2;

export function lookAtTrial({ engines, trial }: Facts): Finding {
  if (isFault(engines) || engines[0]?.kind === 'embedded') return { status: 'unasked', found: 'the embedded one is' };
  if (trial === null)
    return { status: 'unasked', found: 'not tried unless it is asked for', fix: 'doctor --engine dagger' };
  if (isFault(trial)) return { status: 'blocked', found: trial.message, ...fixed(trial.hint) };
  const { tried, differs, diskFree, canStep, seconds } = trial;
  const isFull = diskFree !== null && diskFree < KEEPS_CACHE;
  const full = isFull
    ? [`only ${Math.round(diskFree * 100)} % of its disk is free, so it may keep no cache: every run is cold`]
    : [];
  const asExpected = tried.length === 0 ? [] : [`as expected: ${tried.join(', ')} (${seconds.toFixed(1)} s)`];
  const found = [...differs, ...full, ...asExpected].join('; ');
  if (differs.length === 0 && !isFull) return { status: 'ok', found };
  return {
    status: canStep ? 'warning' : 'blocked',
    found,
    fix: isFull
      ? 'free a fifth of the disk that the engine is on'
      : 'use --engine embedded on Linux, or fix the engine',
  };
}

export function lookAtPrograms(facts: Facts): Finding {
  return ofEmbedded(facts, () => {
    const { programs } = facts;
    if (!isFault(programs)) return { status: 'ok', found: programs ?? '' };
    return { status: 'blocked', found: programs.message, ...fixed(programs.hint) };
  });
}

/** By their versions, and a table that ends with a date. */
export function lookAtHoles(facts: Facts): Finding {
  return ofProbe(facts, ({ programs, holes }) => {
    const found = holes.map((of) => of.found).join('. ');
    if (holes.every(({ reachable }) => reachable.length === 0)) return { status: 'ok', found };
    const fix = programs.endsWith('its own')
      ? 'use a newer drydock, which brings newer ones'
      : 'update them, unless the distribution has fixed them in a version of its own';
    return { status: 'warning', found, fix };
  });
}

export function lookAtIds(facts: Facts): Finding {
  return ofEmbedded(facts, () => {
    const { ids, user, isNamed } = facts;
    if (ids === null) return { status: 'unasked', found: 'root needs none' };
    const { users, groups, hasMapper, free } = ids;
    const isEnough = users >= IDS && groups >= IDS;
    if (isEnough && hasMapper) return { status: 'ok', found: `${users} for users, ${groups} for groups` };
    const found = isEnough
      ? 'newuidmap and newgidmap are missing, which map them'
      : `${user} has ${users} for users and ${groups} for groups, ${IDS} of each are needed`;
    return {
      status: 'warning',
      found: `${found}: a step has one user, who owns all files`,
      fix: isEnough
        ? 'sudo apt-get update && sudo apt-get install -y uidmap; elsewhere: sudo dnf install -y shadow-utils'
        : isNamed
          ? `sudo usermod --add-subuids ${free.users} --add-subgids ${free.groups} ${user}`
          : 'run it as a user who has a name, to whom ids can be given, or as root',
    };
  });
}

export function lookAtNamespaces(facts: Facts): Finding {
  return ofEmbedded(facts, () => {
    if (facts.probe === null) return NOT_YET;
    if (!isFault(facts.probe) && facts.probe.notIsolated !== null) {
      const { reason, hint } = facts.probe.notIsolated;
      const found = `steps are not isolated from each other, nor from this machine's network, so nothing is deployed or published from here: ${reason}`;
      return { status: 'warning', found, fix: hint };
    }
    const found = `a step has its own${facts.isRoot ? '' : ', and so has the engine'}`;
    return forbidden(facts) ?? (hasRun(facts) ? { status: 'ok', found } : NO_STEP);
  });
}

const hasRun = ({ probe }: Pick<Facts, 'probe'>) => probe !== null && !isFault(probe) && probe.step === null;
/** Why, the kernel's row says. */
const NO_STEP: Finding = { status: 'unasked', found: 'not known, since no step ran' };

/** Why there can be no user namespace, where nothing runs and a setting explains it. */
function forbidden({ probe, features, isRoot }: Facts): Finding | null {
  if (hasRun({ probe }) || features === null) return null;
  if (features.userNamespaces === 0)
    return {
      status: 'blocked',
      found: 'the kernel allows no user namespaces',
      fix: 'sudo sysctl -w user.max_user_namespaces=15000',
    };
  const [setting] = features.forbiddenBy;
  if (isRoot || setting === undefined) return null;
  return { status: 'blocked', found: `${setting} forbids them to users`, fix: `sudo sysctl -w ${ALLOWING[setting]}` };
}

const ALLOWING: Readonly<Record<Setting, string>> = {
  'kernel.apparmor_restrict_unprivileged_userns': 'kernel.apparmor_restrict_unprivileged_userns=0',
  'kernel.unprivileged_userns_clone': 'kernel.unprivileged_userns_clone=1',
};

export function lookAtKernel(facts: Facts): Finding {
  return ofEmbedded(facts, () => {
    const { probe, kernel } = facts;
    if (probe === null || forbidden(facts) !== null) return NOT_YET;
    const fault = isFault(probe) ? probe : probe.step;
    if (fault === null)
      return { status: 'ok', found: `Linux ${kernel} ran a step on ${isFault(probe) ? '' : probe.store}` };
    const { lacks, fix } = lacking(facts);
    const said = isFault(probe) ? fault.message : `a step does not run: ${fault.message}`;
    return { status: 'blocked', found: [said, ...lacks].join('; '), fix: fault.hint ?? fix };
  });
}

/** What of a step's needs the kernel does not have. */
function lacking({ features }: Facts): { lacks: string[]; fix: string } {
  if (features !== null && !features.hasOverlay)
    return { lacks: ['the kernel has no overlayfs'], fix: 'sudo modprobe overlay' };
  if (features !== null && !features.hasSeccomp)
    return { lacks: ['the kernel has no seccomp'], fix: 'boot a kernel with CONFIG_SECCOMP_FILTER' };
  return { lacks: [], fix: `run \`${ENGINE_COMMAND} probe\` by hand, and see what it says` };
}

export function lookAtLimits(facts: Facts): Finding {
  return ofProbe(facts, ({ unlimited }) =>
    unlimited.length === 0
      ? { status: 'ok', found: 'processes and memory of a step are limited' }
      : {
          status: 'warning',
          found: `not enforced: ${unlimited.join(' and ')} of a step`,
          fix: facts.isRoot ? 'mount -t cgroup2 none /sys/fs/cgroup' : 'run as root',
        },
  );
}

export function lookAtNetwork(facts: Facts): Finding {
  return ofProbe(facts, ({ network, notIsolated }) => {
    if (notIsolated !== null)
      return { status: 'warning', found: 'steps have that of this machine, with --offline, too' };
    if (facts.isOffline) return { status: 'unasked', found: 'steps get none (--offline)' };
    return network === null
      ? { status: 'ok', found: 'pasta connects a step' }
      : { status: 'blocked', found: network.message, fix: network.hint ?? 'run with --offline' };
  });
}

/** What the embedded engine needs is a wall only where it is the first that is tried. */
function ofEmbedded({ engines }: Facts, look: () => Finding): Finding {
  const position = isFault(engines) ? -1 : engines.findIndex(({ kind }) => kind === 'embedded');
  if (position < 0) return { status: 'unasked', found: 'the embedded engine is not used' };
  const finding = look();
  return position > 0 && finding.status === 'blocked' ? { ...finding, status: 'warning' } : finding;
}

/** An engine that does not start is told at the kernel's row; no more can be known of it. */
function ofProbe(facts: Facts, look: (probe: Probe) => Finding): Finding {
  const { probe } = facts;
  return ofEmbedded(facts, () => (probe === null || isFault(probe) ? NOT_YET : look(probe)));
}

const fixed = (hint: string | undefined) => (hint === undefined ? {} : { fix: hint });
