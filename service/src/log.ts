// Writes one JSON object a line. Lines of a busy moment share a write; an error is written before the call returns.
import { writeSync } from 'node:fs';

export const LEVELS = ['info', 'warn', 'error'] as const;
export type Level = (typeof LEVELS)[number];

type Fields = Readonly<Record<string, string | number | boolean | null>>;

export interface Log {
  info(event: string, fields?: Fields): void;
  warn(event: string, fields?: Fields): void;
  error(event: string, fields?: Fields): void;
  /** For the one hot line: the members are JSON already, without braces. */
  members(level: Level, event: string, members: string): void;
  allows(level: Level): boolean;
  /** False while the last lines could not be written. */
  healthy(): boolean;
  flush(): void;
}

const FLUSH_AT_CHARACTERS = 16 * 1024;
const FLUSH_AFTER_MS = 100;
const FULL_PIPE_WAIT_MS = 10;
const FULL_PIPE_TRIES = 50;

export function createLog(threshold: Level, fd = 1): Log {
  let pending = '';
  let timer: NodeJS.Timeout | undefined;
  let healthy = true;
  let second = Number.NaN;
  let secondText = '';

  /** Rendering a date costs more than the rest of a line: done once a second, the milliseconds are appended. */
  function timestamp(): string {
    const now = Date.now();
    const milliseconds = now % 1000;
    if (now - milliseconds !== second) {
      second = now - milliseconds;
      secondText = new Date(now).toISOString().slice(0, 20);
    }
    return `${secondText}${String(milliseconds).padStart(3, '0')}Z`;
  }

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (pending === '') return;
    const bytes = Buffer.from(pending);
    pending = '';
    healthy = writeAll(fd, bytes);
  }

  function members(level: Level, event: string, rest: string): void {
    if (!allows(level)) return;
    pending += `{"time":"${timestamp()}","level":"${level}","event":"${event}"${rest === '' ? '' : ','}${rest}}\n`;
    if (level === 'error' || pending.length >= FLUSH_AT_CHARACTERS) flush();
    else timer ??= setTimeout(flush, FLUSH_AFTER_MS);
  }

  const allows = (level: Level) => LEVELS.indexOf(level) >= LEVELS.indexOf(threshold);
  const at =
    (level: Level) =>
    (event: string, fields: Fields = {}): void =>
      members(level, event, JSON.stringify(fields).slice(1, -1));

  return {
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    members,
    allows,
    healthy: () => healthy,
    flush,
  };
}

/** Whether all was taken. A pipe that is full gets a moment; one without a reader does not stop the service. */
function writeAll(fd: number, bytes: Buffer): boolean {
  let written = 0;
  for (let tries = 0; written < bytes.length && tries < FULL_PIPE_TRIES; ) {
    try {
      written += writeSync(fd, bytes, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return false;
      tries += 1;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_WAIT_MS);
    }
  }
  return written === bytes.length;
}
