// The shell script under which a service runs in a session: its log goes to a file, its health check runs beside it as Docker would run it, and
// that it ended is written down. Signals are handed on. Written for any shell; of other programs it needs `sleep` alone.

export type Wrapping = {
  /** Where log, health and the check's last words go. */
  folder: string;
  service: string;
  /** `['CMD', …]` or `['CMD-SHELL', text]`; null for none. */
  test: readonly string[] | null;
  /** A program and its arguments. */
  sleep: readonly string[];
  /** Done first; may set variables. */
  before?: string;
};

/** A service starts several times, and each start has a health of its own: the script reads its number from here. */
export const START = 'DRYDOCK_START';

export function healthFile(folder: string, service: string, start: number): string {
  return `${folder}/${service}.${start}.health`;
}

/** Holds the exit code of a start that has ended. */
export function endFile(folder: string, service: string, start: number): string {
  return `${folder}/${service}.${start}.end`;
}

export function checkFile(folder: string, service: string): string {
  return `${folder}/${service}.check`;
}

/** What the kernel knows of TCP where the service runs, as it was when the check last failed. */
export function socketsFile(folder: string, service: string): string {
  return `${folder}/${service}.sockets`;
}

export function logFile(folder: string, service: string): string {
  return `${folder}/${service}.log`;
}

/** To be run with the service's own command as its arguments. */
export function wrapper({ folder, service, test, sleep, before = '' }: Wrapping): string {
  const check = `${testCommand(test)} >${quote(checkFile(folder, service))} 2>&1`;
  // The variable is the service's own no more once the script has read it.
  const [health, end] = ['health', 'end'].map((kind) => `${quote(`${folder}/${service}.`)}"$start".${kind}`);
  const waiting = `sockets=$(sockets); echo "$sockets" >${quote(socketsFile(folder, service))}; ${sleep.map(quote).join(' ')} 0.2`;
  return [
    `start=$${START}; unset ${START}`,
    ...(before === '' ? [] : [before]),
    ...(test === null ? [] : [SOCKETS, `{ until ${check}; do ${waiting}; done; echo healthy >${health}; } &`]),
    `"$@" >>${quote(logFile(folder, service))} 2>&1 &`,
    'service=$!',
    ...['TERM', 'INT', 'HUP', 'QUIT'].map((signal) => `trap 'kill -${signal} "$service" 2>/dev/null' ${signal}`),
    // A signal ends the waiting, not the service.
    'while wait "$service"; code=$?; [ "$code" -gt 128 ] && kill -0 "$service" 2>/dev/null; do :; done',
    `echo "$code" >${end}`,
    'exit "$code"',
  ].join('\n');
}

const SOCKETS = `sockets() {
  for table in /proc/net/tcp /proc/net/tcp6; do
    if [ -r "$table" ]; then while read -r line; do echo "$line"; done <"$table"; fi
  done
}`;

function testCommand(test: readonly string[] | null): string {
  const [kind, ...words] = test ?? [];
  if (kind === 'CMD-SHELL') return `sh -c ${words.map(quote).join(' ')}`;
  return words.map(quote).join(' ');
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
