// Why a stage ran again after files changed: which of its steps did, and because of what.
import type { StageResult, StepResult } from './model.ts';
import { SERVICE } from './service.ts';

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
): string[] {
  if (changed.length === 0) return [];
  return stages.flatMap((stage) => {
    const ran = stage.steps.filter(({ cached, always }) => !cached && !always);
    if (ran.length === 0) return [];
    const earlier = before.find(({ name }) => name === stage.name);
    const reasons = ran.map((step) => ({ step: step.name, why: reasonOf(step, earlier, changed) }));
    return [...group(reasons)].map(([why, steps]) => `${stage.name} ran again (${steps.join(', ')}): ${why}`);
  });
}

function group(reasons: readonly { step: string; why: string }[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { step, why } of reasons) groups.set(why, [...(groups.get(why) ?? []), step]);
  return groups;
}

function reasonOf(step: StepResult, earlier: StageResult | undefined, changed: readonly string[]): string {
  const own = changed.filter((path) => isReadBy(step.name, path));
  if (own.length > 0) return phraseChanges(own);
  const failed = earlier?.steps.find(({ name }) => name === step.name)?.exitCode ?? 0;
  return failed !== 0 ? 'it failed before' : 'what it builds on is another';
}

const SERVICE_PATH = `${SERVICE.folder}/`;
const isManifest = (path: string) => /(^|\/)(package(-lock)?\.json|\.npmrc)$/.test(path);
const isOfService = (path: string) => path.startsWith(SERVICE_PATH);

/** What steps read, where it is less than everything. */
const READS: Readonly<Record<string, (path: string) => boolean>> = {
  tools: (path) => isManifest(path) && !path.includes('/'),
  service: isOfService,
  production: (path) => isManifest(path) && isOfService(path),
  'types-service': isOfService,
  'types-pipeline': (path) => !isOfService(path),
  pipeline: (path) => !isOfService(path),
  compile: isOfService,
};

function isReadBy(step: string, path: string): boolean {
  return READS[step]?.(path) ?? true;
}
