// Finds out in a moment whether anybody listens at an address.
import { connect } from 'node:net';

/** Why nobody can be spoken to there; undefined if somebody can, or a proxy is asked in any case. */
export async function whyUnreachable(url: URL, ms: number): Promise<string | undefined> {
  if (process.env.NODE_USE_ENV_PROXY === '1') return undefined;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  return await new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (reason: string | undefined) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(reason);
    };
    // Not the socket's own time-out, which begins only when the name is resolved.
    const timer = setTimeout(() => end(`no connection within ${ms} ms`), ms);
    socket.once('connect', () => end(undefined));
    socket.once('error', (error: NodeJS.ErrnoException) => end(codeOf(error)));
  });
}

/** With several addresses of a host, each has its error. */
function codeOf(error: NodeJS.ErrnoException): string {
  const [first] = error instanceof AggregateError ? (error.errors as NodeJS.ErrnoException[]) : [];
  return error.code ?? first?.code ?? error.message;
}
