// What a container of Docker's may do by default, without Docker: root that may neither mount nor make namespaces.
import { spawnSync } from 'node:child_process';
import { tool } from './tools.ts';

/** Docker's capabilities; what they leave out is what namespaces and mounts take. */
const CAPABILITIES = [
  ...['chown', 'dac_override', 'fowner', 'fsetid', 'kill', 'setgid', 'setuid', 'setpcap', 'setfcap'],
  ...['net_bind_service', 'net_raw', 'sys_chroot', 'mknod', 'audit_write'],
];
const LIMITS = ['--inh-caps=-all', `--bounding-set=-all,${CAPABILITIES.map((name) => `+${name}`).join(',')}`];

/** Runs a command so restricted. What the kernel lets any user do by a user namespace, root is not asked for. */
export const CONTAINER = [...(await tool('setpriv')), ...LIMITS];

export const canRestrict = spawnSync(CONTAINER[0] as string, [...CONTAINER.slice(1), 'true']).status === 0;
