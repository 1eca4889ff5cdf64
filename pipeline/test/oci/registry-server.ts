// A registry over real http on loopback that holds what a test gives it, and misbehaves as a test likes.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import { OciError } from '../../src/oci/errors.ts';

type Seen = { method: string; url: string; authorization: string | undefined; accept: string | undefined };
export type Handler = (request: IncomingMessage, response: ServerResponse) => boolean | undefined;
export type Registry = { host: string; seen: Seen[]; stop: () => Promise<void> };
export type Content = { repository: string; tags: Record<string, string>; blobs: ReadonlyMap<string, Buffer> };

/** Runs to the test's end; `first` sees each request before it, and returns true when it has answered. */
export async function startRegistry(content: Content, first: Handler = () => undefined): Promise<Registry> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    seen.push({ method, url, authorization: headers.authorization, accept: headers.accept });
    if (first(request, response) !== true) serve(content, request.url ?? '', response); // which may have rewritten it
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(stop);
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen, stop };
}

function serve({ repository, tags, blobs }: Content, url: string, response: ServerResponse): void {
  if (url.startsWith(`/v2/${repository}/tags/list?`)) {
    response.writeHead(200).end(JSON.stringify({ name: repository, tags: Object.keys(tags) }));
    return;
  }
  const [, name, kind, what = ''] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(url) ?? [];
  const digest = tags[what] ?? what;
  const bytes = blobs.get(digest);
  if (name !== repository || kind === undefined || bytes === undefined) {
    response
      .writeHead(404)
      .end(JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] }));
    return;
  }
  response.writeHead(200, {
    'content-length': bytes.byteLength,
    ...(kind === 'manifests' ? { 'docker-content-digest': digest } : {}),
  });
  response.end(bytes);
}

/** Answers the first `times` requests, and lets the others through. */
export function atFirst(times: number, answer: (response: ServerResponse) => void): Handler {
  let left = times;
  return (_, response) => {
    if (left === 0) return false;
    left -= 1;
    answer(response);
    return true;
  };
}

export async function faultOf(promise: Promise<unknown>): Promise<OciError> {
  const error = await promise.then(
    () => new Error('nothing failed'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(OciError);
  return error as OciError;
}
