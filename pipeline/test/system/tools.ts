// The engine's own tools for tests: a bare machine has neither `mount` nor a program that runs containers.
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { $ } from 'zx';
import { withOurLoader } from '../../engine/tools/elf.ts';
import { commandOf } from '../../engine/tools/install.ts';
import { debianProgram, PROGRAMS } from './packages.ts';
import { ROOT } from './repository.ts';

const engine = join(ROOT, 'pipeline/engine');
const AMONG = join(import.meta.dirname, 'programs/among-tools.sh');

let found: Promise<string> | undefined;

/** Where they are, fetched if need be; nothing where the machine's own have to do. */
export function toolsFolder(): Promise<string> {
  const script = 'engine=$1; . "$engine/bin/tools.sh"; find_tools tools; echo "$tools"';
  found ??= $({ quiet: true })`sh -euc ${script} sh ${engine}`.then(({ stdout }) => stdout.trim());
  return found;
}

async function mount(name: 'mount' | 'umount', args: readonly string[]): Promise<void> {
  const folder = await toolsFolder();
  await $({ quiet: true })`${folder === '' ? [name] : commandOf(folder, name)} ${args}`;
}

/** What small disks are called, which another test file may have mounted at any time. */
export const TEST_DISK = 'disk-of-a-test';

/** A disk of its own for a folder, as only root may have one. */
export const mountDisk = (folder: string, size: string) =>
  mount('mount', ['-t', 'tmpfs', '-o', `size=${size}`, TEST_DISK, folder]);
export const resizeDisk = (folder: string, size: string) => mount('mount', ['-o', `remount,size=${size}`, folder]);
export const unmountDisk = (folder: string) => mount('umount', ['--lazy', folder]);

/** Begins a command that sees the tools in the folder that they expect to be in (run/mounts.ts), and finds them first. Needs root. */
export const AMONG_TOOLS = ['unshare', '--mount', '--propagation', 'private', 'sh', AMONG, engine] as const;

/** runc, put into a folder. It starts itself again, so that no script can tell its loader where libraries are: it needs to be among the tools. */
export async function runcIn(folder: string): Promise<string> {
  const installed = dirname(dirname(await debianProgram(PROGRAMS, 'runc')));
  const program = join(folder, 'runc');
  await writeFile(program, withOurLoader(await readFile(join(installed, 'programs/runc')), 'runc'), { mode: 0o755 });
  return program;
}
