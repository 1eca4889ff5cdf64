// The rules of a check, in the order in which a run would meet what they find.
import type { PipelineError } from '../errors.ts';
import type { AskedStage } from '../model.ts';
import { FaultyFile } from '../yaml.ts';
import { missingDockerfile, unknownTarget, unpinnedImages } from './dockerfile-rules.ts';
import type { RepositoryFacts } from './facts.ts';
import {
  byteOrderMarks,
  collidingNames,
  emptySubmodules,
  ignoredSubject,
  missingContents,
  strayLinks,
  unignoredFolders,
  unreadableNames,
} from './file-rules.ts';
import { blocked, type Finding } from './finding.ts';
import { addons, archivesOutside, cannotInstall, installScripts, severalLocks, unknownScripts } from './lock-rules.ts';
import { deployedTwice, unknownImages } from './need-rules.ts';
import { enginesOtherNode, fileOfOtherNode } from './node-rules.ts';
import { type PackageView, viewOf } from './package-view.ts';
import { doubtfulEntry, missingScripts, noEntry, ownInstallScripts } from './script-rules.ts';
import { unnamedSecrets } from './secret-rules.ts';

type RepositoryRule = (facts: RepositoryFacts) => Finding[];
type PackageRule = (view: PackageView, facts: RepositoryFacts) => Finding[];

const REPOSITORY_RULES = {
  refusals: (facts) => facts.refusals.flatMap((refusal) => ofRefusal(refusal)),
  ignoredSubject,
  missingContents,
  emptySubmodules,
  strayLinks,
  unreadableNames,
  collidingNames,
  byteOrderMarks,
  unignoredFolders,
  missingDockerfile,
  unknownTarget,
  unpinnedImages,
  unknownImages,
  deployedTwice,
} as const satisfies Record<string, RepositoryRule>;

const PACKAGE_RULES = {
  cannotInstall,
  unnamedSecrets,
  archivesOutside,
  missingScripts,
  noEntry,
  doubtfulEntry,
  ownInstallScripts,
  installScripts,
  unknownScripts,
  addons,
  enginesOtherNode,
  fileOfOtherNode,
  severalLocks,
} as const satisfies Record<string, PackageRule>;

/** A finding by the name of its rule. */
export type NamedFinding = Finding & { rule: keyof typeof REPOSITORY_RULES | keyof typeof PACKAGE_RULES };

const WEIGHT = { blocked: 0, warning: 1, note: 2 } as const;

/** What is worst first. */
export function findingsOf(facts: RepositoryFacts): NamedFinding[] {
  const views = facts.packages.map(viewOf);
  const named = (rule: string, found: Finding[]) => found.map((finding) => ({ ...finding, rule }) as NamedFinding);
  const all = [
    ...Object.entries<RepositoryRule>(REPOSITORY_RULES).flatMap(([rule, find]) => named(rule, find(facts))),
    ...views.flatMap((view) =>
      Object.entries<PackageRule>(PACKAGE_RULES).flatMap(([rule, find]) => named(rule, find(view, facts))),
    ),
  ];
  const unique = new Map(all.map((finding) => [finding.problem, finding]));
  return [...unique.values()].sort((one, other) => WEIGHT[one.status] - WEIGHT[other.status]);
}

/** Those that a run of these stages surely ends with. */
export const stoppersOf = (findings: readonly NamedFinding[], asked: readonly AskedStage[]): NamedFinding[] =>
  findings.filter(({ status, stage }) => status === 'blocked' && (stage === null || asked.includes(stage)));

/** Every fault of a file by itself. */
function ofRefusal(error: PipelineError): Finding[] {
  const { code, message, hint } = error;
  const stage = code === 'BAD_POLICY' ? 'scan' : null;
  if (error instanceof FaultyFile)
    return error.faults.map(({ place, text }) => {
      const [, file = null, line] = /^(.*):(\d+)$/.exec(place) ?? [];
      return blocked(code, { file, line: Number(line), stage, problem: `${place}: ${text}`, hint });
    });
  const [, file = null] = /^(\S+\.(?:json|yaml)) /.exec(message) ?? [];
  return [blocked(code, { file, stage, problem: message, hint })];
}
