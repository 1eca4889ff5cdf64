// The service's metrics: each name once, with its unit, and labels of bounded cardinality.
import { Counter, collectDefaultMetrics, Gauge, Histogram, type Registry } from 'prom-client';
import type { About } from './about.ts';
import type { Lifecycle } from './lifecycle.ts';

export const REQUESTS = {
  name: 'http_requests_total',
  help: 'Requests answered',
  labelNames: ['method', 'route', 'status_code'],
} as const;
export const REQUEST_SECONDS = {
  name: 'http_request_duration_seconds',
  help: 'Time to answer a request',
  labelNames: ['method', 'route', 'status_code'],
  buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
} as const;
export const IN_FLIGHT = { name: 'http_requests_in_flight', help: 'Requests being answered now' } as const;
export const BUILD_INFO = {
  name: 'app_build_info',
  help: 'What is running; always 1',
  labelNames: ['version', 'commit', 'digest', 'node_version'],
} as const;

/** The one value of a label for everything that is not ours to name: an unknown path, an odd method. */
export const UNMATCHED = 'unmatched';
const OTHER_METHOD = 'other';
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

export interface Metrics {
  ended(method: string, route: string, status: number, seconds: number): void;
  /** Refused by the parser: there is no request, so no route and no time. */
  refused(status: number): void;
}

interface Labels {
  method: string;
  route: string;
  status_code: string;
}

export function createMetrics(
  registry: Registry,
  about: About,
  lifecycle: Lifecycle,
  routes: readonly string[] = [],
): Metrics {
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({ ...REQUESTS, registers });
  const seconds = new Histogram({ ...REQUEST_SECONDS, buckets: [...REQUEST_SECONDS.buckets], registers });
  const build = new Gauge({ ...BUILD_INFO, registers });
  build.set(
    {
      version: about.version,
      commit: about.commit ?? 'unknown',
      digest: about.digest ?? 'unknown',
      node_version: about.node,
    },
    1,
  );
  new Gauge({
    ...IN_FLIGHT,
    registers,
    collect() {
      this.set(lifecycle.inFlight.size);
    },
  });

  // The labels of a series are made once, not once a request. Bounded as the labels are.
  const series = new Map<string, Labels>();
  function labels(method: string, route: string, status: number): Labels {
    const known = METHODS.has(method) ? method : OTHER_METHOD;
    const key = `${known} ${status} ${route}`;
    let found = series.get(key);
    if (found === undefined) {
      found = { method: known, route, status_code: String(status) };
      series.set(key, found);
    }
    return found;
  }

  // A series that begins with its first failure has not increased: those that matter begin at 0.
  for (const route of [...routes, UNMATCHED]) {
    for (const status of [200, 500]) {
      const of = labels('GET', route, status);
      requests.inc(of, 0);
      seconds.zero(of);
    }
  }

  return {
    ended: (method, route, status, duration) => {
      const of = labels(method, route, status);
      requests.inc(of);
      seconds.observe(of, duration);
    },
    refused: (status) => requests.inc(labels(OTHER_METHOD, UNMATCHED, status)),
  };
}
