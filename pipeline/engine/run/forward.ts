// Passes connections and datagrams on, from a socket on one side of the session's network to one on the other.
import type { Socket as Datagrams, RemoteInfo } from 'node:dgram';
import type { Server, Socket } from 'node:net';

/** Every connection to `server` goes on to one that `open` makes. Gives the way to end all of them. */
export function forwardConnections(server: Server, open: () => Promise<Socket>): () => void {
  const sockets = new Set<Socket>();
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  server.on('connection', async (front: Socket) => {
    track(front);
    // Who has said all may still listen.
    front.allowHalfOpen = true;
    front.on('error', () => front.destroy());
    try {
      const back = await open();
      track(back);
      back.allowHalfOpen = true;
      join(front, back);
    } catch {
      front.resetAndDestroy(); // as if nothing listened here either
    }
  });
  return () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
}

/** Each side's end is the other's, and so is its failure. */
function join(front: Socket, back: Socket): void {
  for (const [from, to] of [
    [front, back],
    [back, front],
  ] as const) {
    from.on('error', () => to.destroy());
    from.on('close', () => !to.writableEnded && to.end());
    from.pipe(to);
  }
  if (front.destroyed) back.destroy();
}

/** A client that is silent this long is forgotten. */
const IDLE_MS = 60_000;

/** Every datagram to `front` goes on from a socket that `open` makes for its sender; answers come back. */
export function forwardDatagrams(
  front: Datagrams,
  open: () => Promise<Datagrams>,
  to: { address: string; port: number },
): () => void {
  const clients = new Map<string, Promise<Datagrams>>();
  const forget = (key: string, back: Datagrams) => {
    if (clients.delete(key)) back.close();
  };
  const connect = async (key: string, from: RemoteInfo) => {
    const back = await open();
    const idle = setTimeout(() => forget(key, back), IDLE_MS);
    back.on('error', () => {}); // a lost datagram
    back.on('close', () => clearTimeout(idle));
    back.on('message', (answer) => {
      idle.refresh();
      front.send(answer, from.port, from.address);
    });
    return back;
  };
  front.on('error', () => {});
  front.on('message', async (message, from) => {
    const key = `${from.address} ${from.port}`;
    if (!clients.has(key)) clients.set(key, connect(key, from));
    try {
      (await clients.get(key))?.send(message, to.port, to.address);
    } catch {
      clients.delete(key);
    }
  });
  return () => {
    front.close();
    for (const client of clients.values()) client.then((back) => back.close()).catch(() => {});
    clients.clear();
  };
}
