// Gives each request its id, one log line and its place in the metrics. The only code that runs around every request.
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';
import type { Lifecycle } from './lifecycle.ts';
import type { Log } from './log.ts';
import { type Metrics, UNMATCHED } from './metrics.ts';

const REQUEST_ID = 'X-Request-Id';
const WELL_FORMED = /^[A-Za-z0-9._-]{1,128}$/;
const LOGGED_PATH_AT_MOST = 256;
/** As nginx counts it: the client left before it was answered. */
const CLIENT_LEFT = 499;

export function observe(log: Log, metrics: Metrics, lifecycle: Lifecycle): RequestHandler {
  return (req, res, next) => {
    const start = performance.now();
    const offered = req.headers['x-request-id'];
    const id = typeof offered === 'string' && WELL_FORMED.test(offered) ? offered : randomUUID();
    res.setHeader(REQUEST_ID, id);
    if (lifecycle.draining) res.setHeader('Connection', 'close');
    lifecycle.inFlight.add(res);
    // `close` follows every response, whether it was finished or the client left.
    res.on('close', () => {
      lifecycle.inFlight.delete(res);
      const milliseconds = performance.now() - start;
      const status = res.writableFinished ? res.statusCode : CLIENT_LEFT;
      const route: string = req.route?.path ?? UNMATCHED;
      metrics.ended(req.method, route, status, milliseconds / 1000);
      const level = status >= 500 ? 'error' : 'info';
      if (!log.allows(level)) return;
      log.members(
        level,
        'request',
        `"request_id":"${id}","method":"${req.method}","path":${JSON.stringify(pathOf(req.originalUrl))},"route":"${route}","status":${status},"duration_ms":${milliseconds.toFixed(3)}`,
      );
    });
    next();
  };
}

export function requestId(res: ServerResponse): string {
  return String(res.getHeader(REQUEST_ID));
}

/** Without the query: people put secrets there. */
function pathOf(url: string): string {
  const query = url.indexOf('?');
  return url.slice(0, Math.min(query === -1 ? url.length : query, LOGGED_PATH_AT_MOST));
}
