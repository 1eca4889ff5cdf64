// Which package manager installs a folder, by its lock file, in which version, and as which bytes.
import { posix } from 'node:path';
import { PipelineError } from './errors.ts';
import { fieldsIn } from './record.ts';

/** Where a step keeps what managers fetch. */
export const NPM_CACHE = '/var/cache/npm';

export type ManagerName = 'npm' | 'yarn' | 'pnpm' | 'bun';
export type OtherName = Exclude<ManagerName, 'npm'>;

export type Manager = {
  name: ManagerName;
  /** '' is npm's, which comes with Node; of others, that the lock file is of a format which none is known for. */
  version: string;
  /** As npm writes it; null where nobody has said it: then it is the registry's word. */
  integrity: string | null;
  /** Of the one file that Yarn 2 and later are, which is what Corepack hashes of them: checked once npm has fetched it. */
  fileHash?: { algorithm: string; hex: string };
};

/** The first that is there decides. */
export const LOCK_FILES = {
  npm: 'package-lock.json',
  pnpm: 'pnpm-lock.yaml',
  yarn: 'yarn.lock',
  bun: 'bun.lock',
} as const satisfies Record<ManagerName, string>;

export const NPM: Manager = { name: 'npm', version: '', integrity: null };

/** Those that are taken where a package.json names none: of each format of lock files the last that leaves it as it is. */
const PINNED: Readonly<Record<OtherName, Readonly<Record<string, { version: string; integrity: string }>>>> = {
  yarn: {
    1: {
      version: '1.22.22',
      integrity: 'sha512-prL3kGtyG7o9Z9Sv8IPfBNrWTDmXB4Qbes8A9rEzt6wkJV8mUvoirjU0Mp3GGAU06Y0XQyA3/2/RQFVuK7MTfg==',
    },
    5: {
      version: '3.1.1',
      integrity: 'sha512-7R8UUelyaGkpiSEgDgeK4A8jEUNmKw+un4UCY0xQoFXBJgVWS6lyWWN57FSs+3ybHZuNrEzaEa9+Bb5hiktGug==',
    },
    6: {
      version: '3.8.6',
      integrity: 'sha512-z3rCq5xOLAvFTIHLFfduD5+IG/9uVR5cWtpOaqmiNQ5lAbmCYHhIcz3UNZGy7MiKwsoA4Qnoj+r/U1T4uR+kkw==',
    },
    8: {
      version: '4.13.0',
      integrity: 'sha512-c0YdSja652OezJqFnz9+pZwKfKAiBu2aRPJiHPU73sirTGgvQRTyaS5Y6PQHAmmaoa3RjCY6f3L2q9g8S/urqw==',
    },
    9: {
      version: '4.14.1',
      integrity: 'sha512-62uYRCYBnAwNZ1Y4uMh0iUXtgZe4frwAgd5dJFoTu/uWMZWpJzxY2ib0cAva1eiy1L2jiDR0dS1Os+1osiIxvA==',
    },
    10: {
      version: '4.18.1',
      integrity: 'sha512-EH+A4TxAtBWXKE0DGQxW9Bo9crXHLJ73mfxjTQJuv8XonNWWTpei8BQ5JjczHJNU9GROTycwMFn8iOvRIZXUcA==',
    },
  },
  pnpm: {
    6: {
      version: '8.15.9',
      integrity: 'sha512-SZQ0ydj90aJ5Tr9FUrOyXApjOrzuW7Fee13pDzL0e1E6ypjNXP0AHDHw20VLw4BO3M1XhQHkyik6aBYWa72fgQ==',
    },
    9: {
      version: '10.34.9',
      integrity: 'sha512-9JtajqD97bRLs8DB1ldQkqU8KVDZW3rRXfEfF5dId6LeOgHAfpNOmyjOcW5RwJqUlixzBtCb4uHksYqMh2L9Mg==',
    },
  },
  bun: {
    1: {
      version: '1.4.5',
      integrity: 'sha512-SWOAncfhwiqIyaZ3uyuUD/6o8aWbG8QtU6SChlz4u6U/C89gTZafLDCmbUvyNjx+ccxLLHV+lSsWqE1OBN8bBw==',
    },
  },
};

/** Programs for one processor, which npm would get by a script at install: the packages that hold them, with the hashes of the pinned version. */
const PROGRAMS: Readonly<Record<string, Readonly<Record<string, { cpu: string; file: string; pinned?: string }>>>> = {
  bun: {
    // It needs nothing of a processor that some lack.
    '@oven/bun-linux-x64-baseline': {
      ...{ cpu: 'x64', file: 'bin/bun' },
      pinned: 'sha512-s8yMwYcFnnrA178gji0gZbkE2WVDej/Ti1x770oPfihxyRxSMNhGhiAQNXV53aDeraZxksdvKV/RAdQBCd0qPA==',
    },
    '@oven/bun-linux-aarch64': {
      ...{ cpu: 'arm64', file: 'bin/bun' },
      pinned: 'sha512-4BXmsSKnjOrlGWqZV4x/oWa7AVoR+B6lCXddMzOAXBIm3t50eslg9wb66gmtW1AamEQ1l1CDvmmruysEhqOWMg==',
    },
  },
  pnpm: {
    '@pnpm/exe.linux-x64': { cpu: 'x64', file: 'pnpm' },
    '@pnpm/exe.linux-arm64': { cpu: 'arm64', file: 'pnpm' },
  },
};

type Texts = (file: string) => Promise<string | null>;

/** By the first lock file in a folder; undefined where there is none. */
export async function managerIn(root: string, text: Texts): Promise<Manager | undefined> {
  const at = (file: string) => text(posix.join(root, file));
  for (const name of Object.keys(LOCK_FILES) as ManagerName[]) {
    const lock = await at(LOCK_FILES[name]);
    if (lock === null) continue;
    if (name === 'npm') return NPM;
    const settings = name === 'yarn' && formatOf(name, lock) !== '1' ? await at('.yarnrc.yml') : null;
    return named(name, await at('package.json')) ?? kept(settings) ?? pinned(name, formatOf(name, lock));
  }
  return undefined;
}

/** As the lock file itself says; what is no lock file yet is of the usual one. */
function formatOf(name: OtherName, lock: string): string {
  if (name === 'yarn') return /^__metadata:\n(?: {2}.*\n)*? {2}version: (\d+)/m.exec(lock)?.[1] ?? '1';
  return name === 'pnpm' ? (/^lockfileVersion: '?(\d+)/m.exec(lock)?.[1] ?? '9') : '1';
}

function pinned(name: OtherName, format: string): Manager {
  const known = PINNED[name][format];
  return known === undefined ? { name, version: '', integrity: null } : { name, ...known };
}

function named(name: OtherName, manifest: string | null): Manager | undefined {
  const [, of, version = '', algorithm, hex = ''] = NAMED.exec(packageManagerIn(manifest)) ?? [];
  if (of !== name) return undefined;
  if (algorithm === undefined) return byVersion(name, version);
  if (isModernYarn({ name, version })) return { name, version, integrity: null, fileHash: { algorithm, hex } };
  return { name, version, integrity: `${algorithm}-${Buffer.from(hex, 'hex').toString('base64')}` };
}

/** As Corepack takes it: `pnpm@10.34.9+sha512.…`. */
const NAMED = /^(yarn|pnpm|bun)@(\d+\.\d+\.\d+[\w.-]*)(?:\+(\w+)\.([0-9a-f]+))?$/;

function packageManagerIn(manifest: string | null): string {
  const { packageManager } = fieldsIn(manifest) ?? {};
  return typeof packageManager === 'string' ? packageManager : '';
}

/** The Yarn that a repository keeps itself, by its version: what runs is the registry's. */
function kept(settings: string | null): Manager | undefined {
  const [, version] = /^yarnPath: ["']?\S*\/yarn-(\d+\.\d+\.\d+)\.c?js["']?\s*$/m.exec(settings ?? '') ?? [];
  return version === undefined ? undefined : byVersion('yarn', version);
}

function byVersion(name: OtherName, version: string): Manager {
  const known = Object.values(PINNED[name]).find((each) => each.version === version);
  return { name, version, integrity: known?.integrity ?? null };
}

const majorOf = ({ version }: Pick<Manager, 'version'>): number => Number(version.split('.')[0]);

/** Yarn 2 and later ("berry"), which has little in common with Yarn 1. */
export const isModernYarn = ({ name, version }: Pick<Manager, 'name' | 'version'>): boolean =>
  name === 'yarn' && majorOf({ version }) > 1;

/** Runs a script of a package.json as a person who uses this manager would: npm takes those of all, but for what only the shell of a later Yarn knows. */
export function scriptCommand(manager: Manager, script: string): string {
  if (isModernYarn(manager)) return `yarn run ${script}`;
  return script === 'test' ? 'npm test --silent' : `npm run --silent ${script}`;
}

/** Throws `BAD_MANIFEST` for one that cannot be run here. */
export function checkManager(root: string, manager: Manager, lock: string | null): void {
  const { name, version, integrity, fileHash } = manager;
  if (name === 'npm') return;
  const lockFile = posix.join(root, LOCK_FILES[name]);
  const place = posix.join(root, 'package.json');
  const refuse = (problem: string, hint: string) => new PipelineError('BAD_MANIFEST', problem, hint);
  const format = formatOf(name, lock ?? '');
  const renewed = RENEWED[name];
  if (version === '')
    throw refuse(`${lockFile} is of format ${format}, which ${phraseSupported(name)} does not write`, renewed);
  if (!isSupported[name](manager))
    throw refuse(
      `${place} names ${name}@${version} as its packageManager, which is not supported: ${phraseSupported(name)} is`,
      renewed,
    );
  if (name === 'yarn' && (format === '1') === isModernYarn(manager))
    throw refuse(
      `${place} names yarn@${version} as its packageManager, and ${lockFile} is of ${format === '1' ? 'Yarn 1' : 'Yarn 2 or later'}`,
      'name the one that wrote it: corepack use yarn@VERSION',
    );
  const checked = fileHash === undefined ? integrity : `${fileHash.algorithm}-`;
  if (checked !== null && !/^sha(1|256|384|512)-/.test(checked) && fileHash?.algorithm !== 'sha224')
    throw refuse(
      `${place} names the hash of ${name}@${version} by an algorithm that npm does not check`,
      `set it again: corepack use ${name}@${version}`,
    );
}

const isSupported: Readonly<Record<OtherName, (of: Manager) => boolean>> = {
  yarn: (of) => [1, 3, 4].includes(majorOf(of)),
  pnpm: (of) => majorOf(of) >= 8 && majorOf(of) <= 12,
  bun: ({ version }) => /^1\.(?![01]\.)/.test(version),
};

const phraseSupported = (name: OtherName) =>
  ({ yarn: 'Yarn 1, 3 or 4', pnpm: 'pnpm 8 to 12', bun: 'Bun 1.2 or later' })[name];

const RENEWED: Readonly<Record<OtherName, string>> = {
  yarn: 'corepack use yarn@4',
  pnpm: 'corepack use pnpm@10',
  bun: `npm pkg set packageManager=bun@${PINNED.bun[1]?.version}`,
};

type LockedPackage = { version: string; integrity?: string | null; bin?: Record<string, string>; cpu?: string[] };

/** The two files from which npm installs a manager: by its hash, from whatever registry it is set to. */
export function filesOfManager(manager: Manager): Record<string, string> {
  const { version } = manager;
  const programs = programsOf(manager);
  const manifest = {
    ...{ name: 'manager', version: '1.0.0', private: true, dependencies: { [packageOf(manager)]: version } },
    ...(programs.length === 0
      ? {}
      : { optionalDependencies: Object.fromEntries(programs.map(([name]) => [name, version])) }),
  };
  const others = programs.map(([name, program]) => [`node_modules/${name}`, program]);
  const own = [`node_modules/${packageOf(manager)}`, mainOf(manager, programs.length === 0)];
  const packages = { '': manifest, ...Object.fromEntries([own, ...others]) };
  const lock = { name: 'manager', version: '1.0.0', lockfileVersion: 3, requires: true, packages };
  return { 'package.json': JSON.stringify(manifest), 'package-lock.json': JSON.stringify(lock) };
}

export const packageOf = (manager: Pick<Manager, 'name' | 'version'>): string =>
  isModernYarn(manager) ? '@yarnpkg/cli-dist' : manager.name;

/** The file of its package that is started, where Node starts it. */
export function entryOfManager(manager: Pick<Manager, 'name' | 'version'>): string {
  if (manager.name === 'yarn') return 'bin/yarn.js';
  return majorOf(manager) < 11 ? 'bin/pnpm.cjs' : 'bin/pnpm.mjs';
}

function mainOf(manager: Manager, isProgram: boolean): LockedPackage {
  const { name, version, integrity } = manager;
  const bin = isProgram ? { bin: { [name]: entryOfManager(manager) } } : {};
  return { version, ...bin, ...(integrity === null ? {} : { integrity }) };
}

/** Of Bun, and of pnpm 12 and later. */
function programsOf({
  name,
  version,
}: Manager): [name: string, of: LockedPackage & { optional: true; os: string[] }][] {
  if (name === 'pnpm' && majorOf({ version }) < 12) return [];
  const isPinned = Object.values(PINNED[name as OtherName]).some((known) => known.version === version);
  return Object.entries(PROGRAMS[name] ?? {}).map(([program, { cpu, file, pinned: integrity }]) => [
    program,
    {
      ...{ version, optional: true, os: ['linux'], cpu: [cpu], bin: { [name]: file } },
      ...(isPinned && integrity !== undefined ? { integrity } : {}),
    },
  ]);
}
