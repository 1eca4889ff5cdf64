// Opens a shell in a container for the person who started the engine. What they change there is gone with it.
import { openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { WriteStream } from 'node:tty';
import { EngineError } from '../errors.ts';
import { TailOutputs } from '../run/outputs.ts';
import type { StepRequest } from '../run/runner.ts';
import type { Terminal } from '../run/spec.ts';
import type { Session } from '../session.ts';
import type { ContainerState } from '../values.ts';
import { holdBindings } from './bindings.ts';
import { type Command, rootfsToRun, stepRequest } from './step.ts';

const SHOWN_LINES = 5;

/** Resolves when the command has ended, however it did. */
export async function openTerminal(session: Session, state: ContainerState, command: Command): Promise<void> {
  const { terminal } = session;
  if (terminal === undefined)
    throw new EngineError(
      'the engine was given no terminal',
      'set DRYDOCK_TERMINAL to its path, as `ci.ts shell` does',
    );
  const upper = session.store.scratchFolder('upper');
  const releases: (() => unknown)[] = [];
  let request: StepRequest | undefined;
  try {
    const bound = await holdBindings(session, state.bindings);
    releases.push(bound.release);
    const network = await session.network.lease();
    if (network !== undefined) releases.push(network.release);
    let said: TailOutputs | undefined;
    request = await stepRequest(
      session,
      state,
      await rootfsToRun(session, state),
      { ...command, terminal: measured(terminal) },
      {
        upper,
        outputs: (secrets) => {
          said = new TailOutputs(secrets);
          return said;
        },
        network,
        hostname: 'step',
        hosts: bound.hosts,
        atEnd: (release) => releases.push(release),
        signal: AbortSignal.any([session.signal, bound.signal]),
      },
    );
    const { startError } = await session.runner.run(request);
    if (startError !== undefined)
      throw new EngineError(
        `could not start ${command.args.join(' ')}: ${startError} ${said?.lastLines(SHOWN_LINES) ?? ''}`.trim(),
      );
  } finally {
    for (const release of releases) release();
    const overlays = request?.mounts.filter((mount) => mount.kind === 'overlay') ?? [];
    for (const left of [upper, ...overlays.map((mount) => mount.upper)])
      await rm(left, { recursive: true, force: true });
  }
}

function measured(path: string): Terminal {
  const stream = new WriteStream(openSync(path, 'r+'));
  try {
    const [columns, rows] = stream.getWindowSize();
    return { path, rows, columns };
  } finally {
    stream.destroy();
  }
}
