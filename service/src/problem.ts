// Errors as RFC 9457 problem+json. Says what the client did, never how the service is made.
import { type ServerResponse, STATUS_CODES } from 'node:http';
import { requestId } from './observe.ts';

const CONTENT_TYPE = 'application/problem+json; charset=utf-8';

export interface Problem {
  readonly status: number;
  readonly detail: string;
}

export function sendProblem(res: ServerResponse, problem: Problem): void {
  const body = render(problem, requestId(res));
  res.writeHead(problem.status, {
    'Content-Type': CONTENT_TYPE,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
  });
  res.end(body);
}

/** A whole response, for a connection whose request could not be parsed. */
export function rawProblem(problem: Problem, id: string): string {
  const body = render(problem, id);
  return [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `Content-Type: ${CONTENT_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    `X-Request-Id: ${id}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}

function render({ status, detail }: Problem, id: string): string {
  return JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status, detail, request_id: id });
}
