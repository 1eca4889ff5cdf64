// What moves this tool's package to another version in a repository: the command of the repository's own package manager.
import { PipelineError } from './errors.ts';
import { isModernYarn, type Manager } from './manager.ts';
import { fieldsIn, recordOf } from './record.ts';

export const PACKAGE = 'drydock-ci';

/** A version of the package, or an archive of it by its path. */
export type Target = { version: string; file: string | null };

/** Whether the repository asks for the package where it runs, or where it is developed. Throws `BAD_MANIFEST` where it does not. */
export function kindIn(manifest: string | null): 'dependencies' | 'devDependencies' {
  const fields = fieldsIn(manifest) ?? {};
  for (const kind of ['devDependencies', 'dependencies'] as const)
    if (Object.hasOwn(recordOf(fields[kind]), PACKAGE)) return kind;
  throw new PipelineError(
    'BAD_MANIFEST',
    `package.json does not depend on ${PACKAGE}, so there is no version to update`,
    `npm install --save-dev ${PACKAGE}`,
  );
}

/** As package.json has it. */
export const rangeOf = ({ version, file }: Target): string => (file === null ? version : `file:${file}`);

/** The manifest with another version of the package, and nothing else changed. */
export const withRange = (manifest: string, range: string): string =>
  manifest.replace(new RegExp(`("${PACKAGE}"\\s*:\\s*)"[^"]*"`), (_, before: string) => `${before}"${range}"`);

type Moved = { target: Target; isDevelopment: boolean; hasWorkspaces: boolean };

/** Runs no script of any package. */
export function moveCommand(manager: Manager, { target, isDevelopment, hasWorkspaces }: Moved): [string, ...string[]] {
  const { name } = manager;
  const isLong = name === 'npm' || name === 'pnpm';
  const saved = isDevelopment ? [isLong ? '--save-dev' : '--dev'] : isLong ? ['--save-prod'] : [];
  const scripts = isModernYarn(manager) ? '--mode=skip-build' : '--ignore-scripts';
  const root = hasWorkspaces && !isModernYarn(manager) ? AT_ROOT[name] : [];
  const options = [...saved, isLong ? '--save-exact' : '--exact', scripts, ...root];
  return [name, name === 'npm' ? 'install' : 'add', ...options, `${PACKAGE}@${rangeOf(target)}`];
}

/** Without these, they refuse to add a package to the root of workspaces. */
const AT_ROOT: Readonly<Record<Manager['name'], readonly string[]>> = { npm: [], yarn: ['-W'], pnpm: ['-w'], bun: [] };
