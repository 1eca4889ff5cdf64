// A server on loopback whose answers are given.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** A server that answers paths with JSON, to the end of the test. */
export async function server(
  answers: Readonly<Record<string, unknown>>,
  seen: (string | undefined)[] = [],
): Promise<string> {
  const http = createServer((request, response) => {
    seen.push(request.headers.authorization);
    const answer = answers[decodeURIComponent(request.url ?? '')];
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? {}));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void http.close());
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
}
