// The OCI runtime specification of a step: what Docker gives an unprivileged container, and a user namespace besides.
import type { Limits } from './limits.ts';
import { SECCOMP } from './seccomp.ts';

/** Ids in a container are these further up on the host, so that its root is nobody there. */
export const ID_COUNT = 65_536;

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
}

export interface Identity {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

export interface Step {
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly identity: Identity;
  readonly hostname: string;
  readonly rootfs: string;
  readonly binds: readonly BindMount[];
  readonly tmpfs: readonly { destination: string; size?: number }[];
  /** The sysfs of the network namespace that the runtime is started in; without it the step gets a fresh one with nothing but loopback. */
  readonly sys?: string;
  /** Absent where none may be made: without root, unless somebody delegated one. */
  readonly cgroup?: string;
  readonly limits: Limits;
  /** How readily the kernel ends it when memory runs out. */
  readonly oomScore: number;
  readonly shift: number;
}

/** Where the first process of a step is found inside it; in /dev, so that no layer ever holds it. */
const INIT = '/dev/.init';

/** `init` is the program that runs the command as its child; without it the command is the first process. */
export function runtimeSpec(step: Step, init: string | undefined): object {
  const capabilities = { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES };
  const ids = idMappings(step.shift);
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: step.identity.uid, gid: step.identity.gid, additionalGids: step.identity.groups },
      args: init === undefined ? step.args : [INIT, '-s', '--', ...step.args],
      env: step.env,
      cwd: step.cwd,
      capabilities: step.identity.uid === 0 ? capabilities : { bounding: CAPABILITIES },
      noNewPrivileges: true,
      oomScoreAdj: step.oomScore,
    },
    root: { path: step.rootfs },
    hostname: step.hostname,
    mounts: [
      ...systemMounts(step.sys),
      ...(init === undefined ? [] : [{ destination: INIT, type: 'bind', source: init, options: ['rbind', 'ro'] }]),
      ...step.tmpfs.map(({ destination, size }) => ({
        destination,
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['nosuid', 'nodev', 'mode=1777', ...(size ? [`size=${size}`] : [])],
      })),
      ...step.binds.map(({ destination, source, readOnly }) => ({
        destination,
        type: 'bind',
        source,
        // No other flags: the kernel refuses a user namespace that would drop one which the source is locked with.
        options: ['rbind', readOnly ? 'ro' : 'rw'],
      })),
    ],
    linux: {
      namespaces: [
        ...['pid', 'mount', 'ipc', 'uts', 'user'].map((type) => ({ type })),
        ...(step.sys === undefined ? [{ type: 'network' }] : []),
      ],
      uidMappings: ids,
      gidMappings: ids,
      ...(step.cgroup === undefined ? {} : { cgroupsPath: step.cgroup, resources: resources(step.limits) }),
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READONLY_PATHS,
      seccomp: SECCOMP,
    },
  };
}

function resources({ processes, memory }: Limits): object {
  return {
    ...(processes === undefined ? {} : { pids: { limit: processes } }),
    ...(memory === undefined ? {} : { memory: { limit: memory } }),
  };
}

/**
 * Which ids of the host a step's are. Without root (no shift) the engine is in a user namespace itself, in which root is the
 * user and the others are subordinate ids: two ranges, and the kernel maps none across their border.
 */
function idMappings(shift: number): object[] {
  if (shift > 0) return [{ containerID: 0, hostID: shift, size: ID_COUNT }];
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
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: [...quiet, 'mode=1777', 'size=65536k'] },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: quiet },
    sys === undefined
      ? { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...quiet, 'ro'] }
      : { destination: '/sys', type: 'bind', source: sys, options: ['rbind', ...quiet, 'ro'] },
  ];
}
