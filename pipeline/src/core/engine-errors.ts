// Reads an engine's error message, of either engine, as one of ours: what a person can do about it.
import { PipelineError } from './errors.ts';

type Reading = { when: RegExp; code: PipelineError['code']; hint: string };

/** In order: the first that fits. */
const READINGS: readonly Reading[] = [
  {
    when: /\b429\b|too many requests|toomanyrequests|rate.?limit/i,
    code: 'RATE_LIMITED',
    hint: 'wait, log in (`docker login`), or name a mirror: --mirror docker.io=host/prefix',
  },
  {
    when: /ENOSPC|no space left on device|the disk is full/i,
    code: 'NO_SPACE',
    hint: 'free some space, or move the cache with XDG_CACHE_HOME',
  },
  {
    when: /offline|the network is off/i,
    code: 'OFFLINE',
    hint: 'fetch it where there is a network: npx tsx pipeline/ci.ts warm; or give the images with --images',
  },
  {
    when: /\b(401|403)\b|unauthorized|authentication required|access denied/i,
    code: 'UNAUTHORIZED',
    hint: 'log in to the registry (`docker login`): the Docker configuration is read',
  },
  {
    when: /^cannot have |failed to resolve|not found in any|manifest unknown|no such image|cannot be pulled|could not pull|no registry|failed to do request/i,
    code: 'MISSING_IMAGE',
    hint: 'give it in a folder with --images, or name a mirror: --mirror docker.io=host/prefix',
  },
];

/** The embedded engine has a hint of its own, which ends its message too. */
export function readEngineError(message: string, hint: string | undefined, cause: unknown): PipelineError {
  const whole = firstLine(message.replace(/ \[traceparent:.*/s, ''));
  const sentence = hint !== undefined && whole.endsWith(`; ${hint}`) ? whole.slice(0, -hint.length - 2) : whole;
  // Not in the hint, which may name what it is about: `run with --offline`.
  const reading = READINGS.find(({ when }) => when.test(sentence));
  if (reading !== undefined) return new PipelineError(reading.code, sentence, reading.hint, { cause });
  const way = hint ?? 'run again with --verbose to see what it says';
  return new PipelineError('ENGINE_FAILED', `the engine failed: ${sentence}`, way, { cause });
}

function firstLine(text: string): string {
  return (
    text
      .split('\n')
      .find((line) => line.trim() !== '')
      ?.trim() ?? 'it gave no reason'
  );
}
