// Git knows no least rate for its own protocol: what it asks by that leads through here, where there is one.
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Meter, type Pace, TooSlow, tooFew } from '../../src/oci/pace.ts';
import { EngineError } from '../errors.ts';
import type { Variables } from './git-runner.ts';

/** As for addresses of the web: a server that is counting what it will send says little. */
const PACE: Pace = { windowMs: 120_000 };
/** https://git-scm.com/docs/git-daemon */
const PORT = 9418;
const ADDRESS = /^git:\/\/[^/]*\//;

/** What `ask` asks of this address with git has to keep a rate. It is told by more variables where to ask. */
export async function paced<T>(
  url: string,
  variables: Variables,
  ask: (variables: Variables) => Promise<T>,
  pace: Pace = PACE,
): Promise<T> {
  const [base] = ADDRESS.exec(url) ?? [];
  if (base === undefined) return ask(variables);
  const { host, hostname, port } = new URL(url);
  const address = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || PORT) };
  const sockets = new Set<Socket>();
  let fault: Error | undefined;
  const server = createServer((client) => {
    const remote = connect(address);
    const give = (error: Error) => {
      fault ??= error;
      remote.destroy();
      client.destroy();
    };
    for (const socket of [client, remote]) sockets.add(socket.once('close', () => sockets.delete(socket)));
    remote.on('error', ({ message }) => give(new EngineError(`unable to connect to ${host}: ${message}`)));
    client.on('error', () => remote.destroy()); // git has gone, and says why
    void relay(client, remote, (bytes, ms) => give(new TooSlow(host, tooFew(bytes, ms))), pace).catch(() => {});
  });
  try {
    return await ask({ ...variables, ...leading(base, await opened(server), host, variables) });
  } catch (error) {
    throw fault === undefined ? error : new EngineError(`git: ${fault.message}`, undefined, { cause: error });
  } finally {
    server.close();
    for (const socket of sockets) socket.destroy();
  }
}

async function opened(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as { port: number }).port;
}

/** The name of the host is sent along: several may be at one address. */
function leading(base: string, port: number, host: string, { GIT_CONFIG_COUNT }: Variables): Variables {
  const count = Number(GIT_CONFIG_COUNT ?? 0);
  return {
    GIT_CONFIG_COUNT: String(count + 1),
    [`GIT_CONFIG_KEY_${count}`]: `url.git://127.0.0.1:${port}/.insteadOf`,
    [`GIT_CONFIG_VALUE_${count}`]: base,
    GIT_OVERRIDE_VIRTUAL_HOST: host,
  };
}

/** What either says to the other. Time counts while the host has to say something, and git waits for it. */
async function relay(client: Socket, remote: Socket, giveUp: (bytes: number, ms: number) => void, pace: Pace) {
  const meter = new Meter(pace, giveUp);
  const answer = new Answer();
  let isWaiting = false;
  const wait = (is: boolean) => {
    if (is !== isWaiting) is ? meter.wait() : meter.rest();
    isWaiting = is;
  };
  client.on('data', () => wait(true)).pipe(remote);
  try {
    for await (const chunk of remote as AsyncIterable<Buffer>) {
      wait(false);
      meter.add(chunk.length);
      if (!client.write(chunk)) await once(client, 'drain');
      wait(!answer.endsWith(chunk));
    }
    client.end();
  } finally {
    wait(false);
  }
}

/** Packets of a host, in pieces. Each begins with its length in four digits; that of none ends what the host has to say (gitprotocol-common). */
class Answer {
  #head = '';
  #left = 0;

  /** Whether nothing more is due after this piece. */
  endsWith(piece: Buffer): boolean {
    let isEnd = false;
    for (let at = 0; at < piece.length; ) {
      if (this.#left > 0) {
        const part = Math.min(this.#left, piece.length - at);
        this.#left -= part;
        at += part;
        isEnd = false;
        continue;
      }
      this.#head += String.fromCharCode(piece[at++] as number);
      isEnd = this.#head === '0000';
      if (this.#head.length < 4) continue;
      const length = /^[\da-f]{4}$/i.test(this.#head) ? Number.parseInt(this.#head, 16) : Number.POSITIVE_INFINITY;
      this.#left = Math.max(0, length - 4);
      this.#head = '';
    }
    return isEnd;
  }
}
