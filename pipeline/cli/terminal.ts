// The person at the other end: where to write, whether there is a terminal, and the wish to stop.
import { pathToFileURL } from 'node:url';
import { EXIT, PipelineError } from '../src/core/errors.ts';
import { safeLines, safeText } from '../src/core/safe-text.ts';
import type { Screen } from './render.ts';

export type Terminal = {
  out: Screen;
  err: Screen;
  /** Rejects at the first Ctrl-C. */
  interrupted: Promise<never>;
};

const SAME_WISH_MS = 1000;

export function openTerminal(env: NodeJS.ProcessEnv = process.env): Terminal {
  const interrupted = new Promise<never>((_, reject) => {
    let firstMs: number | undefined;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        // Who asks twice does not want to wait for an orderly end; the engine notices that we are gone. Twice at once is one
        // wish that came on two ways: from the terminal, and passed on by npx and tsx.
        if (firstMs !== undefined && Date.now() - firstMs > SAME_WISH_MS) process.exit(EXIT.interrupted);
        firstMs ??= Date.now();
        reject(interruption());
      });
    }
  });
  interrupted.catch(() => {}); // told where it is awaited
  return {
    out: screenOf(process.stdout, env),
    err: screenOf(process.stderr, env),
    interrupted,
  };
}

/** A text that leads to a file where it is clicked. A terminal that knows no links (OSC 8) shows the text alone. */
export const fileLink = (text: string, file: string) =>
  `\u001b]8;;${pathToFileURL(file).href}\u001b\\${safeText(text)}\u001b]8;;\u001b\\`;

export const interruption = () =>
  new PipelineError('INTERRUPTED', 'interrupted', 'nothing is left running; what was finished is in the cache');

function screenOf(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Screen {
  // A reader that went away (`| head`) is not our failure.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  const isTerminal = Boolean(stream.isTTY) && env.TERM !== 'dumb';
  return {
    write: (text) => stream.write(safeLines(text)),
    control: (text) => stream.write(text),
    isTerminal,
    columns: () => stream.columns || 80,
    rows: () => stream.rows || 24,
    onResize: (listener) => {
      stream.on('resize', listener);
      return () => stream.off('resize', listener);
    },
    hasColour: env.NO_COLOR ? false : env.FORCE_COLOR ? env.FORCE_COLOR !== '0' : isTerminal,
  };
}
