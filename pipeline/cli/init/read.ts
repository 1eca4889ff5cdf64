// Reads of a repository what a look at it needs: manifests, and the programs of what looks like its service. Follows no link.
import { basename, dirname, resolve } from 'node:path';
import { type Choice, chooseService } from '../../src/core/init/choose.ts';
import { type FoundDockerfile, lookForDockerfile } from '../../src/core/init/dockerfile.ts';
import type { Candidate, InitFacts, Text } from '../../src/core/init/facts.ts';
import { fileOf } from '../../src/core/package.ts';
import { workspaceGlobs } from '../../src/core/project.ts';
import { listedFiles } from '../check/git.ts';
import { namesIn, plainStats, textIn } from '../plain-files.ts';

/** `dockerfile` is looked for where no package looks like a server. */
export type Look = { facts: InitFacts; choice: Choice | null; dockerfile: FoundDockerfile | null };

/** `given` is the folder that an own drydock.yaml names. */
export function look(root: string, given: string | null): Look {
  const listed = listedFiles(root, true).map(({ path }) => path);
  const files = listed.length > 0 ? listed : namesIn(root);
  const candidates = files
    .filter((path) => MANIFEST.test(path) && !ASIDE.test(path))
    .slice(0, MOST_FILES)
    .flatMap((file) => candidate(root, file));
  const workspaces = workspaceGlobs(textIn(root, 'package.json'), textIn(root, 'pnpm-workspace.yaml'));
  const choice = given === null ? chooseService(candidates, workspaces) : { folder: given, isUsual: false, others: [] };
  const folder = choice?.folder ?? '';
  const texts = (paths: readonly string[]) => paths.flatMap((file) => smallText(root, file));
  const at = (name: string) => fileOf({ path: folder }, name);
  const [dockerfile = null] = texts([...new Set([at('Dockerfile'), 'Dockerfile'])]);
  const facts: InitFacts = {
    candidates,
    entries: namesIn(root),
    workspaces,
    sources: texts(sourcesIn(files, folder)),
    names: namesIn(root, folder),
    dockerfile,
    compose: texts([...new Set(COMPOSE_FILES.flatMap((name) => [at(name), name]))])[0] ?? null,
    nodeFiles: texts(['.nvmrc', '.node-version']),
  };
  const here = files.filter((path) => !ASIDE.test(path));
  const found = () => lookForDockerfile(here, basename(resolve(root)), (file) => smallText(root, file)[0] ?? null);
  return { facts, choice, dockerfile: choice === null ? found() : null };
}

const COMPOSE_FILES = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'];
const MANIFEST = /(^|\/)package\.json$/;
/** What is there to be tried or shown. */
const ASIDE = /(^|\/)(node_modules|tests?|__tests__|fixtures?|examples?|templates?|dist|docs)\//;
const PROGRAM = /(\.[cm]?[jt]s|(^|\/)bin\/[\w-]+)$/;
const NO_PROGRAM = /(\.d\.ts|\.(test|spec|config)\.[cm]?[jt]s)$/;
const MOST_FILES = 300;
const MOST_BYTES = 256 * 1024;

/** Those that start a server first: they are named so, and lie near the top. */
function sourcesIn(files: readonly string[], folder: string): string[] {
  const below = folder === '' ? '' : `${folder}/`;
  const programs = files.filter(
    (file) =>
      file.startsWith(below) && PROGRAM.test(file) && !NO_PROGRAM.test(file) && !ASIDE.test(file.slice(below.length)),
  );
  const rank = (file: string) =>
    file.split('/').length - (/(^|\/)(server|main|index|app|www)(\.\w+)?$/.test(file) ? 10 : 0);
  return programs.sort((one, other) => rank(one) - rank(other)).slice(0, MOST_FILES);
}

function candidate(root: string, file: string): Candidate[] {
  const manifest = smallText(root, file)[0]?.text;
  const folder = dirname(file);
  return manifest === undefined ? [] : [{ folder: folder === '.' ? '' : folder, manifest }];
}

function smallText(root: string, file: string): Text[] {
  const text = (plainStats(root, file)?.size ?? 0) <= MOST_BYTES ? textIn(root, file) : null;
  return text === null ? [] : [{ file, text }];
}
