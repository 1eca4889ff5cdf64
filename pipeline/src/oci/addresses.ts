// Addresses of registries: which are this machine's own, and where to look before the registry itself.
import { BlockList, isIP } from 'node:net';
import { OciError } from './errors.ts';

/** Where to look before the registry itself: `docker.io` → [`mirror.example/hub`]. A scheme may be given. */
export type Mirrors = Readonly<Record<string, readonly string[]>>;

/** Whether a host (with or without port) is this machine by its very address. A name that merely resolves to it is not. */
export function isLoopback(host: string): boolean {
  const name = host
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
  if (name === 'localhost' || name.endsWith('.localhost') || name === '::1') return true;
  return isIP(name) === 4 && name.startsWith('127.');
}

/** Loopback, this host, and the link it is on, where clouds answer with the machine's own credentials. */
const INWARD = new BlockList();
for (const [network, bits, family] of [
  ['127.0.0.0', 8, 'ipv4'],
  ['0.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['::', 127, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['fd00:ec2::', 32, 'ipv6'],
] as const)
  INWARD.addSubnet(network, bits, family);

/** Whether a name is an address of this machine, or of the network that only it sees. */
export function isInward(hostname: string): boolean {
  const name = hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  const version = isIP(name);
  return isLoopback(name) || (version !== 0 && INWARD.check(name, version === 6 ? 'ipv6' : 'ipv4'));
}

export const mirrorsOf = (mirrors: Mirrors, registry: string): readonly string[] =>
  Object.hasOwn(mirrors, registry) ? (mirrors[registry] ?? []) : [];

/** Read `docker.io=mirror.example/hub` (as `--mirror` takes it) into a map; several for one registry keep their order. */
export function parseMirrors(pairs: readonly string[]): Record<string, string[]> {
  const mirrors = new Map<string, string[]>();
  for (const pair of pairs) {
    if (pair.includes('@')) {
      throw new OciError(
        'REFERENCE_INVALID',
        'a mirror has a login in its address, which is not shown here',
        'leave it out, and give it to `docker login` and the host of the mirror',
      );
    }
    const [, registry, mirror] = /^([^=/\s]+)=((?:https?:\/\/)?[^\s/=]+(?:\/[^\s=]*)?)$/.exec(pair) ?? [];
    if (registry === undefined || mirror === undefined) {
      throw new OciError(
        'REFERENCE_INVALID',
        `${JSON.stringify(pair)} is not a mirror`,
        'write it as docker.io=mirror.example/prefix',
      );
    }
    mirrors.set(registry, [...(mirrors.get(registry) ?? []), mirror]);
  }
  return Object.fromEntries(mirrors);
}
