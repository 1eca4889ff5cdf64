// Reads an engine's error, of either engine, as one of ours: what a person can do about it. Most are faults; what is only missing here has to be
// said by the operation that could not have it, since any word may stand in the name of a file.
import { COMMAND } from '../command.ts';
import { type ErrorCode, PipelineError } from './errors.ts';

/** What may be missing at a place, and the way out. */
const HINTS = {
  RATE_LIMITED: 'wait, log in (`docker login`), or name a mirror: --mirror docker.io=host/prefix',
  NO_SPACE: 'free some space, or move the cache with XDG_CACHE_HOME',
  OFFLINE: `fetch it where there is a network: ${COMMAND} warm; or give the images with --images`,
  UNAUTHORIZED: 'log in to the registry (`docker login`): the Docker configuration is read',
  MISSING_IMAGE: 'give it in a folder with --images, or name a mirror: --mirror docker.io=host/prefix',
} as const satisfies Partial<Record<ErrorCode, string>>;

type Lack = keyof typeof HINTS;

/** What the embedded engine says of an error beside its message: `code` is one of the above, or `FAILED`. */
export type EngineSays = { code: string; hint?: string };

/** How a Dagger Engine's message begins, or goes on after a colon, when an image could not be pulled. */
const PULL = new RegExp(
  `(?:^|: )(?:${[
    'failed to resolve source metadata for \\S+',
    'failed to resolve image \\S+',
    'failed to do request: (?:Head|Get) "https?://[^"/]+/(?:v2|token)\\b[^"]*"',
    'unexpected status from (?:HEAD|GET) request to https?://[^/\\s]+/v2/\\S+',
    'pulling from host \\S+ failed with status code \\[[^\\]]*\\]',
    'failed to authorize',
  ].join('|')}):`,
);

/** A pull names no file: where one is named before it, or the fault is a file's, what looks like a pull is a file's name. */
const NAMES_FILE = /(?:^|\s)\/|["'`]/;
const FILE_FAULT = /: (?:no such file or directory|not a directory|is a directory|file name too long)$/;

/** What the registry answered then; all else that a pull may end with is an image that is not available. */
const ANSWERS: readonly { when: RegExp; lack: Lack }[] = [
  { when: /(?:^|: )\s*(?:429 Too Many Requests\b|toomanyrequests:)/, lack: 'RATE_LIMITED' },
  {
    when: /(?:^|: )\s*(?:401 Unauthorized|403 Forbidden|pull access denied)\b|insufficient_scope/,
    lack: 'UNAUTHORIZED',
  },
];

function lackOf(sentence: string, said: EngineSays | undefined): Lack | undefined {
  if (said !== undefined) return Object.hasOwn(HINTS, said.code) ? (said.code as Lack) : undefined;
  if (/(?:^|: )no space left on device$/.test(sentence)) return 'NO_SPACE';
  const pull = PULL.exec(sentence);
  if (pull === null || NAMES_FILE.test(sentence.slice(0, pull.index)) || FILE_FAULT.test(sentence)) return undefined;
  const answer = sentence.slice(pull.index);
  return ANSWERS.find(({ when }) => when.test(answer))?.lack ?? 'MISSING_IMAGE';
}

/** The embedded engine's hint ends its message too. */
export function readEngineError(message: string, said: EngineSays | undefined, cause: unknown): PipelineError {
  const whole = firstLine(message.replace(/ \[traceparent:.*/s, ''));
  const hint = said?.hint;
  const sentence = hint !== undefined && whole.endsWith(`; ${hint}`) ? whole.slice(0, -hint.length - 2) : whole;
  const lack = lackOf(sentence, said);
  // Of a full disk the engine knows which it is.
  if (lack !== undefined)
    return new PipelineError(lack, sentence, lack === 'NO_SPACE' ? (hint ?? HINTS.NO_SPACE) : HINTS[lack], { cause });
  if (said?.code === 'DAMAGED') return new PipelineError('CACHE_DAMAGED', sentence, hint ?? 'run it again', { cause });
  if (said?.code === 'STEP_TIMED_OUT')
    return new PipelineError('STEP_TIMED_OUT', sentence, 'give steps more time, e.g. --step-timeout 2h', { cause });
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
