// The service as an Express app: what it answers. Opens no port; server.ts does.
import type { ServerResponse } from 'node:http';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import { Registry } from 'prom-client';
import type { About } from './about.ts';
import { limitBody } from './body.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { Log } from './log.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { observe, requestId } from './observe.ts';
import { sendProblem } from './problem.ts';

type Checks = Readonly<Record<string, () => boolean>>;

export interface AppOptions {
  readonly about: About;
  readonly log: Log;
  readonly bodyLimit: number;
  readonly lifecycle: Lifecycle;
  /** What has to hold for the service to be healthy. */
  readonly checks: Checks;
  readonly registry?: Registry;
}

export interface App {
  readonly app: Express;
  readonly metrics: Metrics;
}

const ROUTES = ['/', '/health', '/metrics', '/version'] as const;
const JSON_TYPE = 'application/json; charset=utf-8';
const ALLOWED = 'GET, HEAD, OPTIONS';

export function buildApp(options: AppOptions): App {
  const { about, log, bodyLimit, lifecycle, checks, registry = new Registry() } = options;
  const metrics = createMetrics(registry, about, lifecycle, ROUTES);
  const routes: Record<(typeof ROUTES)[number], RequestHandler> = {
    '/': home(about),
    '/health': health(lifecycle, checks),
    '/metrics': async (_req, res) => send(res, 200, registry.contentType, await registry.metrics()),
    '/version': version(about),
  };

  const app = express();
  app.disable('x-powered-by').disable('etag').set('query parser', false);
  app.use(observe(log, metrics, lifecycle), wellAsked, limitBody(bodyLimit));
  for (const [path, handler] of Object.entries(routes)) app.route(path).get(handler).all(notAllowed);
  app.use(notFound, failed(log));
  return { app, metrics };
}

function home({ name, version, source }: About): RequestHandler {
  const links = { self: '/', health: '/health', metrics: '/metrics', version: '/version', source };
  // Never changes, so it is rendered once.
  const body = JSON.stringify({ name, version, links });
  return (_req, res) => send(res, 200, JSON_TYPE, body);
}

function version({ version, commit, built, digest, node }: About): RequestHandler {
  const body = JSON.stringify({ version, commit, built, digest, node });
  return (_req, res) => send(res, 200, JSON_TYPE, body);
}

function health(lifecycle: Lifecycle, checks: Checks): RequestHandler {
  return (_req, res) => {
    const results = Object.entries(checks).map(([name, holds]) => [name, holds() ? 'ok' : 'failing'] as const);
    const failing = results.some(([, result]) => result === 'failing');
    const status = lifecycle.draining ? 'draining' : failing ? 'failing' : 'ok';
    const body = { status, uptime: Math.floor(process.uptime()), checks: Object.fromEntries(results) };
    send(res, status === 'ok' ? 200 : 503, JSON_TYPE, JSON.stringify(body));
  };
}

/** What Node would refuse by itself, without an id and unseen. */
const wellAsked: RequestHandler = (req, res, next) => {
  const refuse = (status: number, detail: string) => {
    res.setHeader('Connection', 'close');
    sendProblem(res, { status, detail });
  };
  if (req.headers.host === undefined && req.httpVersion === '1.1') refuse(400, 'A request by HTTP/1.1 needs a Host');
  else if (req.headers.expect !== undefined && req.headers.expect.toLowerCase() !== '100-continue')
    refuse(417, 'Only 100-continue can be expected');
  else next();
};

const notAllowed: RequestHandler = (req, res) => {
  res.setHeader('Allow', ALLOWED);
  if (req.method === 'OPTIONS') res.writeHead(204).end();
  else sendProblem(res, { status: 405, detail: `This resource allows ${ALLOWED}` });
};

const notFound: RequestHandler = (req, res) => {
  if (isDecodable(req.path)) sendProblem(res, { status: 404, detail: 'There is nothing at this path' });
  else sendProblem(res, { status: 400, detail: 'The path is not well-formed percent-encoding' });
};

/** Express knows an error handler by its four parameters. */
function failed(log: Log): ErrorRequestHandler {
  return (error, _req, res, _next) => {
    log.error('failed', { request_id: requestId(res), stack: String(error?.stack ?? error) });
    sendProblem(res, { status: 500, detail: 'The service failed to answer; its log has the reason under this id' });
  };
}

/** Less than res.send does, which would look again at every answer for what is known of all of them. */
function send(res: ServerResponse, status: number, type: string, body: string): void {
  res.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  res.end(body);
}

function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}
