// The words of a run for people: the lines of a step, a stage, a failure and the verdict. Terminal, log and summary share them.
import { COMMAND } from '../command.ts';
import type {
  Coverage,
  EngineFacts,
  GateResult,
  RunResult,
  SmokeResult,
  SmokeRow,
  StageResult,
  StepResult,
  SuiteResult,
} from './model.ts';
import { partsOf } from './parts.ts';

const LABELS: Record<StageResult['status'], string> = {
  passed: 'ok',
  failed: 'FAIL',
  skipped: 'skip',
  'not evaluated': 'NOT EVALUATED',
};

export function phraseSeconds(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

export function phraseBytes(bytes: number): string {
  if (bytes < 1e6) return `${Math.ceil(bytes / 1000)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** One line: how it ended, what it was, how long it took, what came out. */
export function phraseStage(stage: StageResult, part?: string): string {
  const time = stage.cached ? 'cached' : stage.steps.length > 0 ? phraseSeconds(stage.seconds) : '';
  const facts = [time, ...stage.suites.map(phraseSuite), stage.reason ?? ''].filter((fact) => fact !== '');
  const name = part === undefined ? stage.name : `${part} ${stage.name}`;
  return `${LABELS[stage.status].padEnd(5)} ${name.padEnd(8)} ${facts.join(' · ')}`.trimEnd();
}

function phraseSuite({ name, tests, coverage }: SuiteResult): string {
  const passed = tests.total - tests.failed - tests.skipped;
  const parts = [
    `${name} ${passed} passed`,
    tests.failed > 0 ? `${tests.failed} failed` : '',
    tests.skipped > 0 ? `${tests.skipped} skipped` : '',
    coverage === null ? '' : `${phraseCoverage(coverage)} covered`,
  ];
  return parts.filter((part) => part !== '').join(', ');
}

export function phraseCoverage(coverage: Coverage): string {
  return `${coverage.lines.toFixed(1)} %`;
}

export function phraseStep(step: StepResult): string {
  const time = step.cached ? 'cached' : phraseSeconds(step.seconds);
  return step.exitCode === 0 ? `${step.name} · ${time}` : `${step.name} · exit ${step.exitCode} · ${time}`;
}

/** Why a stage failed, in a line of each step that did: to be read while the others go on, and before a capsule is written. */
export function phraseReasons({ steps }: StageResult): string[] {
  return steps.filter((step) => step.exitCode !== 0).flatMap((step) => step.firstErrors.slice(0, 1).map(indented));
}

const indented = (line: string) => `      ${line}`;

/** About ten lines: which stage, which command, the first real errors, where the log is, how to run just this again. */
export function phraseFailure(
  stage: StageResult,
  run: Pick<RunResult, 'function' | 'gate' | 'smoke' | 'parts'>,
  output: string,
): string[] {
  const failed = stage.steps.filter((step) => step.exitCode !== 0);
  const steps = failed.flatMap((step) => [
    `  ${step.command}`,
    ...(failed.length > 1 ? shortened(step.firstErrors) : step.firstErrors).map((line) => `    ${line}`),
    `  full log: ${output}/${step.log}`,
  ]);
  const reason = failed.length === 0 && stage.reason !== null ? [`  ${stage.reason}`] : [];
  return [
    `${stage.name} failed${failed.length > 0 ? `: ${stage.reason}` : ''}`,
    ...reason,
    ...steps,
    ...stage.details.map((line) => `  ${line}`),
    ...partsOf(run).flatMap(({ gate, smoke }) => [
      ...(stage.name === 'gate' && gate !== null ? phraseBlocking(gate) : []),
      ...(stage.name === 'smoke' && smoke !== null ? phraseFailedRows(smoke) : []),
    ]),
    `  re-run:   ${COMMAND} ${[rerunOf(stage, run), ...failedIn(stage, run)].join(' ')}`,
  ];
}

/** Of many steps that failed, the log has the rest. */
const shortened = (lines: readonly string[]) =>
  lines.length <= MOST_OF_SEVERAL ? lines : [...lines.slice(0, MOST_OF_SEVERAL), '… more in the log'];

/** Of several services those whose steps or verdict failed. */
function failedIn({ steps }: StageResult, { parts = [] }: Pick<RunResult, 'parts'>): string[] {
  const red = steps.filter(({ exitCode }) => exitCode !== 0).map(({ log }) => log.split('/')[0]);
  return parts
    .filter(({ name, verdict }) => (red.length > 0 ? red.includes(name) : verdict === 'failed'))
    .map(({ name }) => name);
}

/** A finding that counts, in two lines: what and where, and what to do. */
function phraseBlocking({ blocking }: GateResult): string[] {
  const shown = blocking.slice(0, MOST_BLOCKING).flatMap(({ severity, kind, id, thing, title, from, fixedIn }) => {
    const fixed = fixedIn === null ? 'no fixed version yet' : `fixed in ${fixedIn}`;
    return [
      `    ${severity} ${id} in ${thing}: ${title}`,
      `      from ${from}${kind === 'vulnerability' ? `; ${fixed}` : ''}`,
    ];
  });
  const left = blocking.length - MOST_BLOCKING;
  const more = left > 0 ? [`    … and ${left} more`] : [];
  return [...shown, ...more, `  all, and why: ${COMMAND} explain`];
}

function phraseFailedRows({ rows }: SmokeResult): string[] {
  return rows
    .filter(({ status }) => status === 'failed')
    .flatMap(phraseRow)
    .map((line) => `    ${line}`);
}

/** What was proved, or not, in a line; more where the reason has more. */
export function phraseRow({ name, status, seconds, detail }: SmokeRow): string[] {
  const [first = '', ...rest] = detail.split('\n');
  const time = status === 'not evaluated' ? '' : ` · ${phraseSeconds(seconds)}`;
  return [`${LABELS[status].padEnd(5)} ${name}${time} · ${first}`, ...rest.map((line) => `      ${line}`)];
}

const MOST_BLOCKING = 8;
const MOST_OF_SEVERAL = 3;

/** What stages say beside their one line: those that were not evaluated give more than one reason, others warn. */
export function phraseDetails(stages: readonly StageResult[]): string[] {
  return stages.flatMap(({ name, details }) => details.map((line) => `${name}: ${line}`));
}

/** A stage that is only part of a function: the one that was asked for runs it again. */
function rerunOf(stage: StageResult, run: Pick<RunResult, 'function'>): string {
  return PARTS.includes(stage.name) ? run.function : stage.name;
}

/** What nobody asks for by itself. */
const PARTS: readonly string[] = ['install', 'publish', 'sign', 'promote', 'rollback'];

/** The closing line. */
export function phraseVerdict(run: RunResult): string {
  const asked = run.stages.filter(({ status }) => status !== 'skipped' && status !== 'not evaluated');
  const failed = asked.filter(({ status }) => status === 'failed').map(({ name }) => name);
  const time = phraseSeconds(run.seconds);
  if (run.verdict === 'passed') {
    const missing = run.stages.filter(({ status }) => status === 'not evaluated').map(({ name }) => name);
    return missing.length === 0 ? `passed in ${time}` : `passed in ${time}, but not evaluated: ${missing.join(', ')}`;
  }
  if (run.verdict === 'error') return `stopped after ${time}: ${run.error?.message ?? 'for no known reason'}`;
  return failed.length > 0
    ? `failed in ${time}: ${failed.join(', ')}`
    : `failed in ${time}: not all was evaluated (--strict)`;
}

/** What has to be said of any run that did not see the real thing. */
export function phraseStandIns(run: RunResult): string[] {
  return run.standIns.map(({ image, recipe }) => {
    const parts = recipe.replace(/^\S+, assembled from /, '');
    return `substitute for ${image}, never published: no registry answered, so it was assembled here from ${parts}`;
  });
}

/** What has to be said of a run whose steps could disturb each other. */
export function phraseIsolation(engine: EngineFacts | null): string[] {
  return engine?.notIsolated === undefined
    ? []
    : [
        `steps were not isolated from each other, nor from the machine's network, so nothing is published from here: ${engine.notIsolated.reason}`,
      ];
}

/** Where the image is now, and what points at it. */
export function phraseDelivery({ delivery }: Pick<RunResult, 'delivery'>): string | null {
  if (delivery === null) return null;
  const { image, digest, tags, statements } = delivery;
  const pointed = tags.length === 0 ? '' : ` as ${tags.join(', ')}`;
  const signed = statements.length === 0 ? '' : `; signed: ${statements.join(', ')}`;
  return `${image}@${digest}${pointed}${signed}`;
}

export function phraseImage(run: Pick<RunResult, 'image'>): string | null {
  if (run.image === null) return null;
  const platforms = run.image.platforms.map(({ platform }) => platform).join(', ');
  return `${run.image.digest} for ${platforms} in ${run.image.file}`;
}
