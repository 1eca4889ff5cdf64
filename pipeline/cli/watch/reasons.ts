// Why a stage ran again after files changed: which of its steps did, and because of what.
import { LOCK_FILES } from '../../src/core/manager.ts';
import type { StageResult, StepResult } from '../../src/core/model.ts';
import { fileOf } from '../../src/core/package.ts';
import { packageSets, setAt, setOf } from '../../src/core/package-sets.ts';
import { inPart } from '../../src/core/parts.ts';
import { allPackages, type Repository, type Subject, subjectsIn } from '../../src/core/subject.ts';
import { Patterns } from '../../src/oci/wildcards.ts';

const SHOWN = 3;

/** `service/src/app.ts and README.md changed` */
export function phraseChanges(files: readonly string[]): string {
  return `${phraseFiles(files)} changed`;
}

function phraseFiles(files: readonly string[]): string {
  const shown = files.slice(0, SHOWN).join(', ');
  return files.length > SHOWN ? `${shown} and ${files.length - SHOWN} more` : shown;
}

/** A line for each stage that did something again. Nothing for a first run: everything may have run then. */
export function reasonsToRun(
  stages: readonly StageResult[],
  before: readonly StageResult[],
  changed: readonly string[],
  repository: Repository,
): string[] {
  if (changed.length === 0) return [];
  const subjects = subjectsIn(repository);
  const reads = new Map(
    subjects.flatMap((subject) => {
      const own = [...readsOf(subject)];
      return subjects.length === 1 ? own : own.map(([step, of]) => [inPart(subject.service.name, step), of] as const);
    }),
  );
  return stages.flatMap((stage) => {
    const ran = stage.steps.filter(({ cached, always }) => !cached && !always);
    if (ran.length === 0) return [];
    const earlier = before.find(({ name }) => name === stage.name);
    const reasons = ran.map((step) => ({ step: step.name, why: reasonOf(step, earlier, changed, reads) }));
    return [...group(reasons)].map(([why, steps]) => `${stage.name} ran again (${steps.join(', ')}): ${why}`);
  });
}

function group(reasons: readonly { step: string; why: string }[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { step, why } of reasons) groups.set(why, [...(groups.get(why) ?? []), step]);
  return groups;
}

function reasonOf(
  step: StepResult,
  earlier: StageResult | undefined,
  changed: readonly string[],
  reads: ReadonlyMap<string, Reads>,
): string {
  const own = changed.filter((path) => reads.get(step.name)?.(path) ?? true);
  if (own.length > 0) return phraseChanges(own);
  const failed = earlier?.steps.find(({ name }) => name === step.name)?.exitCode ?? 0;
  return failed !== 0 ? 'it failed before' : 'what it builds on is another';
}

type Reads = (path: string) => boolean;

const MANIFESTS: ReadonlySet<string> = new Set([
  ...['package.json', '.npmrc', '.yarnrc', '.yarnrc.yml', 'pnpm-workspace.yaml', 'bunfig.toml'],
  ...Object.values(LOCK_FILES),
]);
const isManifest: Reads = (path) => MANIFESTS.has(path);

/** What steps read, where it is less than everything: a package's commands its folder, an install what lies in it. */
function readsOf(subject: Subject): Map<string, Reads> {
  const reads = new Map<string, Reads>();
  const locals = new Map<string, string[]>();
  for (const { name, path, members, locals: of } of packageSets(subject)) {
    const others = new Set(members.map((member) => fileOf({ path: member }, 'package.json')));
    reads.set(name, (file) => isManifest(below(path, file) ?? '/') || others.has(file));
    const linked = of.map((local) => local.path);
    locals.set(name, linked);
    for (const [index, local] of linked.entries())
      reads.set(`build-${setAt(local)}`, within(linked.slice(0, index + 1)));
  }
  for (const { name, path, ignore, project } of allPackages(subject)) {
    const ignored = new Patterns(ignore);
    const linked = within(locals.get(setOf({ path, project })) ?? []);
    const own: Reads = (file) => {
      const inside = below(path, file);
      return linked(file) || (inside !== undefined && !ignored.matches(inside));
    };
    reads.set(name, own);
    reads.set(`types-${name}`, own);
  }
  const { path, project, docker } = subject.service;
  return reads.set(
    docker === null ? 'compile' : 'dockerfile',
    within([path, ...(locals.get(setOf({ path, project })) ?? [])]),
  );
}

const within =
  (folders: readonly string[]): Reads =>
  (file) =>
    folders.some((folder) => below(folder, file) !== undefined);

/** A file as it is called in a folder; undefined where it is elsewhere. */
function below(folder: string, file: string): string | undefined {
  if (folder === '') return file;
  return file.startsWith(`${folder}/`) ? file.slice(folder.length + 1) : undefined;
}
