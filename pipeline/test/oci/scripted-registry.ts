// A registry in memory, as the OCI distribution specification has it, over real http on loopback; a test adds the quirks of others.
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { digestOf } from '../../src/oci/digest.ts';
import { collect, type SmallImage } from './helpers.ts';

export type Asked = {
  method: string;
  /** `/v2/team/small/blobs/uploads/` */
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: Buffer;
};
export type Answer = { status: number; headers?: OutgoingHttpHeaders; body?: string | Buffer };

/** Answers instead of the registry, or alters what it answers; undefined lets it be. */
export type Quirk = (asked: Asked, registry: ScriptedRegistry, answer: () => Answer) => Answer | 'cut' | undefined;

type Stored = { bytes: Buffer; mediaType: string };
type Repository = { blobs: Map<string, Buffer>; manifests: Map<string, Stored>; tags: Map<string, string> };

export class ScriptedRegistry {
  host = '';
  readonly seen: Asked[] = [];
  readonly #repositories = new Map<string, Repository>();
  readonly #uploads = new Map<string, Buffer>();

  repository(name: string): Repository {
    const found = this.#repositories.get(name) ?? { blobs: new Map(), manifests: new Map(), tags: new Map() };
    this.#repositories.set(name, found);
    return found;
  }

  /** As if it had been pushed. */
  hold(name: string, image: SmallImage, ...tags: string[]): void {
    const { blobs, manifests, tags: held } = this.repository(name);
    for (const [digest, bytes] of image.blobs) blobs.set(digest, bytes);
    for (const { digest, mediaType } of [...image.manifests, image.top])
      manifests.set(digest, { mediaType, bytes: image.blobs.get(digest) as Buffer });
    for (const tag of tags) held.set(tag, image.top.digest);
  }

  answer(asked: Asked): Answer {
    const { method, path } = asked;
    if (path === '/v2/') return { status: 200, body: '{}' };
    const [, name = '', kind = '', what = ''] =
      /^\/v2\/(.+)\/(blobs\/uploads|blobs|manifests|tags|referrers)\/([^/]*)$/.exec(path) ?? [];
    const repository = this.repository(name);
    if (kind === 'blobs/uploads') return this.#upload(asked, name, what);
    if (kind === 'tags') return json(200, { name, tags: [...repository.tags.keys()] });
    if (kind === 'manifests' && method === 'PUT') return put(asked, repository, name, what);
    if (kind === 'manifests') return manifest(repository, what);
    const blob = repository.blobs.get(what);
    if (kind !== 'blobs' || blob === undefined) return fault(404, 'BLOB_UNKNOWN', 'blob unknown to registry');
    return { status: 200, headers: { 'content-type': 'application/octet-stream' }, body: blob };
  }

  #upload({ method, query, body }: Asked, name: string, id: string): Answer {
    const { blobs } = this.repository(name);
    const mounted = this.repository(query.get('from') ?? '').blobs.get(query.get('mount') ?? '');
    if (mounted !== undefined) {
      blobs.set(digestOf(mounted), mounted);
      return { status: 201, headers: { location: `/v2/${name}/blobs/${digestOf(mounted)}` } };
    }
    if (method === 'POST') return this.#begun(name, randomUUID(), Buffer.alloc(0));
    const before = this.#uploads.get(id);
    if (before === undefined) return fault(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry');
    if (method === 'GET') return { ...this.#begun(name, id, before), status: 204 };
    const after = Buffer.concat([before, body]);
    if (method === 'PATCH') return this.#begun(name, id, after);
    this.#uploads.delete(id);
    const digest = query.get('digest') ?? '';
    if (digestOf(after) !== digest) return fault(400, 'DIGEST_INVALID', 'provided digest did not match');
    blobs.set(digest, after);
    return { status: 201, headers: { location: `/v2/${name}/blobs/${digest}`, 'docker-content-digest': digest } };
  }

  #begun(name: string, id: string, bytes: Buffer): Answer {
    this.#uploads.set(id, bytes);
    const range = `0-${Math.max(0, bytes.byteLength - 1)}`;
    const location = `http://${this.host}/v2/${name}/blobs/uploads/${id}`;
    return { status: 202, headers: { location, range, 'docker-upload-uuid': id } };
  }
}

export const json = (status: number, value: unknown, headers: OutgoingHttpHeaders = {}): Answer => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(value),
});
export const fault = (status: number, code: string, message = '') => json(status, { errors: [{ code, message }] });

function manifest({ manifests, tags }: Repository, reference: string): Answer {
  const digest = tags.get(reference) ?? reference;
  const found = manifests.get(digest);
  if (found === undefined) return fault(404, 'MANIFEST_UNKNOWN', 'manifest unknown');
  const headers = { 'content-type': found.mediaType, 'docker-content-digest': digest };
  return { status: 200, headers, body: found.bytes };
}

function put({ headers, body }: Asked, repository: Repository, name: string, reference: string): Answer {
  const digest = digestOf(body);
  repository.manifests.set(digest, { bytes: body, mediaType: headers['content-type'] ?? '' });
  if (reference !== digest) repository.tags.set(reference, digest);
  return {
    status: 201,
    headers: { location: `/v2/${name}/manifests/${digest}`, 'docker-content-digest': digest },
  };
}

/** Runs to the test's end. */
export async function startScripted(...quirks: Quirk[]): Promise<ScriptedRegistry> {
  const registry = new ScriptedRegistry();
  const server = createServer((request, response) => {
    void serve(registry, quirks, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  registry.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return registry;
}

async function serve(
  registry: ScriptedRegistry,
  quirks: readonly Quirk[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '', `http://${registry.host}`);
  const asked: Asked = {
    method: request.method ?? '',
    path: pathname,
    query: searchParams,
    headers: request.headers,
    body: await collect(request),
  };
  registry.seen.push(asked);
  const own = () => registry.answer(asked);
  const answer = quirks.reduce<Answer | 'cut' | undefined>(
    (found, quirk) => found ?? quirk(asked, registry, own),
    undefined,
  );
  if (answer === 'cut') return void request.socket.destroy();
  const { status, headers = {}, body = '' } = answer ?? own();
  const isChunked = headers['transfer-encoding'] === 'chunked';
  const length = isChunked || status === 204 ? {} : { 'content-length': Buffer.byteLength(body) };
  const given = Object.entries({ ...length, ...headers }).filter(([, value]) => value !== undefined);
  response.writeHead(status, Object.fromEntries(given));
  response.end(asked.method === 'HEAD' ? undefined : body);
}

/** The first `times` requests that match. */
export function atFirst(times: number, method: string, path: RegExp, quirk: Quirk): Quirk {
  let left = times;
  return (asked, registry, answer) => {
    if (left === 0 || asked.method !== method || !path.test(asked.path)) return undefined;
    left -= 1;
    return quirk(asked, registry, answer);
  };
}

export const always = (method: string, path: RegExp, quirk: Quirk) =>
  atFirst(Number.MAX_SAFE_INTEGER, method, path, quirk);
