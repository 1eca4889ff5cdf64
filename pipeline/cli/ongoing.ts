// What goes on at a moment of a run, kept from its events, and the lines that say so.
import type { Activity, RunEvent } from '../src/core/events.ts';
import { phraseBytes, phraseSeconds } from '../src/core/phrases.ts';

type Since = { sinceMs: number };
type RunningStep = Since & { stage: string; name: string; command: string; said: string };

/** The stage, and of several services which one's it is. */
export const stageOf = ({ stage, part }: { stage: string; part?: string }) =>
  part === undefined ? stage : `${part} ${stage}`;

export class Ongoing {
  readonly #startedMs: number;
  readonly #waiting: Set<string>;
  readonly #stages = new Map<string, number>();
  readonly #steps = new Map<string, RunningStep>();
  readonly #activities = new Map<string, Activity & Since>();

  constructor(asked: readonly string[], startedMs: number) {
    this.#waiting = new Set(asked);
    this.#startedMs = startedMs;
  }

  take(event: RunEvent, nowMs: number): void {
    switch (event.kind) {
      case 'activity':
        this.#activities.set(event.id, { ...event, sinceMs: this.#activities.get(event.id)?.sinceMs ?? nowMs });
        break;
      case 'activity-ended':
        this.#activities.delete(event.id);
        break;
      case 'stage-started':
        this.#waiting.delete(event.stage);
        this.#stages.set(stageOf(event), event.atMs);
        break;
      case 'step-started':
        this.#steps.set(`${stageOf(event)} ${event.step}`, {
          stage: stageOf(event),
          name: event.step,
          command: event.command,
          said: '',
          sinceMs: event.atMs,
        });
        break;
      case 'step-output':
        for (const step of this.#named(event.step)) step.said = event.line;
        break;
      case 'step-finished':
        this.#steps.delete(`${stageOf(event)} ${event.step.name}`);
        break;
      case 'stage-finished':
        this.#waiting.delete(event.stage.name);
        this.#stages.delete(stageOf({ ...event, stage: event.stage.name }));
        break;
    }
  }

  /** The step of that name; of two at once it is not known which one spoke. */
  #named(name: string): RunningStep[] {
    const steps = [...this.#steps.values()].filter((step) => step.name === name);
    return steps.length === 1 ? steps : [];
  }

  /** For a display: what runs, with the last line of what runs longest, what the engine does, and the total. */
  rows(nowMs: number): string[] {
    const steps = [...this.#steps.values()].sort((a, b) => a.sinceMs - b.sinceMs);
    const busy = new Set(steps.map(({ stage }) => stage));
    const speaker = steps.find(({ said }) => said !== '');
    const since = (ms: number) => phraseSeconds((nowMs - ms) / 1000);
    return [
      ...steps.flatMap((step) => [
        row('…', step.stage, `${since(step.sinceMs)} · ${step.command}`),
        ...(step === speaker ? [row('', '', step.said)] : []),
      ]),
      ...[...this.#stages].filter(([stage]) => !busy.has(stage)).map(([stage, ms]) => row('…', stage, since(ms))),
      ...[...this.#activities.values()].map((activity) =>
        row('…', activity.name, `${since(activity.sinceMs)} · ${phraseActivity(activity)}`),
      ),
      row('', 'total', [since(this.#startedMs), ...this.#phraseWaiting()].join(' · ')),
    ];
  }

  /** For a log: one line, from time to time. */
  heartbeat(nowMs: number): string {
    const since = (ms: number) => phraseSeconds((nowMs - ms) / 1000);
    const stages = [...this.#stages].map(([stage, ms]) => `${stage} ${since(ms)}`);
    const activities = [...this.#activities.values()].map(
      (activity) => `${activity.name} ${since(activity.sinceMs)} (${phraseActivity(activity)})`,
    );
    const running = [...stages, ...activities].join(', ');
    const facts = [
      since(this.#startedMs),
      ...(running === '' ? [] : [`running: ${running}`]),
      ...this.#phraseWaiting(),
    ];
    return row('…', 'total', facts.join(' · '));
  }

  #phraseWaiting(): string[] {
    return this.#waiting.size === 0 ? [] : [`waiting: ${[...this.#waiting].join(', ')}`];
  }
}

/** In the columns of a stage that has ended. */
const row = (label: string, name: string, facts: string) => `${label.padEnd(5)} ${name.padEnd(8)} ${facts}`;

function phraseActivity({ what, count, counts, bytes, totalBytes }: Activity): string {
  const facts = [
    what,
    count === undefined ? '' : counts === undefined ? `${count} files` : `${count} of ${counts}`,
    bytes === undefined
      ? ''
      : totalBytes === undefined
        ? phraseBytes(bytes)
        : `${phraseBytes(bytes)} of ${phraseBytes(totalBytes)}`,
  ];
  return facts.filter((fact) => fact !== '').join(' · ');
}
