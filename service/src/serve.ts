// Opens the port, and closes it without losing what runs.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { describe } from './about.ts';
import { buildApp } from './app.ts';
import type { Config } from './config.ts';
import { createLifecycle, type Lifecycle } from './lifecycle.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import { type Problem, rawProblem, sendProblem } from './problem.ts';

export interface Service {
  readonly port: number;
  /** Resolves once nothing is open; false if something had to be cut off. */
  stop(): Promise<boolean>;
}

const SWEEP_MS = 50;
/** How long a client of a connection that is kept may take to ask once more, and to hear that it closes. */
const FAREWELL_MS = 500;

/** What the parser's error codes mean to a client; any other is a plain 400. */
const TOO_SLOW: Problem = { status: 408, detail: 'The request took too long to arrive' };
const TOO_LARGE: Problem = { status: 431, detail: 'The header is too large' };
const MALFORMED: Problem = { status: 400, detail: 'The request is not well-formed HTTP' };
const NO_TUNNEL: Problem = { status: 501, detail: 'The service opens no tunnels' };
const REFUSALS: Readonly<Record<string, Problem>> = {
  ERR_HTTP_REQUEST_TIMEOUT: TOO_SLOW,
  HPE_HEADER_OVERFLOW: TOO_LARGE,
  CONNECT: NO_TUNNEL,
};
/** The client left in the middle of its request. */
const GONE = new Set(['ECONNRESET', 'HPE_INVALID_EOF_STATE']);

export async function serve(config: Config, log: Log): Promise<Service> {
  const lifecycle = createLifecycle();
  const { app, metrics } = buildApp({
    about: describe(config.deployment),
    log,
    bodyLimit: config.bodyLimit,
    lifecycle,
    checks: { accepting: () => server.listening, logging: log.healthy },
  });
  const refused = new WeakSet<Duplex>();
  const server = createServer(
    {
      maxHeaderSize: config.headerLimit,
      // The app refuses it, with an id and a line in the log.
      requireHostHeader: false,
      requestTimeout: config.requestTimeoutMs,
      headersTimeout: config.requestTimeoutMs,
      keepAliveTimeout: config.keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.min(config.requestTimeoutMs, 5000),
    },
    // What still arrives on a connection that was refused has had its answer.
    (req, res) => (refused.has(req.socket) ? req.socket.destroy() : app(req, res)),
  );
  const refuse = refusal(log, metrics, lifecycle);
  server.on('clientError', (error, socket) => {
    refused.add(socket);
    refuse(error, socket);
  });
  server.on('checkExpectation', app);
  server.on('connect', (_request, socket) =>
    refuse(Object.assign(new Error('no tunnel'), { code: 'CONNECT' }), socket),
  );
  const unused = trackUnused(server);

  server.listen(config.port, config.host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    port,
    async stop() {
      lifecycle.draining = true;
      await delay(config.drainDelayMs);
      const closed = once(server, 'close');
      // Not HTTP's own, which closes idle connections at once: what their clients are about to send would be lost.
      NetServer.prototype.close.call(server);
      const farewell = performance.now() + Math.min(FAREWELL_MS, config.shutdownTimeoutMs / 2);
      // A connection becomes idle when its last answer is out, and some never send anything: look again until all are gone.
      const sweep = setInterval(() => {
        if (performance.now() < farewell) return;
        server.closeIdleConnections();
        for (const socket of unused()) socket.destroy();
      }, SWEEP_MS);
      const limit = new AbortController();
      const inTime = await Promise.race([
        closed.then(() => true),
        delay(config.shutdownTimeoutMs, false, { signal: limit.signal }),
      ]);
      limit.abort();
      clearInterval(sweep);
      server.closeAllConnections();
      await closed;
      return inTime;
    },
  };
}

/** Connections that have not sent a byte: Node does not count them as idle. */
function trackUnused(server: Server): () => Socket[] {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return () => [...open].filter((socket) => socket.bytesRead === 0);
}

/** Answers what never became a request, or stopped on its way to be one. */
function refusal(log: Log, metrics: Metrics, lifecycle: Lifecycle) {
  return (error: NodeJS.ErrnoException, socket: Duplex): void => {
    const code = error.code ?? '';
    const problem = REFUSALS[code] ?? MALFORMED;
    const owed = [...lifecycle.inFlight].find((res) => res.socket === socket);
    // A body whose coding is not known is found once its request is under way.
    const isOwn = problem === TOO_SLOW || (code === 'HPE_INVALID_TRANSFER_ENCODING' && owed?.req.complete === false);
    if (owed !== undefined && isOwn && !owed.headersSent) {
      owed.setHeader('Connection', 'close');
      sendProblem(owed, problem);
    } else if (owed !== undefined || GONE.has(code) || !socket.writable) {
      // Nobody is there to be told, or they would take it for the answer they wait for.
      socket.destroy();
    } else {
      const id = randomUUID();
      metrics.refused(problem.status);
      log.info('refused', { request_id: id, status: problem.status, code });
      socket.end(rawProblem(problem, id));
    }
  };
}
