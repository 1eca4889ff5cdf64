// Where the dependencies of a folder are locked, and which packages of the repository itself it is linked to: its workspaces, and what `file:` names.
import { posix } from 'node:path';
import { parse } from 'yaml';
import { folderPattern } from '../oci/wildcards.ts';
import { type Manager, managerIn, NPM } from './manager.ts';
import { fieldsIn, recordOf } from './record.ts';

/** What is asked of a repository: the text of a file, null where there is none, and where its package.json files are. */
export type RepositoryFiles = {
  text: (file: string) => Promise<string | null>;
  manifests: () => Promise<readonly string[]>;
};

/** A package of the repository that another is linked to. */
export type Local = {
  name: string;
  path: string;
  hasBuild: boolean;
  /** Its manager knows it as one of the project, and runs its scripts. */
  isWorkspace: boolean;
  /** It lies elsewhere, and is installed by itself: npm installs nothing for a folder that it links to from outside. */
  isApart: boolean;
  /** It is copied when it is installed, as others than npm do with what `file:` names: all of it has to be there by then. */
  isCopied: boolean;
};

export type Project = {
  /** The folder that holds the lock file: the package's own, or that of its workspace root. */
  root: string;
  manager: Manager;
  /** It is the root of workspaces, or one of them. */
  hasWorkspaces: boolean;
  /** Other folders whose package.json an install reads. */
  members: string[];
  /** What the package is linked to, directly or not: each behind what it needs itself. */
  locals: Local[];
};

export async function projectOf(path: string, files: RepositoryFiles): Promise<Project> {
  const root = await rootOf(path, files);
  const manager = (await managerIn(root, files.text)) ?? NPM;
  const workspaces = await workspacesOf(root, files);
  const found = await localsOf({ path, root, workspaces }, files);
  const isNpm = manager.name === 'npm';
  const locals = found.map((local) => ({
    ...local,
    ...{ isApart: local.isApart && isNpm, isCopied: local.isCopied && !isNpm },
  }));
  const members = new Set([...workspaces.values(), ...locals.map((local) => local.path)]);
  const hasWorkspaces = workspaces.size > 0;
  return { root, manager, hasWorkspaces, members: [...members].filter((member) => member !== root).sort(), locals };
}

async function rootOf(path: string, files: RepositoryFiles): Promise<string> {
  if ((await managerIn(path, files.text)) !== undefined) return path;
  for (const folder of foldersAbove(path))
    if (isWorkspace(await globsOf(folder, files), posix.relative(folder, path))) return folder;
  return path;
}

/** The nearest first; '' is the root of the repository. */
function foldersAbove(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '');
  return parts.map((_, index) => parts.slice(0, parts.length - 1 - index).join('/'));
}

/** Folders by the names of their packages. */
async function workspacesOf(root: string, files: RepositoryFiles): Promise<Map<string, string>> {
  const globs = await globsOf(root, files);
  if (globs.length === 0) return new Map();
  const folders = (await files.manifests())
    .map((file) => posix.dirname(file).replace(/^\.$/, ''))
    .filter((folder) => folder !== root && isBelow(root, folder) && isWorkspace(globs, posix.relative(root, folder)));
  const named = await Promise.all(
    folders.sort().map(async (folder): Promise<[string, string]> => {
      const { name } = await manifestOf(folder, files);
      return [typeof name === 'string' ? name : folder, folder];
    }),
  );
  return new Map(named);
}

const isBelow = (root: string, folder: string) => root === '' || folder.startsWith(`${root}/`);

async function globsOf(root: string, files: RepositoryFiles): Promise<string[]> {
  return workspaceGlobs(
    await files.text(posix.join(root, 'package.json')),
    await files.text(posix.join(root, 'pnpm-workspace.yaml')),
  );
}

/** The patterns of folders, without ./ before and / behind. */
export function workspaceGlobs(manifest: string | null, pnpmWorkspaces: string | null): string[] {
  const { workspaces } = fieldsIn(manifest) ?? {};
  const globs = [workspaces, recordOf(workspaces).packages, yamlOf(pnpmWorkspaces).packages]
    .filter(Array.isArray)
    .flat();
  return globs.map((glob) =>
    String(glob)
      .replace(/^(!?)\.?\//, '$1')
      .replace(/(?<!\/)\/+$/, ''),
  );
}

/** The last pattern that fits decides, as `!` takes back. */
function isWorkspace(globs: readonly string[], folder: string): boolean {
  const last = globs.findLast((glob) => folderPattern(glob.replace(/^!/, '')).fits(folder));
  return last !== undefined && !last.startsWith('!');
}

type From = { path: string; root: string; workspaces: ReadonlyMap<string, string> };

/** All that a package is linked to, in the order in which it can be built. */
async function localsOf({ path, root, workspaces }: From, files: RepositoryFiles): Promise<Local[]> {
  const inside = new Set(workspaces.values());
  const seen = new Set([path]);
  const locals: Local[] = [];
  const visit = async (folder: string) => {
    for (const { folder: next, isCopied } of linksOf(folder, await manifestOf(folder, files), workspaces)) {
      if (seen.has(next) || (await files.text(posix.join(next, 'package.json'))) === null) continue;
      seen.add(next);
      await visit(next);
      const { name = next, scripts, dependencies, devDependencies } = await manifestOf(next, files);
      const needsOthers = [dependencies, devDependencies].some((some) => Object.keys(recordOf(some)).length > 0);
      const isWorkspace = inside.has(next);
      const isApart = needsOthers && !isWorkspace && !isBelow(root, next);
      locals.push({
        ...{ name: String(name), path: next, isWorkspace, isApart, isCopied },
        hasBuild: typeof recordOf(scripts).build === 'string',
      });
    }
  };
  await visit(path);
  return locals;
}

const KINDS = ['dependencies', 'optionalDependencies', 'peerDependencies', 'devDependencies'] as const;

type Link = { folder: string; isCopied: boolean };

function linksOf(folder: string, manifest: Record<string, unknown>, workspaces: ReadonlyMap<string, string>): Link[] {
  const wanted = KINDS.flatMap((kind) => Object.entries(recordOf(manifest[kind])));
  return wanted.flatMap(([name, range]): Link[] => {
    const [, kind, place] = FOLDER.exec(String(range)) ?? [];
    if (place !== undefined) {
      const named = posix.join(folder, place).replace(/^\.$|\/$/, '');
      return ARCHIVE.test(named) || named.startsWith('..') || posix.isAbsolute(place)
        ? []
        : [{ folder: named, isCopied: kind === 'file' }];
    }
    const workspace = /^(workspace:|[^:/]*$)/.test(String(range)) ? workspaces.get(name) : undefined;
    return workspace === undefined ? [] : [{ folder: workspace, isCopied: false }];
  });
}

const FOLDER = /^(file|link|portal):(.+)$/;
const ARCHIVE = /\.(tgz|tar\.gz|tar)$/;

async function manifestOf(folder: string, files: RepositoryFiles): Promise<Record<string, unknown>> {
  // What cannot be read is said elsewhere.
  return fieldsIn(await files.text(posix.join(folder, 'package.json'))) ?? {};
}

function yamlOf(text: string | null): Record<string, unknown> {
  try {
    return recordOf(parse(text ?? ''));
  } catch {
    return {};
  }
}
