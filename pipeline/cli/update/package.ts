// A version of this tool's package beside the repository, to be asked what it writes before anything of the repository changes.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PipelineError, reasonOf } from '../../src/core/errors.ts';
import { isRecord } from '../../src/core/record.ts';
import { PACKAGE } from '../../src/core/update.ts';
import type { NewFile } from '../init/write.ts';

const run = promisify(execFile);
const OPTIONS = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];

export type Unpacked = { version: string; folder: string };

/** `spec` is a version, a tag of the registry, or an archive's path. Throws `BAD_OPTION` where npm does not find it. */
export async function unpack(spec: string, folder: string): Promise<Unpacked> {
  mkdirSync(folder, { recursive: true });
  const named = spec.endsWith('.tgz') ? spec : `${PACKAGE}@${spec}`;
  try {
    await run('npm', ['--prefix', folder, 'install', ...OPTIONS, named], { cwd: folder });
  } catch (error) {
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

/** The files that this version would write into a repository that has none of them. */
export async function writtenBy({ version, folder }: Unpacked, root: string): Promise<NewFile[]> {
  const program = join(folder, 'bin/drydock.mjs');
  try {
    const { stdout } = await run(process.execPath, [program, 'init', '--dry-run', '--json'], { cwd: root });
    const files: unknown = JSON.parse(stdout);
    if (Array.isArray(files))
      return files.filter(isRecord).map(({ path, text }) => ({ path: String(path), text: String(text) }));
  } catch (error) {
    throw notSaid(version, error);
  }
  throw notSaid(version);
}

const notSaid = (version: string, cause?: unknown) =>
  new PipelineError(
    'BAD_OPTION',
    `${PACKAGE} ${version} does not say which files it writes, so they cannot be merged`,
    `update the package alone: npm install --save-dev --save-exact ${PACKAGE}@${version}`,
    { cause },
  );
