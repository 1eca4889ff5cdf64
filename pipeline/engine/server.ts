// Dagger's session protocol: GraphQL over HTTP on a loopback port, with the session's token as the user of basic authentication.
import { randomUUID, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { answerParts } from './answer-text.ts';
import { answer } from './api/query.ts';
import { EnvironmentError } from './errors.ts';
import type { Session } from './session.ts';

/** Requests are queries of a few kilobytes; a file's content in one may be larger. */
const MAX_REQUEST_BYTES = 64 * 1024 * 1024;
/** How many times as much is taken in from somebody who does not stop, before the connection ends. */
const READ_AT_MOST = 16;

export interface Listening {
  readonly port: number;
  readonly token: string;
  close(): Promise<void>;
}

/** Without it no client would reach the session. */
export function needLoopback(): void {
  if (Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ internal }) => internal))) return;
  throw new EnvironmentError(
    'the loopback interface is down, by which clients reach the engine',
    'sudo ip link set lo up',
  );
}

/** Listens on 127.0.0.1. Requests that come before the session is ready wait for it. */
export async function listen(session: Promise<Session>): Promise<Listening> {
  needLoopback();
  const token = process.env.DAGGER_SESSION_TOKEN || randomUUID();
  const server = createServer((request, response) => {
    handle(session, token, request, response).catch((error: Error) =>
      send(response, 500, { errors: [{ message: error.message }] }),
    );
  });
  server.requestTimeout = 0;
  server.headersTimeout = 60_000;
  // A client that is busy for a while goes on with the connection that it has.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, token, close: () => closeServer(server) };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function handle(
  session: Promise<Session>,
  token: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!isAuthorized(request, token))
    return send(response, 401, { errors: [{ message: 'the session token is missing or wrong' }] });
  // A page in a browser has an origin; no client of a session has.
  if (request.headers.origin !== undefined)
    return send(response, 403, { errors: [{ message: 'requests from web pages are refused' }] });
  if (request.url !== '/query')
    return send(response, 404, { errors: [{ message: `there is nothing at ${request.url}; queries go to /query` }] });
  if (request.method !== 'POST') return send(response, 405, { errors: [{ message: 'queries are sent with POST' }] });
  const body = await readBody(request);
  if (body === undefined)
    return send(response, 413, { errors: [{ message: `a request may have ${MAX_REQUEST_BYTES} bytes` }] });
  const query = parseRequest(body);
  if (query === undefined)
    return send(response, 400, { errors: [{ message: 'the request is not a GraphQL query in JSON' }] });
  await send(response, 200, await answer(await session, query));
}

function isAuthorized(request: IncomingMessage, token: string): boolean {
  const [scheme, credentials = ''] = (request.headers.authorization ?? '').split(' ');
  if (scheme?.toLowerCase() !== 'basic') return false;
  const given = Buffer.from(Buffer.from(credentials, 'base64').toString().split(':')[0] as string);
  const wanted = Buffer.from(token);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** Undefined for one that is too large. It is read on all the same: whoever is still sending would not see the answer. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size <= MAX_REQUEST_BYTES) chunks.push(chunk as Buffer);
    else chunks.length = 0;
    if (size > READ_AT_MOST * MAX_REQUEST_BYTES) return undefined;
  }
  return size > MAX_REQUEST_BYTES ? undefined : Buffer.concat(chunks).toString();
}

function parseRequest(body: string): { query: string; variables?: Record<string, unknown> } | undefined {
  try {
    const parsed = JSON.parse(body) as { query?: unknown; variables?: unknown };
    if (typeof parsed.query !== 'string') return undefined;
    const isObject = typeof parsed.variables === 'object' && parsed.variables !== null;
    return { query: parsed.query, ...(isObject ? { variables: parsed.variables as Record<string, unknown> } : {}) };
  } catch {
    return undefined;
  }
}

async function send(response: ServerResponse, status: number, body: object): Promise<void> {
  if (response.headersSent) return;
  const parts = answerParts(body);
  const [first = '', second] = [parts.next().value, parts.next()];
  const isWhole = second?.done === true;
  response.writeHead(status, {
    'content-type': 'application/json',
    ...(isWhole ? { 'content-length': Buffer.byteLength(first) } : {}),
    ...(status === 413 ? { connection: 'close' } : {}),
  });
  if (isWhole) return void response.end(first);
  // Who has gone does not want the rest.
  await pipeline(Readable.from(rejoined([first, second?.value as string], parts)), response).catch(() => {});
}

function* rejoined(first: readonly string[], rest: Iterable<string>): Generator<string> {
  yield* first;
  yield* rest;
}
