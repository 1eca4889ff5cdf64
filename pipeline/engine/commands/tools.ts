// `tools`: says which programs the engine runs. `fetch-tools`: has its own in a folder of the cache; bin/tools.sh asks for that.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { EnvironmentError } from '../errors.ts';
import { AssembleError } from '../images/assembled/errors.ts';
import { describeHoles, type KnownHoles } from '../run/holes.ts';
import { findProgram } from '../run/programs.ts';
import { unwritableError } from '../store/disk.ts';
import { installCommand, missingPackages, readDistribution } from '../tools/host.ts';
import { areSound, commandOf, type InstallOptions, installTools, TOOLS_LOCK } from '../tools/install.ts';

const KEEP_MS = 7 * 24 * 60 * 60 * 1000;

/** Fetch them; where that fails, the machine's own programs do if all are there, and else the error says how to get them. */
export async function provideTools(options: InstallOptions & { isRoot: boolean }): Promise<void> {
  try {
    if (existsSync(options.folder)) await repairTools(options);
    else await installTools(options);
    checkStart(options.folder);
    removeOld(options.folder);
  } catch (error) {
    const unwritable = unwritableError(error, `the engine's tools cannot be kept in ${options.folder}`);
    if (unwritable !== undefined) throw unwritable;
    if (!(error instanceof AssembleError)) throw error;
    const why = error.message.split('; ')[0];
    const missing = missingPackages();
    if (missing.length > 0)
      throw new EnvironmentError(
        `the engine's own tools could not be fetched, and this machine lacks ${missing.join(', ')}: ${why}`,
        installCommand(missing, readDistribution(), options.isRoot),
        { cause: error },
      );
    options.log(`note: this machine's own programs are used, as the engine's could not be fetched: ${why}`);
  }
}

/** Makes them again where a file is not what was unpacked: what starts all steps may not be anything else. */
export async function repairTools(options: InstallOptions): Promise<void> {
  if (areSound(options.folder)) return;
  // Named by hand it may be any folder, and is not ours to remove.
  if (basename(dirname(options.folder)) !== 'tools')
    throw new EnvironmentError(`DRYDOCK_TOOLS names ${options.folder}, which holds no tools`, 'unset DRYDOCK_TOOLS');
  options.log(`note: the engine's tools in ${options.folder} are damaged, and made again`);
  rmSync(options.folder, { recursive: true, force: true });
  await installTools(options);
}

function checkStart(folder: string): void {
  const [loader] = commandOf(folder, '');
  const { error } = spawnSync(loader, ['--version']);
  if (error === undefined) return;
  const hint = 'set XDG_CACHE_HOME to a folder of a file system that is not mounted with noexec';
  throw new EnvironmentError(`programs in ${folder} cannot be started: ${error.message}`, hint);
}

/** "crun version 1.21, its own": whose programs they are, and the version of the one that starts steps. */
export function describeTools(folder: string | undefined): string {
  const { line } = runtimeOf(folder);
  return `${line}, ${folder ? 'its own' : "this machine's"}`;
}

/** What is known of the versions of those that steps are shut in by: the runtime, what it falls back on, and the way to the network. */
export function knownHoles(folder: string | undefined): KnownHoles[] {
  const { name, line } = runtimeOf(folder);
  const pasta = folder
    ? TOOLS_LOCK.platforms['linux/amd64']?.debian.find((pin) => pin.name === 'passt')?.version
    : pastaHere();
  return [describeHoles(name, versionIn(line)), ...(pasta === undefined ? [] : [describeHoles('pasta', pasta)])];
}

function runtimeOf(folder: string | undefined): { name: 'crun' | 'runc'; line: string } {
  const crun = folder ? commandOf(folder, 'crun') : findProgram('crun');
  const [program = 'runc', ...args] = [crun ?? []].flat();
  // Without a place for its state it says nothing where a user has no folder of that kind; none is written there.
  const words = [...args, '--root', tmpdir(), '--version'];
  const [line = ''] = execFileSync(program, words, { encoding: 'utf8' }).split('\n');
  return { name: crun === undefined ? 'runc' : 'crun', line };
}

function pastaHere(): string | undefined {
  const program = findProgram('pasta');
  return program && versionIn(execFileSync(program, ['--version'], { encoding: 'utf8' }));
}

/** Of "crun version 1.21" and "pasta 0.0~git20230309.7c7625d-1". */
const versionIn = (text: string): string => /^\w+ (?:version )?(\S+)/.exec(text)?.[1] ?? 'of an unknown version';

/** Other versions stay a while: another checkout may be running on them. */
function removeOld(folder: string): void {
  const all = dirname(folder);
  for (const name of readdirSync(all)) {
    const isOld = Date.now() - (statSync(join(all, name), { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > KEEP_MS;
    if (name !== basename(folder) && isOld) rmSync(join(all, name), { recursive: true, force: true });
  }
}
