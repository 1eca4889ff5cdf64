// What the engine runs where its own tools cannot be fetched: programs of the machine, and how a person installs those that are missing.
import { readFileSync } from 'node:fs';
import { findProgram } from '../run/programs.ts';

/** Each program, with what does as well if more slowly, and the Debian package that brings it. */
const PROGRAMS: readonly { names: readonly string[]; package: string }[] = [
  { names: ['crun', 'runc'], package: 'crun' },
  { names: ['tini-static'], package: 'tini' },
  { names: ['unshare', 'nsenter', 'setpriv', 'choom'], package: 'util-linux' },
  { names: ['mount'], package: 'mount' },
  { names: ['ip'], package: 'iproute2' },
  { names: ['pasta'], package: 'passt' },
  { names: ['nft'], package: 'nftables' },
];

/** Other families call some packages otherwise; what is not listed is called the same. */
const FAMILIES: readonly { ids: readonly string[]; command: string; names: Readonly<Record<string, string>> }[] = [
  { ids: ['debian', 'ubuntu'], command: 'apt-get install -y --no-install-recommends', names: {} },
  { ids: ['fedora', 'rhel', 'centos'], command: 'dnf install -y', names: { iproute2: 'iproute', mount: 'util-linux' } },
  { ids: ['arch'], command: 'pacman -S --needed', names: { mount: 'util-linux' } },
  { ids: ['alpine'], command: 'apk add', names: {} },
  { ids: ['suse', 'opensuse'], command: 'zypper install -y', names: { mount: 'util-linux' } },
];

/** The packages that bring what this machine lacks, by Debian's names. */
export function missingPackages(isThere = (name: string) => findProgram(name) !== undefined): string[] {
  return PROGRAMS.filter(({ names }) => !names.some(isThere)).map((program) => program.package);
}

/** One command that installs packages, to be pasted as it is. */
export function installCommand(packages: readonly string[], distribution: readonly string[], isRoot: boolean): string {
  const family = FAMILIES.find(({ ids }) => ids.some((id) => distribution.includes(id)));
  const names = [...new Set(packages.map((name) => family?.names[name] ?? name))].join(' ');
  if (family === undefined) return `install ${names} with this machine's package manager`;
  const sudo = isRoot ? '' : 'sudo ';
  // A fresh machine has no lists of packages.
  const lists = family === FAMILIES[0] ? `${sudo}apt-get update && ` : '';
  return `${lists}${sudo}${family.command} ${names}`;
}

/** `ID` and the words of `ID_LIKE`; nothing on a system that does not say. */
export function readDistribution(file = '/etc/os-release'): string[] {
  try {
    return parseOsRelease(readFileSync(file, 'utf8'));
  } catch {
    return [];
  }
}

export function parseOsRelease(text: string): string[] {
  const values = ['ID', 'ID_LIKE'].map((key) => new RegExp(`^${key}=["']?([^"'\n]*)`, 'm').exec(text)?.[1] ?? '');
  return values.flatMap((value) => value.split(/\s+/)).filter((word) => word !== '');
}
