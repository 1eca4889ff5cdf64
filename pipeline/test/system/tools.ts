// The engine's own tools for tests: a bare machine has neither `mount` nor a program that runs containers.
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { $ } from 'zx';
import { withOurLoader } from '../../engine/tools/elf.ts';
import { commandOf } from '../../engine/tools/install.ts';
import { debianProgram, filesOf, PROGRAMS } from './packages.ts';
import { ROOT } from './repository.ts';

const engine = join(ROOT, 'pipeline/engine');
const AMONG = join(import.meta.dirname, 'programs/among-tools.sh');

const quietly = $({ quiet: true });

let found: Promise<string> | undefined;

/** Where they are, fetched if need be; nothing where the machine's own have to do. */
export function toolsFolder(): Promise<string> {
  const script = 'engine=$1; . "$engine/bin/tools.sh"; find_tools tools; echo "$tools"';
  found ??= quietly`sh -euc ${script} sh ${engine}`.then(({ stdout }) => stdout.trim());
  return found;
}

/** The beginning of a tool's command line. */
export async function tool(name: string): Promise<string[]> {
  const folder = await toolsFolder();
  return folder === '' ? [name] : commandOf(folder, name);
}

/** What small disks are called, which another test file may have mounted at any time. */
export const TEST_DISK = 'disk-of-a-test';

/** A disk of its own for a folder, as only root may have one. */
export const mountDisk = async (folder: string, size: string) =>
  await quietly`${await tool('mount')} -t tmpfs -o size=${size} ${TEST_DISK} ${folder}`;
export const resizeDisk = async (folder: string, size: string) =>
  await quietly`${await tool('mount')} -o remount,size=${size} ${folder}`;
export const unmountDisk = async (folder: string) => await quietly`${await tool('umount')} --lazy ${folder}`;

/** A program out of a package (packages.ts) that finds below /usr/share what its package has there. */
export async function withSharedFiles(program: string): Promise<string[]> {
  const namespaces = process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount'];
  const script =
    'files=$1 mount=$2; shift 2; $mount -t overlay -o "lowerdir=$files:/usr/share" files /usr/share; exec "$@"';
  const words = [join(filesOf(program), 'usr/share'), (await tool('mount')).join(' '), program];
  return ['unshare', ...namespaces, '--propagation', 'private', 'sh', '-euc', script, 'sh', ...words];
}

/** Begins a command that sees the tools in the folder that they expect to be in (run/mounts.ts), and finds them first. Needs root. */
export const AMONG_TOOLS = ['unshare', '--mount', '--propagation', 'private', 'sh', AMONG, engine] as const;

/** runc, put into a folder. It starts itself again, so that no script can tell its loader where libraries are: it needs to be among the tools. */
export async function runcIn(folder: string): Promise<string> {
  const installed = dirname(dirname(await debianProgram(PROGRAMS, 'runc')));
  const program = join(folder, 'runc');
  await writeFile(program, withOurLoader(await readFile(join(installed, 'programs/runc')), 'runc'), { mode: 0o755 });
  return program;
}
