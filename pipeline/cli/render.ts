// Shows a run to a person while it goes on, in lines: all that a log holds, and what stays above the live display (live.ts).

import { escapeData } from '../src/core/annotations.ts';
import { phraseCapsuleFile } from '../src/core/capsule/phrases.ts';
import type { Listener, RunEvent } from '../src/core/events.ts';
import type { RunResult, StageResult } from '../src/core/model.ts';
import { partsOf } from '../src/core/parts.ts';
import {
  phraseDelivery,
  phraseDetails,
  phraseFailure,
  phraseImage,
  phraseIsolation,
  phraseReasons,
  phraseRow,
  phraseStage,
  phraseStandIns,
  phraseStep,
  phraseVerdict,
} from '../src/core/phrases.ts';
import { asLines } from '../src/core/safe-text.ts';
import { NOT_ASKED } from '../src/core/summary.ts';
import { Ongoing, stageOf } from './ongoing.ts';

/** Where it is shown. */
export type Screen = {
  /** Text, of which nothing is obeyed but our own colours. */
  write: (text: string) => void;
  /** What is to be obeyed: where the cursor goes, commands to GitHub, and what another program reads. */
  control: (text: string) => void;
  isTerminal: boolean;
  columns: () => number;
  rows: () => number;
  /** Calls whenever one of them is another. Gives the way to stop. */
  onResize: (listener: () => void) => () => void;
  hasColour: boolean;
};

export type RenderOptions = {
  screen: Screen;
  isVerbose: boolean;
  output: string;
  /** The same folder by its full path, for links to what is in it. */
  folder?: string;
  /** The stages that are to run. */
  asked?: readonly string[];
  /** When the run began, in milliseconds since 1970. */
  startedMs?: number;
  /** Whether GitHub's runner reads the lines, and folds what is in a group. */
  isGitHub?: boolean;
  now?: () => number;
};

type Table = { [K in RunEvent['kind']]: (event: Extract<RunEvent, { kind: K }>) => string[] };

export type Renderer = { listener: Listener; close: () => void };

const HEARTBEAT_MS = 30_000;

/** Lines that stay: what a log of the run should hold. */
export function renderPlain(options: RenderOptions): Renderer {
  const { screen, now = Date.now } = options;
  const paint = painter(screen.hasColour);
  const phrase = linesOf(options);
  const ongoing = new Ongoing(options.asked ?? [], options.startedMs ?? now());
  const timer = setInterval(() => printLines(screen, [paint('dim', ongoing.heartbeat(now()))]), HEARTBEAT_MS);
  timer.unref();
  return {
    listener: (event) => {
      ongoing.take(event, now());
      if (event.kind === 'stage-started') printLines(screen, [paint('dim', `start ${stageOf(event)}`)]);
      const isGroup = options.isGitHub === true && event.kind === 'step-finished' && event.log !== '';
      if (isGroup && (options.isVerbose || event.step.exitCode !== 0)) printGroup(screen, event);
      else printLines(screen, phrase(event));
      if (event.kind === 'run-finished') clearInterval(timer);
    },
    close: () => clearInterval(timer),
  };
}

type StepFinished = Extract<RunEvent, { kind: 'step-finished' }>;

/** A log that GitHub shows folded: of each step where that is asked for, else of those that failed. */
function printGroup(screen: Screen, event: StepFinished): void {
  screen.control(`::group::${escapeData(phraseStepEnd(event))}\n`);
  printLines(screen, logLines(event.log));
  screen.control('::endgroup::\n');
}

/** The lines that stay of an event. */
export function linesOf({ screen, isVerbose, output }: RenderOptions): (event: RunEvent) => string[] {
  const table = lines(isVerbose, output, painter(screen.hasColour));
  return (event) => phrase(table, event);
}

function phrase<K extends RunEvent['kind']>(table: Table, event: Extract<RunEvent, { kind: K }>): string[] {
  return (table[event.kind] as (event: Extract<RunEvent, { kind: K }>) => string[])(event);
}

function lines(isVerbose: boolean, output: string, paint: Paint): Table {
  return {
    engine: ({ engine }) => [paint('dim', `engine: ${engine.kind} (${engine.why})`)],
    note: ({ text }) => [paint('dim', text)],
    activity: () => [],
    'activity-ended': () => [],
    'step-output': () => [],
    'stage-started': () => [],
    'step-started': (event) => (isVerbose ? [paint('dim', `run   ${stageOf(event)}: ${event.command}`)] : []),
    'step-finished': (event) => (isVerbose ? [phraseStepEnd(event), ...logLines(event.log)] : []),
    // Told at length, the whole log stands above.
    'stage-finished': ({ stage, part }) => [paintStage(stage, paint, part), ...(isVerbose ? [] : phraseReasons(stage))],
    'run-finished': ({ run }) => [
      ...(isVerbose ? partsOf(run).flatMap(({ smoke }) => smoke?.rows.flatMap(phraseRow) ?? []) : []),
      ...closing(run, output, paint),
    ],
  };
}

const phraseStepEnd = (event: StepFinished) =>
  `${event.step.exitCode === 0 ? 'done' : 'FAIL'}  ${stageOf(event)}: ${phraseStep(event.step)}`;

const logLines = (log: string) =>
  log === ''
    ? []
    : log
        .trimEnd()
        .split('\n')
        .map((line) => `      ${line}`);

function paintStage(stage: StageResult, paint: Paint, part?: string): string {
  const colour = stage.status === 'passed' ? 'green' : stage.status === 'failed' ? 'red' : 'yellow';
  return paint(colour, phraseStage(stage, part));
}

/** What is left to say: skipped stages, failures, the image, substitutes, where everything is, and the verdict. */
function closing(run: RunResult, output: string, paint: Paint): string[] {
  const skipped = run.stages.filter(
    ({ status, reason }) => status === 'skipped' && reason !== NOT_ASKED && run.error === null,
  );
  const failed = run.stages.filter(({ status }) => status === 'failed');
  const images = partsOf(run).flatMap((part) => phraseImage(part) ?? []);
  const deliveries = partsOf(run).flatMap((part) => phraseDelivery(part) ?? []);
  const capsules = partsOf(run).flatMap(({ capsule }) => capsule ?? []);
  return [
    ...skipped.map((stage) => paintStage(stage, paint)),
    ...images.map((image) => `image: ${image.replace(/\S+$/, (file) => `${output}/${file}`)}`),
    ...deliveries.map((delivered) => `delivery: ${delivered}`),
    ...phraseDetails(run.stages.filter(({ status }) => status !== 'failed')).map((line) => paint('yellow', line)),
    ...[...phraseIsolation(run.engine), ...phraseStandIns(run)].map((line) => paint('yellow', line)),
    paint('dim', `report: ${output}/report.html, ${output}/summary.md, ${output}/result.json`),
    // What is to be done comes last: nothing scrolls it away.
    ...failed.flatMap((stage) => {
      const [head = '', ...rest] = phraseFailure(stage, run, output);
      return ['', paint('red', head), ...rest.map((line) => paintDiff(line, paint))];
    }),
    ...(failed.length > 0 ? [''] : []),
    ...(run.error === null
      ? [paint(colourOf(run), phraseVerdict(run))]
      : [paint('red', `error: ${run.error.message}`), `hint: ${run.error.hint}`]),
    ...capsules.map((capsule) => phraseCapsuleFile(capsule, output)),
  ].filter((line, index, all) => line !== '' || all[index - 1] !== '');
}

const colourOf = ({ verdict, stages }: RunResult) => {
  if (verdict !== 'passed') return 'red';
  return stages.some(({ status }) => status === 'not evaluated') ? 'yellow' : 'green';
};

/** As test runners colour what was expected, and what came. */
function paintDiff(line: string, paint: Paint): string {
  const [, sign] = /^ {6}([-+]) /.exec(line) ?? [];
  return sign === undefined ? line : paint(sign === '-' ? 'green' : 'red', line);
}

function printLines(screen: Screen, rows: readonly string[]): void {
  if (rows.length > 0) screen.write(asLines(rows));
}

type Colour = 'red' | 'green' | 'yellow' | 'dim';
type Paint = (colour: Colour, text: string) => string;
const CODES: Record<Colour, number> = { red: 31, green: 32, yellow: 33, dim: 2 };

export function painter(hasColour: boolean): Paint {
  return (colour, text) => (hasColour && text !== '' ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text);
}
