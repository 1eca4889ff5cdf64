// Reads of a repository what the rules of a check look at. Starts nothing but git, and follows no link.
import { readlinkSync, statSync } from 'node:fs';
import { dirname, join, posix, relative, resolve } from 'node:path';
import type { DockerfileFacts, LinkFacts, PackageFacts, RepositoryFacts } from '../../src/core/check/facts.ts';
import { COMPOSE_FILE, readCompose } from '../../src/core/compose/read.ts';
import { PipelineError, refusalOf } from '../../src/core/errors.ts';
import { POLICY_FILE, parsePolicy } from '../../src/core/gate/policy.ts';
import { LOCK_FILES, NPM } from '../../src/core/manager.ts';
import { fileOf, type ServicePackage } from '../../src/core/package.ts';
import { lockFileOf, placesToCheck } from '../../src/core/package-sets.ts';
import type { Project, RepositoryFiles } from '../../src/core/project.ts';
import { isPlatform } from '../../src/core/smoke/alone.ts';
import { describeSubject, type Repository, subjectsIn } from '../../src/core/subject.ts';
import { SUBJECT_FILE } from '../../src/core/subject-file.ts';
import { isPlainName, onDisk } from '../../src/oci/names.ts';
import { readBudgets } from '../ledger.ts';
import { namesIn, plainStats, textIn } from '../plain-files.ts';
import { checkRepository, checkSubjectFile } from '../subject.ts';
import { checkOutput } from '../tracked.ts';
import { filesLackingContent, ignoredOf, listedFiles } from './git.ts';

/** `isWhole`: also what is not tracked, and what a run says for itself before it begins. `draft` is a drydock.yaml that is not written yet. */
export type Question = {
  root: string;
  output: string;
  isWhole: boolean;
  draft?: string | undefined;
  /** Of drydock.yaml; all of them, if none is named. */
  services?: readonly string[];
};

export async function readRepository({ root, output, isWhole, draft, services }: Question): Promise<RepositoryFacts> {
  const listed = listedFiles(root, isWhole);
  const files = listed.map(({ path }) => path);
  const has = new Set(files);
  const unseen = ignoredOf(root, untrackedOf(root, has));
  /** As a run sees it: without what git ignores. */
  const committed = kept((path) => (unseen.has(path) ? null : textIn(root, path)));
  const seen = (path: string) => (path === SUBJECT_FILE && draft !== undefined ? draft : committed(path));
  const manifests = async () => files.filter((path) => /(^|\/)package\.json$/.test(path));
  const { subject, refusals } = await readSubject({ text: async (path) => seen(path), manifests }, services);
  return {
    refusals: [...(isWhole ? refusalsOf(root, output) : []), ...refusals],
    packages: subject === null ? [] : packagesOf(root, subject, seen, unseen),
    dockerfiles: (subject?.services ?? []).flatMap((service) => dockerfileOf(service, seen)),
    needs: [...(subject?.services ?? []), ...(subject?.packages ?? [])].flatMap(({ needs }) => needs),
    deployed: servicesIn(seen(COMPOSE_FILE)),
    subjectText: seen(SUBJECT_FILE),
    isSubjectIgnored: unseen.has(SUBJECT_FILE),
    unignored: isWhole && files.length > 0 ? unignoredIn(root, files) : [],
    files,
    links: listed.filter(({ kind }) => kind === 'link').flatMap(({ path }) => strayLink(root, path) ?? []),
    pointers: filesLackingContent(root, files),
    emptySubmodules: listed
      .filter(({ kind, path }) => kind === 'submodule' && namesIn(root, path).length === 0)
      .map(({ path }) => path),
    unreadableNames: files.filter((path) => !isPlainName(path)),
    marked: [SUBJECT_FILE, ...foldersOf(subject).flatMap(filesOf)].filter((path) => seen(path)?.startsWith('\uFEFF')),
  };
}

/** None of a file that smoke makes nothing of. */
function servicesIn(compose: string | null): string[] {
  if (!isPlatform(compose)) return [];
  const read = () => readCompose(compose, { APP_IMAGE: 'built' });
  return refusalOf(read) === undefined ? read().services.map(({ name }) => name) : [];
}

/** What a run writes, and where there are packages, what npm does. */
function unignoredIn(root: string, files: readonly string[]): string[] {
  const isNode = files.some((path) => posix.basename(path) === 'package.json');
  const written = isNode ? ['node_modules', 'out'] : ['out'];
  const ignored = ignoredOf(
    root,
    written.map((name) => `${name}/any`),
  );
  return written.filter((name) => !ignored.has(`${name}/any`));
}

/** Read once. */
function kept(read: (path: string) => string | null): (path: string) => string | null {
  const texts = new Map<string, string | null>();
  return (path) => {
    const known = texts.get(path);
    if (known !== undefined) return known;
    const text = read(path);
    texts.set(path, text);
    return text;
  };
}

const FILES = ['package.json', ...Object.values(LOCK_FILES)];
const filesRead = (folder: string, project: Project) => [fileOf({ path: folder }, 'package.json'), lockFileOf(project)];
const filesOf = (folder: string) => FILES.map((name) => fileOf({ path: folder }, name));
const foldersOf = (subject: Repository | null) => [
  ...new Set(subject === null ? [] : [...subject.packages, ...subject.services].map(({ path }) => path)),
];

/** What is looked for by its name, and is not tracked: git may ignore it. */
function untrackedOf(root: string, has: ReadonlySet<string>): string[] {
  const folders = new Set(['', 'service', ...[...has].filter((path) => /\/package\.json$/.test(path)).map(dirname)]);
  const asked = [SUBJECT_FILE, ...[...folders].flatMap(filesOf)];
  return asked.filter((path) => !has.has(path) && plainStats(root, path)?.isFile());
}

/** What ends a run before it begins. */
function refusalsOf(root: string, output: string): PipelineError[] {
  const policy = textIn(root, POLICY_FILE);
  const checks = [
    () => checkRepository(root),
    () => checkSubjectFile(root),
    () => checkOutput(root, output),
    () => readBudgets(root),
    () => policy !== null && parsePolicy(policy),
  ];
  return checks.flatMap((check) => refusalOf(check) ?? []);
}

async function readSubject(files: RepositoryFiles, services: readonly string[] = []) {
  try {
    const subjects = subjectsIn(await describeSubject(await files.text(SUBJECT_FILE), files), services);
    const packages = subjects.flatMap((subject) => subject.packages);
    return { subject: { services: subjects.map(({ service }) => service), packages }, refusals: [] };
  } catch (error) {
    if (!(error instanceof PipelineError)) throw error;
    return { subject: null, refusals: [error] };
  }
}

function dockerfileOf(
  { docker, checks, ...service }: ServicePackage,
  seen: (path: string) => string | null,
): DockerfileFacts[] {
  if (docker === null) return [];
  const file = fileOf(service, docker.file);
  const checked = checks !== null && 'target' in checks ? checks.target : '';
  return [{ ...docker, file, service: service.name, text: seen(file), checked }];
}

function packagesOf(
  root: string,
  { services, packages }: Repository,
  seen: (path: string) => string | null,
  unseen: ReadonlySet<string>,
): PackageFacts[] {
  const all = [...packages, ...services].filter(({ project }) => project !== null);
  return [...new Set(all.map(({ path }) => path))].map((folder) => {
    const at = (name: string) => fileOf({ path: folder }, name);
    const said = all.filter(({ path }) => path === folder);
    const service = services.find(({ path, project }) => path === folder && project !== null) ?? null;
    const project = said[0]?.project ?? { root: folder, manager: NPM, hasWorkspaces: false, members: [], locals: [] };
    const commands = said.flatMap(({ lint, types, test }) => Object.entries({ lint, types, test }));
    const built = service === null ? [] : [['build', service.build] as const];
    const nodeFiles = [...new Set(['', folder])].flatMap((path) =>
      ['.nvmrc', '.node-version'].map((name) => fileOf({ path }, name)),
    );
    return {
      folder,
      project,
      service,
      commands: [...commands, ...built].flatMap(([key, command]) => (command ? [{ key, command }] : [])),
      manifest: seen(at('package.json')),
      lock: seen(lockFileOf(project)),
      linked: placesToCheck({ service: { path: folder, project }, packages: [] })
        .slice(1)
        .map((place) => ({
          ...place,
          manifest: seen(fileOf({ path: place.folder }, 'package.json')),
          lock: seen(lockFileOf(place)),
        })),
      scripts: said.flatMap(({ scripts }) => scripts),
      secrets: said.flatMap(({ secrets }) => secrets),
      npmrc: textIn(root, at('.npmrc')),
      entries: namesIn(root, folder),
      beside: namesIn(root, project.root),
      ignored: filesRead(folder, project).filter((path) => unseen.has(path)),
      nodeFiles: nodeFiles.flatMap((file) => {
        const text = textIn(root, file);
        return text === null ? [] : [{ file, text }];
      }),
    };
  });
}

/** Null for one that leads to something in the repository. */
function strayLink(root: string, path: string): LinkFacts | null {
  try {
    const target = readlinkSync(onDisk(join(root, path)));
    const place = resolve(root, dirname(path), target);
    if (relative(root, place).startsWith('..')) return { path, target, leads: 'outside' };
    return statSync(place, { throwIfNoEntry: false }) === undefined ? { path, target, leads: 'nowhere' } : null;
  } catch {
    return null; // deleted, or something else by now
  }
}
