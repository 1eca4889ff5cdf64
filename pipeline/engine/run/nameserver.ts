// The name server of a session's network: knows its services, hands every other query to the host's own servers.
import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { on, once } from 'node:events';
import { connect, isIPv6, type Socket } from 'node:net';
import { answerFrom, failure, RCODE, type Zone } from './dns.ts';
import type { Sockets } from './sockets.ts';

/** Where the names of services are found; `.internal` is set aside for private use. */
export const DOMAIN = 'drydock.internal';

const DNS_PORT = 53;
/** Shorter than the five seconds after which a client asks again. */
const UPSTREAM_MS = 4000;

/** Who is where now. A name that is given twice is the one who came last. */
export class Names implements Zone {
  readonly domain = DOMAIN;
  readonly #entries: { name: string; address: string }[] = [];

  /** Makes an address known; gives the way to take it back. */
  add(names: readonly string[], address: string): () => void {
    const entries = names.map((name) => ({ name: name.toLowerCase(), address }));
    this.#entries.unshift(...entries);
    return () => {
      for (const entry of entries) this.#entries.splice(this.#entries.indexOf(entry), 1);
    };
  }

  readonly addressOf = (name: string) => this.#entries.find((entry) => entry.name === name)?.address;
  readonly nameOf = (address: string) => this.#entries.find((entry) => entry.address === address)?.name;
}

export class NameServer {
  readonly #zone: Zone;
  readonly #upstreams: readonly string[];

  /** Without upstream servers nothing exists but the zone. */
  constructor(zone: Zone, upstreams: readonly string[]) {
    this.#zone = zone;
    this.#upstreams = upstreams;
  }

  async listen(sockets: Sockets, address: string): Promise<void> {
    const [datagrams, server] = await Promise.all([
      sockets.datagrams(address, DNS_PORT),
      sockets.listen(address, DNS_PORT),
    ]);
    this.#answerDatagrams(datagrams);
    server.on('connection', (socket) => this.#answerStream(socket));
  }

  #answerDatagrams(socket: Datagrams): void {
    socket.on('error', () => {}); // an answer that can't be sent is asked for again
    socket.on('message', async (query, from) => {
      const answer = await this.#answer(query, askByDatagram);
      if (answer !== undefined) socket.send(answer, from.port, from.address);
    });
  }

  #answerStream(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    socket.setTimeout(2 * UPSTREAM_MS, () => socket.destroy());
    onMessages(socket, async (query) => {
      const answer = await this.#answer(query, askByStream);
      if (answer !== undefined) socket.write(framed(answer));
    });
  }

  async #answer(query: Buffer, ask: typeof askByDatagram): Promise<Buffer | undefined> {
    const known = answerFrom(this.#zone, query);
    if (known !== undefined) return known;
    if (this.#upstreams.length === 0) return failure(query, RCODE.noSuchName);
    for (const server of this.#upstreams) {
      const answer = await ask(server, query);
      if (answer !== undefined) return answer;
    }
    return failure(query, RCODE.serverFailure);
  }
}

/** One query to one server; undefined when no answer came in time. */
async function askByDatagram(server: string, query: Buffer): Promise<Buffer | undefined> {
  const socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4');
  const signal = AbortSignal.timeout(UPSTREAM_MS);
  try {
    // Connected, so that the kernel drops what others send, and tells when nobody is there.
    socket.connect(DNS_PORT, server);
    await once(socket, 'connect', { signal });
    const answers = on(socket, 'message', { signal });
    socket.send(query);
    for await (const [answer] of answers) if (answer.subarray(0, 2).equals(query.subarray(0, 2))) return answer;
  } catch {
    // no answer from there
  } finally {
    socket.close();
  }
  return undefined;
}

function askByStream(server: string, query: Buffer): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect(DNS_PORT, server, () => socket.write(framed(query)));
    socket.setTimeout(UPSTREAM_MS, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(undefined));
    onMessages(socket, (answer) => {
      resolve(answer);
      socket.destroy();
    });
  });
}

/** Over a stream, each message comes after its length. */
function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

function onMessages(socket: Socket, take: (message: Buffer) => void): void {
  let pending = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const end = 2 + pending.readUInt16BE(0);
      take(pending.subarray(2, end));
      pending = pending.subarray(end);
    }
  });
}
