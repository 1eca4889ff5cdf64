// Sockets in another network namespace, used from here: a helper that lives there opens them and hands them over.
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket as Datagrams } from 'node:dgram';
import type { Server, Socket } from 'node:net';

/** `probe` only finds out whether a connection is accepted; the others hand over what they open. */
interface Order {
  readonly kind: 'datagrams' | 'listen' | 'connect' | 'probe';
  readonly address: string;
  readonly port: number;
}
interface Reply {
  readonly id: number;
  readonly error?: string;
}

export class Sockets {
  readonly #helper: ChildProcess;
  readonly #waiting = new Map<number, (reply: Reply, socket: unknown) => void>();
  #counter = 0;

  /** `enter` begins the command lines of processes that are to end with the session. */
  constructor([program, ...enter]: readonly [string, ...string[]], namespace: string) {
    this.#helper = spawn(program, [...enter, `--net=${namespace}`, process.execPath, '--eval', `(${openSockets})()`], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#helper.on('message', (reply: Reply, socket: unknown) => this.#waiting.get(reply.id)?.(reply, socket));
    this.#helper.on('exit', () => this.#fail('the helper for sockets in the session’s network has ended'));
    this.#helper.on('error', (error) => this.#fail(error.message));
  }

  datagrams(address: string, port: number): Promise<Datagrams> {
    return this.#order({ kind: 'datagrams', address, port }) as Promise<Datagrams>;
  }

  listen(address: string, port: number): Promise<Server> {
    return this.#order({ kind: 'listen', address, port }) as Promise<Server>;
  }

  connect(address: string, port: number): Promise<Socket> {
    return this.#order({ kind: 'connect', address, port }) as Promise<Socket>;
  }

  /** Fails where nothing accepts connections. */
  async probe(address: string, port: number): Promise<void> {
    await this.#order({ kind: 'probe', address, port });
  }

  #order(order: Order): Promise<unknown> {
    const id = ++this.#counter;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ error }, socket) => {
        this.#waiting.delete(id);
        if (error === undefined) resolve(socket);
        else reject(new Error(error));
      });
      this.#helper.send(
        { id, ...order },
        (error) => error && this.#waiting.get(id)?.({ id, error: error.message }, undefined),
      );
    });
  }

  #fail(error: string): void {
    for (const [id, answer] of this.#waiting) answer({ id, error }, undefined);
  }
}

/** The helper's whole program. It is sent as text, so it may name nothing outside itself. */
function openSockets(): void {
  const net = process.getBuiltinModule('node:net');
  const dgram = process.getBuiltinModule('node:dgram');
  const send = process.send?.bind(process) as (
    reply: Reply,
    handle?: unknown,
    options?: object,
    sent?: () => void,
  ) => void;
  process.on('disconnect', () => process.exit());
  process.on('message', ({ id, kind, address, port }: Order & { id: number }) => {
    const failed = (error: Error) => send({ id, error: error.message });
    if (kind === 'datagrams') {
      const socket = dgram.createSocket('udp4').once('error', failed);
      socket.bind({ address, port, exclusive: true }, () => send({ id }, socket, {}, () => socket.close()));
    } else if (kind === 'listen') {
      const server = net.createServer().once('error', failed);
      server.listen({ host: address, port, exclusive: true }, () => send({ id }, server, {}, () => server.close()));
    } else {
      const socket = new net.Socket().once('error', failed);
      socket.pause(); // what the other side says first is for whoever gets the socket
      socket.connect({ host: address, port }, () => {
        if (kind === 'connect') return send({ id }, socket);
        socket.destroy();
        send({ id });
      });
    }
  });
}
