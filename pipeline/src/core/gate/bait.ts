// Bait: a known bad package of each ecosystem, and a secret that is none. A scanner that does not find it finds nothing.
import { createHash } from 'node:crypto';
import type { BaitFacts } from './decide.ts';
import type { Finding } from './finding.ts';

/** A root folder's files by path. */
export type BaitFiles = ReadonlyMap<string, string>;

type Bait = { name: string; files: BaitFiles; isFoundIn: (finding: Finding) => boolean };

/** Ecosystems that bait is known for, by the first word of the database's name for them. */
const PACKAGES: Readonly<Record<string, (release: string) => Bait>> = {
  npm: () => ({
    name: 'npm lodash 4.17.4',
    files: new Map([
      ['app/node_modules/lodash/package.json', '{"name":"lodash","version":"4.17.4","license":"MIT"}\n'],
    ]),
    isFoundIn: ({ package: found }) => found?.ecosystem === 'npm' && found.name === 'lodash',
  }),
  debian: (release) => ({
    name: `Debian ${release} openssl 1.0.1e-2`,
    files: new Map([
      ['etc/debian_version', `${release}.0\n`],
      ['etc/os-release', `ID=debian\nVERSION_ID="${release}"\nPRETTY_NAME="Debian GNU/Linux ${release}"\n`],
      ['var/lib/dpkg/status', DPKG_STATUS],
    ]),
    isFoundIn: ({ package: found }) => found?.ecosystem === 'deb' && found.name === 'openssl',
  }),
};

/** Heartbleed's version: every Debian since has it on record. */
const DPKG_STATUS = [
  'Package: openssl',
  'Status: install ok installed',
  'Architecture: amd64',
  'Version: 1.0.1e-2',
  'Maintainer: bait',
  'Description: bait',
  '',
  '',
].join('\n');

/** In the shape of a GitHub token. Made here, not written down: what is written down would be found in this repository too. */
const SECRET: Bait = {
  name: 'a GitHub token',
  files: new Map([
    ['app/settings.env', `GITHUB_TOKEN=ghp_${createHash('sha256').update('bait').digest('hex').slice(0, 36)}\n`],
  ]),
  isFoundIn: ({ kind, id }) => kind === 'secret' && id.startsWith('github'),
};

function baitFor(ecosystems: readonly string[]): Bait[] {
  const packages = ecosystems.flatMap((ecosystem) => {
    const [family = '', release = ''] = ecosystem.split(' ');
    return PACKAGES[family]?.(release) ?? [];
  });
  return [...packages, SECRET];
}

/** The files of a root folder that holds bait for these ecosystems. */
export function baitFiles(ecosystems: readonly string[]): BaitFiles {
  return new Map(baitFor(ecosystems).flatMap(({ files }) => [...files]));
}

/** What was put out, and what of it the scanner did not find. An ecosystem without bait counts as missed: nobody has tried it. */
export function judgeBait(ecosystems: readonly string[], findings: readonly Finding[]): BaitFacts {
  const baits = baitFor(ecosystems);
  const unknown = ecosystems.filter((ecosystem) => PACKAGES[ecosystem.split(' ')[0] ?? ''] === undefined);
  const missed = baits.filter(({ isFoundIn }) => !findings.some(isFoundIn)).map(({ name }) => name);
  return {
    put: baits.map(({ name }) => name),
    missed: [...missed, ...unknown.map((ecosystem) => `anything of ${ecosystem} (no bait is known for it)`)],
  };
}
