// The OCI runtime specification of a step: what Docker gives an unprivileged container, and a user namespace besides.
import { hasOneId, ID_COUNT } from '../store/ids.ts';
import type { Limits } from './cgroups.ts';
import { LACKING } from './isolation.ts';
import { KEPT_CALLS } from './keeper.ts';
import { notifying, SECCOMP, SECCOMP_ALL_CAPABILITIES } from './seccomp.ts';

const CAPABILITIES = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
];

/** Good for nothing outside the step's own user namespace, as all others. */
const MORE_CAPABILITIES = [
  'CAP_AUDIT_CONTROL',
  'CAP_AUDIT_READ',
  'CAP_BLOCK_SUSPEND',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
  'CAP_DAC_READ_SEARCH',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_LEASE',
  'CAP_LINUX_IMMUTABLE',
  'CAP_MAC_ADMIN',
  'CAP_MAC_OVERRIDE',
  'CAP_NET_ADMIN',
  'CAP_NET_BROADCAST',
  'CAP_PERFMON',
  'CAP_SYSLOG',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_MODULE',
  'CAP_SYS_NICE',
  'CAP_SYS_PACCT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_WAKE_ALARM',
];

const MASKED_PATHS = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const READONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

export interface BindMount {
  readonly destination: string;
  readonly source: string;
  readonly readOnly?: boolean;
  /** Options that the source is mounted with: the kernel refuses a user namespace that would drop one. */
  readonly flags?: readonly string[];
}

export interface TmpfsMount {
  readonly destination: string;
  readonly size: number | undefined;
}

/** Where a network namespace is, and its sysfs: only its owner may mount that, and a step is not the owner of one that it joins. */
export interface NetworkNamespace {
  readonly path: string;
  readonly sys: string;
}

/** A terminal of the host, as large as it is now. */
export interface Terminal {
  readonly path: string;
  readonly rows: number;
  readonly columns: number;
}

export interface Identity {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

export interface Process {
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly identity: Identity;
  /** The runtime makes a terminal of this size for it, and passes on what is said there to the one that it has itself. */
  readonly terminal?: Terminal;
  /** How readily the kernel ends it when memory runs out. */
  readonly oomScore: number;
}

export interface Step extends Process {
  /** All capabilities in the step's user namespace, and the system calls for namespaces and mounts. */
  readonly insecureRootCapabilities: boolean;
  readonly hostname: string;
  readonly rootfs: string;
  /** In the order in which they are made: one may lie in another. */
  readonly mounts: readonly (BindMount | TmpfsMount)[];
  /** Without it the step gets a fresh one with nothing but loopback. */
  readonly network?: NetworkNamespace;
  /** The control group that the runtime is to make. */
  readonly cgroup?: string;
  readonly limits: Limits;
  readonly shift: number;
}

/** Where the first process of a step is found inside it; in /dev, so that no layer ever holds it. */
export const INIT = '/dev/.init';

/** `init` is the program that runs the command as its child; without it the command is the first process. */
export function runtimeSpec(step: Step, init: string | undefined): object {
  const all = step.insecureRootCapabilities;
  const bounding = all ? [...CAPABILITIES, ...MORE_CAPABILITIES] : CAPABILITIES;
  return {
    ociVersion: '1.0.2',
    process: processOf(step, init, bounding),
    root: { path: step.rootfs },
    hostname: step.hostname,
    mounts: [
      ...systemMounts(step.network?.sys),
      ...(init === undefined ? [] : [{ destination: INIT, type: 'bind', source: init, options: ['rbind', 'ro'] }]),
      ...step.mounts.map((mount) => ('source' in mount ? bindMount(mount) : tmpfsMount(mount))),
    ],
    linux: {
      namespaces: [
        ...['pid', 'mount', 'ipc', 'uts', 'user'].map((type) => ({ type })),
        { type: 'network', ...(step.network === undefined ? {} : { path: step.network.path }) },
      ],
      uidMappings: idMappings(step.shift, step.identity.uid),
      gidMappings: idMappings(step.shift, step.identity.gid),
      ...(step.cgroup === undefined ? {} : { cgroupsPath: step.cgroup, resources: resources(step.limits) }),
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READONLY_PATHS,
      seccomp: all ? SECCOMP_ALL_CAPABILITIES : SECCOMP,
    },
  };
}

function processOf(step: Process, init: string | undefined, bounding: readonly string[]): object {
  return {
    terminal: step.terminal !== undefined,
    ...(step.terminal === undefined
      ? {}
      : { consoleSize: { height: step.terminal.rows, width: step.terminal.columns } }),
    user: {
      uid: step.identity.uid,
      gid: step.identity.gid,
      // With one id there are no others, and the kernel does not let groups be set at all.
      ...(hasOneId ? {} : { additionalGids: step.identity.groups }),
    },
    args: init === undefined ? step.args : [INIT, '-s', '--', ...step.args],
    env: step.env,
    cwd: step.cwd,
    capabilities: step.identity.uid === 0 ? { bounding, effective: bounding, permitted: bounding } : { bounding },
    noNewPrivileges: true,
    oomScoreAdj: step.oomScore,
  };
}

/**
 * A step where no namespace can be made: the runtime changes the root to a folder that holds all that is to be there, and tells the keeper,
 * at the socket `listener`, of each call that names a file.
 */
export const chrootSpec = (step: Process & { rootfs: string; listener: string }, init: string | undefined): object => ({
  ociVersion: '1.0.2',
  process: processOf(
    step,
    init,
    CAPABILITIES.filter((name) => !LACKING.has(name)),
  ),
  root: { path: step.rootfs },
  mounts: [],
  linux: { namespaces: [], seccomp: notifying(SECCOMP, KEPT_CALLS, step.listener) },
});

const bindMount = ({ destination, source, readOnly, flags = [] }: BindMount) => ({
  destination,
  type: 'bind',
  source,
  options: ['rbind', readOnly ? 'ro' : 'rw', ...flags],
});

const tmpfsMount = ({ destination, size }: TmpfsMount) => ({
  destination,
  type: 'tmpfs',
  source: 'tmpfs',
  options: ['nosuid', 'nodev', 'mode=1777', ...(size ? [`size=${size}`] : [])],
});

function resources({ processes, memory }: Limits): object {
  return {
    ...(processes === undefined ? {} : { pids: { limit: processes } }),
    ...(memory === undefined ? {} : { memory: { limit: memory } }),
  };
}

/**
 * Which ids of the host a step's are. Without root (no shift) the engine is in a user namespace itself, in which root is the
 * user and the others are subordinate ids: two ranges, and the kernel maps none across their border. Where there are none of these, the
 * one id is whichever the step asks for: `id` of the step is the user, and no other is anybody.
 */
function idMappings(shift: number, id: number): object[] {
  if (shift > 0) return [{ containerID: 0, hostID: shift, size: ID_COUNT }];
  if (hasOneId) return [{ containerID: id, hostID: 0, size: 1 }];
  return [
    { containerID: 0, hostID: 0, size: 1 },
    { containerID: 1, hostID: 1, size: ID_COUNT - 1 },
  ];
}

function systemMounts(sys: string | undefined): object[] {
  const quiet = ['nosuid', 'noexec', 'nodev'];
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: quiet },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      // The group of terminals, where there is one.
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', ...(hasOneId ? [] : ['gid=5'])],
    },
    { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: [...quiet, 'mode=1777', 'size=65536k'] },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: quiet },
    sys === undefined
      ? { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...quiet, 'ro'] }
      : { destination: '/sys', type: 'bind', source: sys, options: ['rbind', ...quiet, 'ro'] },
  ];
}
