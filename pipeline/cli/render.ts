// Shows a run to a person while it goes on: a live display on a terminal, quiet lines elsewhere. Two tables over the same events.

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
  phraseSeconds,
  phraseStage,
  phraseStandIns,
  phraseStep,
  phraseVerdict,
} from '../src/core/phrases.ts';
import { asLines } from '../src/core/safe-text.ts';
import { NOT_ASKED } from '../src/core/summary.ts';

/** Where it is shown. */
export type Screen = {
  /** Text, of which nothing is obeyed but our own colours. */
  write: (text: string) => void;
  /** What is to be obeyed: where the cursor goes, commands to GitHub, and what another program reads. */
  control: (text: string) => void;
  isTerminal: boolean;
  columns: () => number;
  hasColour: boolean;
};

export type RenderOptions = { screen: Screen; isVerbose: boolean; output: string; now?: () => number };

type Table = { [K in RunEvent['kind']]: (event: Extract<RunEvent, { kind: K }>) => string[] };

export type Renderer = { listener: Listener; close: () => void };

/** Lines that stay: what a log of the run should hold. */
export function renderPlain({ screen, isVerbose, output }: RenderOptions): Renderer {
  const table = lines(isVerbose, output, painter(screen.hasColour));
  return { listener: (event) => printLines(screen, phrase(table, event)), close: () => {} };
}

/** The same lines, and below them what runs right now. */
export function renderTty({ screen, isVerbose, output, now = Date.now }: RenderOptions): Renderer {
  const paint = painter(screen.hasColour);
  const table = lines(isVerbose, output, paint);
  const running = new Map<string, { label: string; sinceMs: number }>();
  let drawn = 0;
  const erase = () => {
    if (drawn > 0) screen.control(`\u001b[${drawn}A\u001b[0J`);
    drawn = 0;
  };
  const draw = () => {
    const rows = [...running.values()].map(({ label, sinceMs }) => {
      const time = phraseSeconds((now() - sinceMs) / 1000);
      return paint('dim', `  … ${label} · ${time}`.slice(0, Math.max(20, screen.columns() - 1)));
    });
    printLines(screen, rows);
    drawn = rows.length;
  };
  const timer = setInterval(() => {
    erase();
    draw();
  }, 100);
  timer.unref();
  return {
    listener: (event) => {
      erase();
      if (event.kind === 'step-started') {
        const label = `${stageOf(event)}: ${event.command}`;
        running.set(`${stageOf(event)} ${event.step}`, { label, sinceMs: event.atMs });
      }
      if (event.kind === 'step-finished') running.delete(`${stageOf(event)} ${event.step.name}`);
      if (event.kind === 'run-finished') running.clear();
      printLines(screen, phrase(table, event));
      draw();
    },
    close: () => {
      clearInterval(timer);
      erase();
    },
  };
}

function phrase<K extends RunEvent['kind']>(table: Table, event: Extract<RunEvent, { kind: K }>): string[] {
  return (table[event.kind] as (event: Extract<RunEvent, { kind: K }>) => string[])(event);
}

function lines(isVerbose: boolean, output: string, paint: Paint): Table {
  return {
    engine: ({ engine }) => [paint('dim', `engine: ${engine.kind} (${engine.why})`)],
    note: ({ text }) => [paint('dim', text)],
    'step-started': (event) => (isVerbose ? [paint('dim', `run   ${stageOf(event)}: ${event.command}`)] : []),
    'step-finished': (event) => {
      if (!isVerbose) return [];
      const { step, log } = event;
      const rows =
        log === ''
          ? []
          : log
              .trimEnd()
              .split('\n')
              .map((line) => `      ${line}`);
      return [`${step.exitCode === 0 ? 'done' : 'FAIL'}  ${stageOf(event)}: ${phraseStep(step)}`, ...rows];
    },
    // Told at length, the whole log stands above.
    'stage-finished': ({ stage, part }) => [paintStage(stage, paint, part), ...(isVerbose ? [] : phraseReasons(stage))],
    'run-finished': ({ run }) => [
      ...(isVerbose ? partsOf(run).flatMap(({ smoke }) => smoke?.rows.flatMap(phraseRow) ?? []) : []),
      ...closing(run, output, paint),
    ],
  };
}

/** The stage, and of several services which one's it is. */
const stageOf = ({ stage, part }: { stage: string; part?: string }) =>
  part === undefined ? stage : `${part} ${stage}`;

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
    ...failed.flatMap((stage) => {
      const [head = '', ...rest] = phraseFailure(stage, run, output);
      return ['', paint('red', head), ...rest.map((line) => paintDiff(line, paint))];
    }),
    ...(failed.length > 0 ? [''] : []),
    ...images.map((image) => `image: ${image.replace(/\S+$/, (file) => `${output}/${file}`)}`),
    ...deliveries.map((delivered) => `delivery: ${delivered}`),
    ...phraseDetails(run.stages.filter(({ status }) => status !== 'failed')).map((line) => paint('yellow', line)),
    ...[...phraseIsolation(run.engine), ...phraseStandIns(run)].map((line) => paint('yellow', line)),
    ...(run.error === null ? [] : [paint('red', `error: ${run.error.message}`), `hint: ${run.error.hint}`]),
    `${run.error === null ? paint(run.verdict === 'passed' ? 'green' : 'red', phraseVerdict(run)) : ''}`,
    ...capsules.map((capsule) => phraseCapsuleFile(capsule, output)),
    paint('dim', `report: ${output}/report.html, ${output}/summary.md, ${output}/result.json`),
  ].filter((line, index, all) => line !== '' || all[index - 1] !== '');
}

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
