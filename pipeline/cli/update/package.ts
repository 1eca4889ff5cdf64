// A version of this tool's package beside the repository, to be asked what it writes before anything of the repository changes.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PipelineError, reasonOf } from '../../src/core/errors.ts';
import { isRecord } from '../../src/core/record.ts';
import { PACKAGE } from '../../src/core/update.ts';
import type { NewFile } from '../init/write.ts';
import { textIn } from '../plain-files.ts';

const run = promisify(execFile);
const OPTIONS = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];

/** For which repository, and until when. */
export type Asking = { root: string; signal: AbortSignal };

export type Unpacked = { version: string; folder: string };

/** npm's words for a version that its registry does not have. */
const NOT_FOUND = /^npm (error|ERR!) code (E404|ETARGET)$/m;

export const isNotFound = (error: unknown) => error instanceof PipelineError && NOT_FOUND.test(reasonOf(error.cause));

/**
 * `spec` is a version, a tag of the registry that the repository installs from, or an archive's path. Throws `BAD_OPTION` where npm cannot
 * download it.
 */
export async function unpack(spec: string, folder: string, { root, signal }: Asking): Promise<Unpacked> {
  mkdirSync(folder, { recursive: true });
  // The same registry gives what is asked here and what is installed later.
  writeFileSync(join(folder, '.npmrc'), textIn(root, '.npmrc') ?? '');
  const named = spec.endsWith('.tgz') ? spec : `${PACKAGE}@${spec}`;
  try {
    await run('npm', ['--prefix', folder, 'install', ...OPTIONS, named], { cwd: folder, signal });
  } catch (error) {
    signal.throwIfAborted();
    const said = reasonOf(error)
      .split('\n')
      .find((line) => /^npm (error|ERR!) (?!code)/.test(line));
    throw new PipelineError(
      'BAD_OPTION',
      `npm cannot download ${named}: ${said?.replace(/^npm (error|ERR!) (\w+ )?/, '') ?? reasonOf(error)}`,
      `see which versions there are: npm view ${PACKAGE} versions`,
      { cause: error },
    );
  }
  const unpacked = join(folder, 'node_modules', PACKAGE);
  const { version } = JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8')) as { version: string };
  return { version, folder: unpacked };
}

/** The files that this version would write into a repository that has none of them; null where it does not say. */
export async function writtenBy({ folder }: Unpacked, { root, signal }: Asking): Promise<NewFile[] | null> {
  const program = join(folder, 'bin/drydock.mjs');
  try {
    const { stdout } = await run(process.execPath, [program, 'init', '--dry-run', '--json'], { cwd: root, signal });
    const files: unknown = JSON.parse(stdout);
    if (!Array.isArray(files)) return null;
    return files.filter(isRecord).map(({ path, text }) => ({ path: String(path), text: String(text) }));
  } catch {
    signal.throwIfAborted();
    return null;
  }
}
