// Runs Trivy over one folder, confined: no network, nothing to write to but its cache and its report.
import { type Directory, dag } from '@dagger.io/dagger';
import { leavesDatabaseAlone, SCAN, secretConfiguration, trivyArguments } from '../core/gate/scanners.ts';
import type { StepResult } from '../core/model.ts';
import type { RunContext } from './context.ts';
import type { Database } from './database.ts';
import { contentsIfAny } from './engine.ts';
import type { Scanner } from './scanners.ts';
import { runStep, stepFolder } from './step.ts';

/** What every scan of a run has in common. */
export type Trivy = {
  scanner: Scanner;
  database: Database | null;
  /** Checks of our own, beside those that Trivy brings. */
  checks: Directory | null;
};

export type TrivyTarget = {
  of: 'image' | 'source' | 'bait';
  /** Of the step and the report. */
  name: string;
  folder: Directory;
};

const CHECKS = 'policy/checks';

/** With the checks of the tree that decides, if it has any. */
export async function withChecks(trivy: Trivy, tree: Directory): Promise<Trivy> {
  return (await tree.exists(CHECKS)) ? { ...trivy, checks: tree.directory(CHECKS) } : trivy;
}

/** The step, and the report that it wrote: empty when it wrote none. */
export async function runTrivy(
  context: RunContext,
  { scanner, database, checks }: Trivy,
  { of, name, folder }: TrivyTarget,
): Promise<{ step: StepResult; report: string }> {
  const { version } = scanner.facts;
  const output = `${stepFolder(`trivy-${name}`)}/report.json`;
  const path = SCAN[of];
  const inputs: [path: string, folder: Directory][] = [
    [path, folder],
    ...(checks === null ? [] : [[SCAN.checks, checks] as [string, Directory]]),
    ...(database === null ? [] : [[SCAN.database, database.folder] as [string, Directory]]),
  ];
  const { result, container } = await runStep(context, {
    stage: 'scan',
    step: `trivy-${name}`,
    container: inputs.reduce(
      (mounted, [at, input]) => mounted.withMountedDirectory(at, input),
      scanner.container.withDirectory(SCAN.cache, dag.directory()).withNewFile(SCAN.secrets, secretConfiguration(of)),
    ),
    args: [
      'trivy',
      ...trivyArguments({ version, of, path, output, hasDatabase: database !== null, hasChecks: checks !== null }),
    ],
    confinedTo: inputs.map(([at]) => at).filter((at) => at !== SCAN.database || leavesDatabaseAlone(version)),
  });
  const report = result.exitCode === 0 ? await contentsIfAny(container, output) : null;
  return { step: result, report: report ?? '' };
}
