// What the embedded engine needs of the operating system: decides what is missing and what may be done about it, then does it.
import { spawn } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { PipelineError } from '../src/core/errors.ts';

/** Programs of the operating system, and the Debian package that brings each. */
const PROGRAMS: Readonly<Record<string, string>> = {
  crun: 'crun',
  'tini-static': 'tini',
  unshare: 'util-linux',
  nsenter: 'util-linux',
  mount: 'mount',
  ip: 'iproute2',
  pasta: 'passt',
  nft: 'nftables',
};
/** What does as well, if more slowly, and so need not be replaced. */
const STAND_INS: Readonly<Record<string, string>> = { crun: 'runc' };
/** Without root, the kernel maps users only with the help of these. */
const ROOTLESS_PROGRAMS: Readonly<Record<string, string>> = { newuidmap: 'uidmap', newgidmap: 'uidmap' };

/** Where namespaces are refused, steps run by these. */
const CHROOT_PROGRAMS: Readonly<Record<string, string>> = { crun: 'crun', 'tini-static': 'tini', perl: 'perl-base' };

/** Other families call some packages otherwise; what is not listed is called the same. */
const FAMILIES = [
  { ids: ['debian', 'ubuntu'], command: 'apt-get install -y --no-install-recommends', names: {} },
  {
    ids: ['fedora', 'rhel', 'centos'],
    command: 'dnf install -y',
    names: { iproute2: 'iproute', mount: 'util-linux', uidmap: 'shadow-utils' },
  },
  { ids: ['arch'], command: 'pacman -S --needed', names: { mount: 'util-linux', uidmap: 'shadow' } },
  { ids: ['alpine'], command: 'apk add', names: { mount: 'util-linux', uidmap: 'shadow-uidmap' } },
  { ids: ['suse', 'opensuse'], command: 'zypper install -y', names: { mount: 'util-linux', uidmap: 'shadow' } },
] as const;

/** What is known of the machine. */
export type Machine = {
  /** Programs that are not found. */
  missing: readonly string[];
  /** `ID` and `ID_LIKE` of /etc/os-release. */
  distribution: readonly string[];
  isRoot: boolean;
  /** sudo that asks for no password. */
  hasSudo: boolean;
  /** `CI` is set, or --yes was given. */
  isAllowed: boolean;
  /** Somebody sits at a terminal and can be asked. */
  canAsk: boolean;
};

export type Plan =
  | { kind: 'nothing' }
  | { kind: 'install' | 'ask'; packages: string[]; command: string[] }
  | { kind: 'refuse'; error: PipelineError };

/** Nothing to do, install, ask first, or name the one command. */
export function planInstall(machine: Machine): Plan {
  if (machine.missing.length === 0) return { kind: 'nothing' };
  const family = FAMILIES.find(({ ids }) => ids.some((id) => machine.distribution.includes(id)));
  const names: Readonly<Record<string, string>> = family?.names ?? {};
  const debian = [...new Set(machine.missing.map((program) => packageOf(program)))];
  const packages = [...new Set(debian.map((name) => names[name] ?? name))];
  const words = `${family?.command ?? 'install'} ${packages.join(' ')}`;
  const isDebian = family === FAMILIES[0];
  if (isDebian && (machine.isRoot || machine.hasSudo) && (machine.isAllowed || machine.canAsk)) {
    const command = [...(machine.isRoot ? [] : ['sudo', '-n']), ...words.split(' ')];
    return { kind: machine.isAllowed ? 'install' : 'ask', packages, command };
  }
  const hint = family === undefined ? `install ${packages.join(', ')}` : `${machine.isRoot ? '' : 'sudo '}${words}`;
  const error = new PipelineError('MISSING_PROGRAMS', `the embedded engine needs ${machine.missing.join(', ')}`, hint);
  return { kind: 'refuse', error };
}

function packageOf(program: string): string {
  return { ...PROGRAMS, ...ROOTLESS_PROGRAMS, ...CHROOT_PROGRAMS }[program] ?? program;
}

export type Consent = {
  yes: boolean;
  env: NodeJS.ProcessEnv;
  canAsk: boolean;
  /** Namespaces are refused here: steps run by other programs. */
  isShared?: boolean;
  say: (line: string) => void;
};

/** What is to be done about missing programs. */
export async function lookForPrograms(consent: Omit<Consent, 'say'>): Promise<Plan> {
  const missing = missingPrograms(consent);
  return missing.length === 0 ? { kind: 'nothing' } : planInstall(await inspect(missing, consent));
}

/** Make sure that everything is there; installs what may be installed, and says so. Throws when something stays missing. */
export async function ensureRequirements(consent: Consent): Promise<void> {
  const missing = missingPrograms(consent);
  if (missing.length === 0) return;
  const plan = planInstall(await inspect(missing, consent));
  if (plan.kind === 'nothing') return;
  if (plan.kind === 'refuse') throw plan.error;
  const shown = plan.command.join(' ');
  if (
    plan.kind === 'ask' &&
    !(await ask(`The embedded engine needs ${plan.packages.join(', ')}. Run \`${shown}\`? [y/N] `))
  ) {
    throw new PipelineError('MISSING_PROGRAMS', `the embedded engine needs ${missing.join(', ')}`, shown);
  }
  consent.say(`installing ${plan.packages.join(', ')}: ${shown}`);
  await aptInstall(plan.command);
  const still = missingPrograms(consent);
  if (still.length > 0) {
    throw new PipelineError(
      'MISSING_PROGRAMS',
      `${still.join(', ')} cannot be found, though the packages are installed`,
      'is PATH as it should be?',
    );
  }
}

async function inspect(missing: string[], consent: Omit<Consent, 'say'>): Promise<Machine> {
  const isRoot = process.getuid?.() === 0;
  return {
    missing,
    distribution: readDistribution(),
    isRoot,
    hasSudo: !isRoot && (await capture(['sudo', '-n', 'true'])).code === 0,
    isAllowed: consent.yes || Boolean(consent.env.CI),
    canAsk: consent.canAsk,
  };
}

function missingPrograms({ env, isShared = false }: Pick<Consent, 'env' | 'isShared'>): string[] {
  const isRoot = process.getuid?.() === 0;
  const wanted = Object.keys(isShared ? CHROOT_PROGRAMS : isRoot ? PROGRAMS : { ...PROGRAMS, ...ROOTLESS_PROGRAMS });
  const folders = searchPath(env).split(delimiter);
  const isThere = (program: string) => folders.some((folder) => isExecutable(join(folder, program)));
  const others = isShared ? {} : STAND_INS;
  return wanted.filter((program) => !isThere(program) && !isThere(others[program] ?? program));
}

/** Where the engine looks: where administrators' programs are is often not in a user's PATH. */
export const searchPath = (env: NodeJS.ProcessEnv): string =>
  [env.PATH ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin'].join(delimiter);

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function readDistribution(): string[] {
  try {
    return parseOsRelease(readFileSync('/etc/os-release', 'utf8'));
  } catch {
    return []; // not every system has one; it is then a family that we don't know
  }
}

/** `ID` and the words of `ID_LIKE`. */
export function parseOsRelease(text: string): string[] {
  const values = ['ID', 'ID_LIKE'].map((key) => new RegExp(`^${key}=["']?([^"'\n]*)`, 'm').exec(text)?.[1] ?? '');
  return values.flatMap((value) => value.split(/\s+/)).filter((word) => word !== '');
}

async function ask(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(question)).trim());
  } finally {
    terminal.close();
  }
}

async function aptInstall(command: readonly string[]): Promise<void> {
  // A fresh machine has no lists yet, an old one has stale ones; a failure here shows in the install.
  await capture([...command.slice(0, command.indexOf('apt-get') + 1), 'update', '-qq']);
  const { code, output } = await capture(command);
  if (code === 0) return;
  const last = output.trim().split('\n').slice(-3).join(' ');
  throw new PipelineError(
    'MISSING_PROGRAMS',
    `\`${command.join(' ')}\` failed: ${last}`,
    'run it by hand, and see what it says',
  );
}

function capture(command: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const [program = '', ...args] = command;
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
    let output = '';
    const collect = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-20_000);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (error) => resolve({ code: 127, output: error.message }));
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}
