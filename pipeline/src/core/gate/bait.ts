// Bait: a known bad package of each ecosystem, and a secret that is none. A scanner that does not find it finds nothing.
import { createHash } from 'node:crypto';
import type { BaitFacts } from './decide.ts';
import type { Finding } from './finding.ts';

/** A root folder's files by path. */
export type BaitFiles = ReadonlyMap<string, string>;

type Bait = { name: string; files: BaitFiles; isFoundIn: (finding: Finding) => boolean };

const LODASH: Bait = {
  name: 'npm lodash 4.17.4',
  files: new Map([['app/node_modules/lodash/package.json', '{"name":"lodash","version":"4.17.4","license":"MIT"}\n']]),
  isFoundIn: ({ kind, package: found }) =>
    kind === 'vulnerability' && found?.ecosystem === 'npm' && found.name === 'lodash',
};

function openssl(release: string): Bait {
  return {
    name: `Debian ${release} openssl 1.0.1e-2`,
    files: new Map([
      ['etc/debian_version', `${release}.0\n`],
      ['etc/os-release', `ID=debian\nVERSION_ID="${release}"\nPRETTY_NAME="Debian GNU/Linux ${release}"\n`],
      ['var/lib/dpkg/status', DPKG_STATUS],
    ]),
    isFoundIn: ({ kind, package: found }) =>
      kind === 'vulnerability' && found?.ecosystem === 'deb' && found.name === 'openssl',
  };
}

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

const HASH = createHash('sha256').update('bait').digest('hex').slice(0, 36);

/** Made here, not written down: what is written down would be found in this repository too. */
const SECRETS: Bait[] = [
  {
    name: 'a GitHub token',
    files: new Map([['app/settings.env', `GITHUB_TOKEN=ghp_${HASH}\n`]]),
    isFoundIn: ({ kind, id }) => kind === 'secret' && id.startsWith('github'),
  },
  {
    // By itself Trivy looks neither there nor at what is written so.
    name: 'an AWS key in a test',
    files: new Map([
      [
        'app/test/vendor/example.test.ts',
        `const key = 'AKIA${HASH.toUpperCase()
          .replace(/[0189]/g, 'X')
          .slice(0, 16)}';\n`,
      ],
    ]),
    isFoundIn: ({ kind, id }) => kind === 'secret' && id.startsWith('aws'),
  },
];

/** By ecosystem, as the database names it (`npm`, `debian 13`); null where none is known. */
function packageBait(ecosystem: string): Bait | null {
  const [family, release] = ecosystem.split(' ');
  if (family === 'npm') return LODASH;
  return family === 'debian' && release !== undefined ? openssl(release) : null;
}

function baitFor(ecosystems: readonly string[]): Bait[] {
  return [...ecosystems.flatMap((ecosystem) => packageBait(ecosystem) ?? []), ...SECRETS];
}

/** The files of a root folder that holds bait for these ecosystems. */
export function baitFiles(ecosystems: readonly string[]): BaitFiles {
  return new Map(baitFor(ecosystems).flatMap(({ files }) => [...files]));
}

/** What was put out, and what of it the scanner did not find. */
export function judgeBait(ecosystems: readonly string[], findings: readonly Finding[]): BaitFacts {
  const baits = baitFor(ecosystems);
  const nameOf = ({ name }: Bait) => name;
  return {
    put: baits.map(nameOf),
    missed: baits.filter(({ isFoundIn }) => !findings.some(isFoundIn)).map(nameOf),
    untried: ecosystems.filter((ecosystem) => packageBait(ecosystem) === null),
  };
}
