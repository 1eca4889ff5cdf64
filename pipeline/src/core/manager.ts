// Which package manager installs a folder, by its lock file, in which version, and as which bytes.
import { posix } from 'node:path';
import { PipelineError } from './errors.ts';
import { fieldsIn } from './record.ts';

export type ManagerName = 'npm' | 'yarn' | 'pnpm';

export type Manager = {
  name: ManagerName;
  /** '' is npm's, which comes with Node. */
  version: string;
  /** As npm writes it; null where nobody has said it: then it is the registry's word. */
  integrity: string | null;
};

/** The first that is there decides. */
export const LOCK_FILES = {
  npm: 'package-lock.json',
  pnpm: 'pnpm-lock.yaml',
  yarn: 'yarn.lock',
} as const satisfies Record<ManagerName, string>;

export const NPM: Manager = { name: 'npm', version: '', integrity: null };

/** Those that are taken where a package.json names none. Both are JavaScript in one package, without dependencies. */
const PINNED: Readonly<Record<'yarn' | 'pnpm', Manager & { integrity: string }>> = {
  yarn: {
    name: 'yarn',
    version: '1.22.22',
    integrity: 'sha512-prL3kGtyG7o9Z9Sv8IPfBNrWTDmXB4Qbes8A9rEzt6wkJV8mUvoirjU0Mp3GGAU06Y0XQyA3/2/RQFVuK7MTfg==',
  },
  pnpm: {
    name: 'pnpm',
    version: '10.34.9',
    integrity: 'sha512-9JtajqD97bRLs8DB1ldQkqU8KVDZW3rRXfEfF5dId6LeOgHAfpNOmyjOcW5RwJqUlixzBtCb4uHksYqMh2L9Mg==',
  },
};

type Texts = (file: string) => Promise<string | null>;

/** By the first lock file in a folder; undefined where there is none. */
export async function managerIn(root: string, text: Texts): Promise<Manager | undefined> {
  for (const name of Object.keys(LOCK_FILES) as ManagerName[]) {
    if ((await text(posix.join(root, LOCK_FILES[name]))) === null) continue;
    return name === 'npm' ? NPM : namedIn(name, await text(posix.join(root, 'package.json')));
  }
  return undefined;
}

function namedIn(name: 'yarn' | 'pnpm', manifest: string | null): Manager {
  const [, named, version = '', algorithm, hex = ''] = NAMED.exec(packageManagerIn(manifest)) ?? [];
  if (named !== name) return PINNED[name];
  if (algorithm !== undefined)
    return { name, version, integrity: `${algorithm}-${Buffer.from(hex, 'hex').toString('base64')}` };
  return version === PINNED[name].version ? PINNED[name] : { name, version, integrity: null };
}

/** As Corepack takes it: `pnpm@10.34.9+sha512.…`. */
const NAMED = /^(yarn|pnpm)@(\d+\.\d+\.\d+[\w.-]*)(?:\+(\w+)\.([0-9a-f]+))?$/;

function packageManagerIn(manifest: string | null): string {
  const { packageManager } = fieldsIn(manifest) ?? {};
  return typeof packageManager === 'string' ? packageManager : '';
}

/** Throws `BAD_MANIFEST` for one that cannot be run here. */
export function checkManager(root: string, { name, version, integrity }: Manager, lock: string | null): void {
  const lockFile = posix.join(root, LOCK_FILES[name]);
  const refuse = (problem: string, hint: string) => new PipelineError('BAD_MANIFEST', problem, hint);
  const hint = 'use npm, Yarn 1 or pnpm 8 to 10';
  if (name === 'yarn' && lock !== null && !/^# yarn lockfile v1$/m.test(lock))
    throw refuse(`${lockFile} is of Yarn 2 or later, which is not supported yet`, hint);
  const [major] = version.split('.').map(Number);
  const place = posix.join(root, 'package.json');
  if (name !== 'npm' && !MAJORS[name].includes(major ?? 0))
    throw refuse(`${place} names ${name}@${version} as its packageManager, which is not supported yet`, hint);
  if (integrity !== null && !/^sha(1|256|384|512)-/.test(integrity))
    throw refuse(
      `${place} names the hash of ${name}@${version} by an algorithm that npm does not check`,
      `set it again: corepack use ${name}@${version}`,
    );
}

const MAJORS: Readonly<Record<'yarn' | 'pnpm', readonly number[]>> = { yarn: [1], pnpm: [8, 9, 10] };

/** The two files from which npm installs a manager: by its hash, from whatever registry it is set to. */
export function filesOfManager({ name, version, integrity }: Manager): Record<string, string> {
  const manifest = { name: 'manager', version: '1.0.0', private: true, dependencies: { [name]: version } };
  const bin = { [name]: name === 'yarn' ? 'bin/yarn.js' : 'bin/pnpm.cjs' };
  const locked = { version, bin, ...(integrity === null ? {} : { integrity }) };
  const packages = { '': manifest, [`node_modules/${name}`]: locked };
  const lock = { name: 'manager', version: '1.0.0', lockfileVersion: 3, requires: true, packages };
  return { 'package.json': JSON.stringify(manifest), 'package-lock.json': JSON.stringify(lock) };
}
