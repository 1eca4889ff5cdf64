// What a check of a repository looks at, as the command line reads it from the disk: no rule reads a file itself.

import type { BackingService } from '../backing.ts';
import type { PipelineError } from '../errors.ts';
import type { PackageFiles } from '../manifests.ts';
import type { DockerBuild, ServicePackage } from '../package.ts';
import type { Project } from '../project.ts';

export type RepositoryFacts = {
  /** What other parts of the tool refuse of this repository. */
  refusals: PipelineError[];
  packages: PackageFacts[];
  dockerfiles: DockerfileFacts[];
  /** What services and packages need while their tests run. */
  needs: BackingService[];
  /** Of a docker-compose.yml that deploys the image that is built: the names in it. */
  deployed: string[];
  /** As a run sees it. */
  subjectText: string | null;
  /** Of a drydock.yaml that lies here though git ignores it. */
  isSubjectIgnored: boolean;
  /** Folders that runs and npm write, and that git does not ignore. */
  unignored: string[];
  /** The files that git tracks, or would; none outside of git. */
  files: readonly string[];
  links: LinkFacts[];
  /** Files whose content Git LFS has not put here. */
  pointers: string[];
  /** Folders of submodules that hold nothing. */
  emptySubmodules: string[];
  /** Those of `files` whose names are not UTF-8. */
  unreadableNames: string[];
  /** Files that begin with a byte order mark, of those that are read here. */
  marked: string[];
};

/** A folder with a package.json that drydock installs and runs. A text is null where a run finds no such file. */
export type PackageFacts = {
  folder: string;
  project: Project;
  /** Of a service: how it is built, started, and what of it ships, as drydock.yaml says or leaves open. */
  service: Pick<ServicePackage, 'name' | 'path' | 'build' | 'include' | 'start'> | null;
  /** What is run in it, by the key under which drydock.yaml says it. */
  commands: { key: string; command: string }[];
  manifest: string | null;
  /** Of its project. */
  lock: string | null;
  /** Packages whose install scripts run, and with a ! those whose do not. */
  scripts: string[];
  /** Names of what its install is given. */
  secrets: string[];
  /** What it is linked to. */
  linked: PackageFiles[];
  npmrc: string | null;
  /** The names in it. */
  entries: readonly string[];
  /** The names beside its lock file. */
  beside: readonly string[];
  /** Of its package.json and its lock file those that git ignores, as paths of the repository. */
  ignored: string[];
  /** Files that name a Node version, of this folder and of the root. */
  nodeFiles: { file: string; text: string }[];
};

/** The Dockerfile that a service is built by. `text` is null where a run finds none; `checked` is the stage that its commands run in. */
export type DockerfileFacts = DockerBuild & { service: string; text: string | null; checked: string };

/** A symbolic link that leads out of the repository, or to nothing. */
export type LinkFacts = { path: string; target: string; leads: 'outside' | 'nowhere' };
