// Speaks to image registries over fetch: tokens, mirrors, retries and redirects; every byte that comes is checked by its digest.
import { open, rm, statfs } from 'node:fs/promises';
import { BlockList, isIP } from 'node:net';
import { dirname } from 'node:path';
import { type Challenge, parseChallenges } from './challenge.ts';
import type { Credentials } from './credentials.ts';
import { digestFault, digestOf, type Expected, isDigest, verified, verifyBytes } from './digest.ts';
import { OciError, type OciErrorCode, reasonOf, withoutLogins } from './errors.ts';
import { isIndexDocument, MAX_DOCUMENT, parseManifest } from './layout.ts';
import { bodyOf, fetchPaced, type Pace, TooSlow } from './pace.ts';
import { whyUnreachable } from './reach.ts';
import { formatReference, isTag, type Reference } from './reference.ts';
import { Passing, type Patience, retried } from './retry.ts';
import { MEDIA } from './types.ts';

export { type Credentials, dockerCredentials } from './credentials.ts';
export { formatReference, parsePin, parseReference, type Reference } from './reference.ts';

/** Where to look before the registry itself: `docker.io` → [`mirror.example/hub`]. A scheme may be given. */
type Mirrors = Readonly<Record<string, readonly string[]>>;

export type RegistryOptions = Patience & {
  mirrors?: Mirrors;
  /** Looks up credentials by registry host (`docker.io`, `mirror.example`); `dockerCredentials` fits in. */
  credentials?: (registry: string) => Credentials | undefined;
  /** Hosts (with their port) that may be spoken to in plain http. Loopback addresses always may. */
  plainHttp?: readonly string[];
  /** How long it may take to connect to a host; who can't be connected to is not tried again. Default: as long as it takes. */
  reachMs?: number;
  /** How slow a registry may be. */
  pace?: Pace;
  /** Aborted when no answer is wanted any more. */
  signal?: AbortSignal;
};

/** A manifest or index as the registry holds it; the bytes hash to the digest. `host` is who answered: the registry or a mirror. */
export type Document = { bytes: Buffer; mediaType: string; digest: string; size: number; host: string };

/** `uploaded` is by digest, and empty where a registry does not say it (Google's does). */
export type Tags = { names: string[]; uploaded: ReadonlyMap<string, Date> };

/** Which rights a token is asked for. */
type Actions = 'pull' | 'pull,push';

/** One host that may have the repository: a mirror or the registry itself. */
type Endpoint = { host: string; base: string; repository: string };

/** A request to an endpoint. */
type Call = {
  method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT';
  /** Below `/v2/<repository>/`; or a whole URL, which the registry gave. */
  path: string;
  actions: Actions;
  headers?: Readonly<Record<string, string>>;
  body?: Blob;
};

/** A request that writes, or asks how far writing has come. */
export type WriteCall = Omit<Call, 'actions'>;

const ACCEPT = [MEDIA.index, MEDIA.manifest, MEDIA.dockerIndex, MEDIA.dockerManifest].join(', ');
const MAX_REDIRECTS = 5;
const NO_TAG = 'latest';
/** What registries give at most. */
const TAGS_A_PAGE = 1000;
const MAX_PAGES = 100;
const MAX_TAGS = 1_000_000;

/** Speaks to registries, and remembers their tokens as long as it lives. */
export class RegistryClient {
  readonly #options: RegistryOptions;
  /** By endpoint, repository and actions: a token is good for nothing else. */
  readonly #authorizations = new Map<string, string>();
  readonly #reached = new Set<string>();

  constructor(options: RegistryOptions = {}) {
    this.#options = options;
  }

  /** The manifest or index of a reference, by digest if it has one, else by tag (else `latest`). */
  async manifest(reference: Reference): Promise<Document> {
    const wanted = reference.digest ?? reference.tag ?? NO_TAG;
    return await this.#fromAny(reference, async (endpoint) => {
      return await retried(this.#options, async () => {
        const response = await this.#send(endpoint, {
          method: 'GET',
          path: `manifests/${wanted}`,
          headers: { accept: ACCEPT },
          actions: 'pull',
        });
        const bytes = await this.#readDocument(response, endpoint);
        return checkDocument(bytes, response, wanted, endpoint);
      });
    });
  }

  /** Every tag of a repository, page by page. */
  async tags(reference: Reference): Promise<Tags> {
    return await this.#fromAny(reference, async (endpoint) => {
      const names = new Set<string>();
      const uploaded = new Map<string, Date>();
      let path: string | undefined = `tags/list?n=${TAGS_A_PAGE}`;
      for (let page = 0; path !== undefined && page < MAX_PAGES; page += 1) {
        const call: Call = { method: 'GET', path, actions: 'pull' };
        path = await retried(this.#options, async () => {
          const response = await this.#send(endpoint, call);
          const listed = parseTags(await this.#readDocument(response, endpoint), endpoint);
          for (const name of listed.names) names.add(name);
          if (names.size > MAX_TAGS) throw tooManyTags(endpoint);
          for (const [digest, date] of listed.uploaded) uploaded.set(digest, date);
          return nextPage(response.headers.get('link'));
        });
      }
      return { names: [...names], uploaded };
    });
  }

  /** Download a blob into a file, which exists afterwards only if digest and size are right. */
  async blobToFile(reference: Reference, expected: Expected, path: string): Promise<void> {
    await requireRoom(expected.size, dirname(path), expected.digest);
    await this.#fromAny(reference, async (endpoint) => {
      await retried(this.#options, async () => {
        const response = await this.#send(endpoint, {
          method: 'GET',
          path: `blobs/${expected.digest}`,
          actions: 'pull',
        });
        const where = `${endpoint.host}/${endpoint.repository}`;
        await writeChecked(path, verified(this.#body(response, endpoint), expected, where));
      });
    });
  }

  /** A small blob at once, checked. */
  async blob(reference: Reference, expected: Expected): Promise<Buffer> {
    const bytes = await this.document(reference, `blobs/${expected.digest}`);
    verifyBytes(bytes, expected, formatReference(reference));
    return bytes;
  }

  /** How large a blob is at the registry itself (no mirror): null where it is not there, undefined where that is not said. */
  async sizeOfBlob(reference: Reference, digest: string): Promise<number | null | undefined> {
    const endpoint = this.#registryItself(reference);
    try {
      const response = await retried(
        this.#options,
        async () => await this.#send(endpoint, { method: 'HEAD', path: `blobs/${digest}`, actions: 'pull' }),
      );
      const length = response.headers.get('content-length');
      return length === null ? undefined : Number(length);
    } catch (error) {
      if (error instanceof OciError && error.code === 'NOT_FOUND') return null;
      throw error;
    }
  }

  /**
   * One request to the registry itself (no mirror), with the right to push. Not tried again here, since what has to be sent again
   * may have changed by then: a fault that may pass is a `Passing`.
   */
  async write(reference: Reference, call: WriteCall): Promise<Response> {
    const endpoint = this.#registryItself(reference);
    const response = await this.#send(endpoint, { ...call, actions: 'pull,push' });
    // Nothing in it is of interest, and a connection is free again when it was read.
    await this.#readDocument(response, endpoint);
    return response;
  }

  /** A small document that is neither manifest nor blob, below `/v2/<repository>/`. */
  async document(reference: Reference, path: string): Promise<Buffer> {
    const endpoint = this.#registryItself(reference);
    return await retried(this.#options, async () =>
      this.#readDocument(await this.#send(endpoint, { method: 'GET', path, actions: 'pull' }), endpoint),
    );
  }

  get patience(): Patience {
    return this.#options;
  }

  // ------------------------------------------------------------------------------------------------ endpoints

  #endpoints(reference: Reference): Endpoint[] {
    const mirrors = mirrorsOf(this.#options.mirrors ?? {}, reference.registry).map((mirror): Endpoint => {
      const [, scheme, host = '', prefix] = /^(https?:\/\/)?([^/]+)\/?(.*?)\/*$/.exec(mirror) ?? [];
      const repository = prefix ? `${prefix}/${reference.repository}` : reference.repository;
      // A scheme that was written down is somebody's decision.
      return { host, base: scheme === undefined ? this.#baseOf(host) : `${scheme}${host}`, repository };
    });
    return [...mirrors, this.#registryItself(reference)];
  }

  #registryItself(reference: Reference): Endpoint {
    const host = reference.registry;
    const base = this.#baseOf(host === 'docker.io' ? 'registry-1.docker.io' : host);
    return { host, base, repository: reference.repository };
  }

  #baseOf(host: string): string {
    return `${this.#mayBePlain(host) ? 'http' : 'https'}://${host}`;
  }

  #mayBePlain(host: string): boolean {
    return isLoopback(host) || (this.#options.plainHttp ?? []).includes(host);
  }

  /** Mirrors first, the registry last. One fault is told, with those of the others in brackets. */
  async #fromAny<T>(reference: Reference, work: (endpoint: Endpoint) => Promise<T>): Promise<T> {
    const faults: OciError[] = [];
    for (const endpoint of this.#endpoints(reference)) {
      try {
        return await work(endpoint);
      } catch (error) {
        if (!(error instanceof OciError)) throw error;
        faults.push(error);
      }
    }
    const told = mostTelling(faults);
    const others = faults.filter((fault) => fault !== told).map(({ message }) => message);
    const besides = others.length === 0 ? '' : ` (besides: ${others.join('; ')})`;
    throw new OciError(told.code, `${formatReference(reference)}: ${told.message}${besides}`, told.hint, {
      cause: told,
    });
  }

  // ------------------------------------------------------------------------------------------------ requests

  /** One request with its authorization: asked for at the first 401, and once more if the one we had ran out. */
  async #send(endpoint: Endpoint, call: Call): Promise<Response> {
    const key = `${endpoint.base} ${endpoint.repository} ${call.actions}`;
    const first = await this.#follow(endpoint, call, this.#authorizations.get(key));
    if (first.status !== 401) return await this.#accepted(first, endpoint);
    await first.body?.cancel();
    const challenges = parseChallenges(first.headers.get('www-authenticate') ?? '');
    const authorization = await this.#authorize(endpoint, challenges, call.actions);
    this.#authorizations.set(key, authorization);
    const second = await this.#follow(endpoint, call, authorization);
    // A token that was refused is not offered again.
    if (second.status === 401) this.#authorizations.delete(key);
    return await this.#accepted(second, endpoint);
  }

  /** Follow redirects by hand: fetch would carry Authorization along, and accept https → http. */
  async #follow(endpoint: Endpoint, call: Call, authorization: string | undefined): Promise<Response> {
    const { origin } = new URL(endpoint.base);
    let url = parseUrl(call.path, endpoint, new URL(`${endpoint.base}/v2/${endpoint.repository}/`));
    this.#requireSafe(endpoint, url, `${endpoint.host} names`);
    for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
      const headers = new Headers({ 'accept-encoding': 'identity', ...call.headers }); // blobs are hashed as they are
      // Signed storage URLs refuse a second authorization, and no other host may see ours.
      if (authorization !== undefined && url.origin === origin) headers.set('authorization', authorization);
      const response = await this.#fetch(url, {
        method: call.method,
        headers,
        redirect: 'manual',
        body: call.body ?? null,
      });
      const location = response.headers.get('location');
      if (response.status === 401 && url.origin !== origin) {
        await response.body?.cancel();
        throw foreignChallenge(endpoint, url);
      }
      if (response.status < 300 || response.status >= 400 || location === null) return response;
      await response.body?.cancel();
      url = parseUrl(location, endpoint, url);
      this.#requireSafe(endpoint, url, `${endpoint.host} redirects to`);
    }
    throw new OciError(
      'REGISTRY_ERROR',
      `${endpoint.host} redirects more than ${MAX_REDIRECTS} times`,
      'check the mirror or proxy',
    );
  }

  /** Who is asked decides where it may lead: only a place on this machine to another one here, only one in plain http to more of it. */
  #requireSafe(endpoint: Endpoint, url: URL, what: string): void {
    const own = new URL(endpoint.base);
    if (url.username !== '' || url.password !== '') {
      throw answerFault(`${what} ${url.protocol}//${url.host} with a login in the address`);
    }
    if (url.origin === own.origin) return;
    if (isInward(url.hostname) && !isLoopback(own.hostname)) {
      throw new OciError(
        'INSECURE',
        `${what} ${url.protocol}//${url.host}, an address of this machine or of its own network`,
        'check the registry or the mirror: nothing elsewhere has to do with such an address',
      );
    }
    const mayBePlain = own.protocol === 'http:' && this.#mayBePlain(url.host);
    if (url.protocol === 'https:' || (url.protocol === 'http:' && mayBePlain)) return;
    throw new OciError(
      'INSECURE',
      `${what} ${url.protocol}//${url.host}, which is not encrypted`,
      'plain http is used for loopback addresses only, or where it was allowed for that host',
    );
  }

  async #fetch(url: URL, init: RequestInit): Promise<Response> {
    await this.#reach(url);
    const { signal, pace } = this.#options;
    return await fetchPaced(url, { ...init, ...(signal ? { signal } : {}) }, pace).catch((cause: unknown) => {
      throw new Passing(networkFault(url.host, cause));
    });
  }

  /** Whether anybody is there at all: fetch would take long to give that up, and hides how long. */
  async #reach(url: URL): Promise<void> {
    const { reachMs } = this.#options;
    if (reachMs === undefined || this.#reached.has(url.origin)) return;
    const reason = await whyUnreachable(url, reachMs);
    if (reason !== undefined) throw unreachable(url.host, reason);
    this.#reached.add(url.origin);
  }

  /** A response that holds what was asked for; any other is an error with a name. */
  async #accepted(response: Response, endpoint: Endpoint): Promise<Response> {
    if (response.ok) return response;
    const detail = await this.#errorDetail(response, endpoint);
    const fault = refusal(response.status, endpoint, detail, this.#options.credentials?.(endpoint.host) !== undefined);
    const isPassing = response.status === 429 || response.status === 408 || response.status >= 500;
    if (!isPassing) throw fault;
    throw new Passing(fault, retryAfter(response.headers.get('retry-after')));
  }

  async #errorDetail(response: Response, endpoint: Endpoint): Promise<string> {
    try {
      const text = (await this.#readDocument(response, endpoint)).toString('utf8');
      const parsed = JSON.parse(text) as { errors?: { code?: unknown; message?: unknown }[] };
      const first = parsed.errors?.[0];
      return [first?.code, first?.message]
        .filter((part) => typeof part === 'string' && part !== '')
        .join(': ')
        .slice(0, 300);
    } catch {
      return ''; // proxies answer in HTML; the status says enough
    }
  }

  // ------------------------------------------------------------------------------------------------ bodies

  /** A body whose interruption is a fault that may pass. */
  async *#body(response: Response, endpoint: Endpoint): AsyncGenerator<Uint8Array> {
    const body = bodyOf(response, this.#options.pace);
    for (;;) {
      const next = await body.next().catch((cause: unknown) => {
        throw new Passing(networkFault(endpoint.host, cause, 'the connection was cut'));
      });
      if (next.done) return;
      yield next.value;
    }
  }

  /** The same of a document: one that breaks off, attempt by attempt, is an answer, and a wrong one. */
  async *#wholly(response: Response, endpoint: Endpoint): AsyncGenerator<Uint8Array> {
    try {
      yield* this.#body(response, endpoint);
    } catch (error) {
      if (!(error instanceof Passing) || error.fault.cause instanceof TooSlow) throw error;
      if (this.#options.signal?.aborted === true) throw error;
      throw new Passing(
        answerFault(`${endpoint.host} answers in part only: ${networkReason(error.fault.cause)}`, error.fault),
      );
    }
  }

  async #readDocument(response: Response, endpoint: Endpoint): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of this.#wholly(response, endpoint)) {
      size += part.byteLength;
      if (size > MAX_DOCUMENT) {
        throw new OciError(
          'REGISTRY_ERROR',
          `${endpoint.host} answers with more than ${MAX_DOCUMENT} bytes`,
          'no manifest is that large',
        );
      }
      parts.push(part);
    }
    return Buffer.concat(parts);
  }

  // ------------------------------------------------------------------------------------------------ authorization

  /** The Authorization header that a challenge asks for. */
  async #authorize(endpoint: Endpoint, challenges: Challenge[], actions: Actions): Promise<string> {
    const credentials = this.#options.credentials?.(endpoint.host);
    const bearer = challenges.find((challenge) => challenge.scheme === 'bearer');
    if (bearer !== undefined) return `Bearer ${await this.#token(endpoint, bearer, credentials, actions)}`;
    const isBasic = challenges.some((challenge) => challenge.scheme === 'basic');
    if (isBasic && credentials?.kind === 'password') return basic(credentials);
    throw refusal(401, endpoint, isBasic ? '' : 'in a way that is not known here', credentials !== undefined);
  }

  async #token(
    endpoint: Endpoint,
    challenge: Challenge & { scheme: 'bearer' },
    credentials: Credentials | undefined,
    actions: Actions,
  ): Promise<string> {
    const realm = parseUrl(challenge.realm, endpoint);
    this.#requireSafe(endpoint, realm, `${endpoint.host} wants tokens from`);
    // The scope is ours, not the challenge's: a registry must not widen what we ask for.
    const query = { service: challenge.service, scope: `repository:${endpoint.repository}:${actions}` };
    const response = await this.#fetch(...tokenRequest(realm, query, credentials));
    const accepted = await this.#accepted(response, endpoint);
    const answer = parseToken(await this.#readDocument(accepted, endpoint));
    if (answer === undefined) {
      throw new OciError(
        'REGISTRY_ERROR',
        `the token service ${realm.host} answers without a token that could be one`,
        'try again, or use --mirror',
      );
    }
    return answer;
  }
}

/** Whether a host (with or without port) is this machine by its very address. A name that merely resolves to it is not. */
export function isLoopback(host: string): boolean {
  const name = host
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
  if (name === 'localhost' || name.endsWith('.localhost') || name === '::1') return true;
  return isIP(name) === 4 && name.startsWith('127.');
}

/** Loopback, this host, and the link it is on, where clouds answer with the machine's own credentials. */
const INWARD = new BlockList();
for (const [network, bits, family] of [
  ['127.0.0.0', 8, 'ipv4'],
  ['0.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['::', 127, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['fd00:ec2::', 32, 'ipv6'],
] as const)
  INWARD.addSubnet(network, bits, family);

function isInward(hostname: string): boolean {
  const name = hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  const version = isIP(name);
  return isLoopback(name) || (version !== 0 && INWARD.check(name, version === 6 ? 'ipv6' : 'ipv4'));
}

const mirrorsOf = (mirrors: Mirrors, registry: string): readonly string[] =>
  Object.hasOwn(mirrors, registry) ? (mirrors[registry] ?? []) : [];

/** Read `docker.io=mirror.example/hub` (as `--mirror` takes it) into a map; several for one registry keep their order. */
export function parseMirrors(pairs: readonly string[]): Record<string, string[]> {
  const mirrors = new Map<string, string[]>();
  for (const pair of pairs) {
    if (pair.includes('@')) {
      throw new OciError(
        'REFERENCE_INVALID',
        'a mirror has a login in its address, which is not shown here',
        'leave it out, and give it to `docker login` and the host of the mirror',
      );
    }
    const [, registry, mirror] = /^([^=/\s]+)=((?:https?:\/\/)?[^\s/=]+(?:\/[^\s=]*)?)$/.exec(pair) ?? [];
    if (registry === undefined || mirror === undefined) {
      throw new OciError(
        'REFERENCE_INVALID',
        `${JSON.stringify(pair)} is not a mirror`,
        'write it as docker.io=mirror.example/prefix',
      );
    }
    mirrors.set(registry, [...(mirrors.get(registry) ?? []), mirror]);
  }
  return Object.fromEntries(mirrors);
}

function checkDocument(bytes: Buffer, response: Response, wanted: string, { host, repository }: Endpoint): Document {
  const where = `${host}/${repository}`;
  const digest = digestOf(bytes);
  if (isDigest(wanted) && digest !== wanted) throw digestFault(wanted, digest, where);
  const announced = response.headers.get('docker-content-digest');
  // By tag there is no digest to hold it to but the registry's own word, which has to be true at least.
  if (isDigest(announced) && announced !== digest) throw digestFault(announced, digest, where);
  const mediaType = mediaTypeOf(bytes, response, where);
  return { bytes, mediaType, digest, size: bytes.byteLength, host };
}

/** The type that the document itself states; the header's is only a fallback, as it isn't covered by the digest. */
function mediaTypeOf(bytes: Buffer, response: Response, where: string): string {
  const isIndex = isIndexDocument(bytes, where);
  const stated = (JSON.parse(bytes.toString('utf8')) as { mediaType?: unknown }).mediaType;
  if (typeof stated === 'string') return stated;
  const header = response.headers.get('content-type')?.split(';')[0]?.trim() ?? '';
  if (ACCEPT.split(', ').includes(header)) return header;
  if (!isIndex) parseManifest(bytes, where);
  return isIndex ? MEDIA.index : MEDIA.manifest;
}

function parseTags(bytes: Buffer, { host, repository }: Endpoint): Tags {
  const fault = (cause?: unknown) =>
    new OciError('REGISTRY_ERROR', `${host} lists no tags of ${repository}`, 'try again later', { cause });
  try {
    const { tags, manifest } = JSON.parse(bytes.toString('utf8')) as {
      tags: unknown;
      manifest?: Record<string, { timeUploadedMs?: string }>;
    };
    const names: unknown = tags ?? [];
    if (!Array.isArray(names) || !names.every(isTag)) throw fault();
    const uploaded = Object.entries(manifest ?? {}).flatMap(([digest, { timeUploadedMs }]): [string, Date][] => {
      const date = new Date(Number(timeUploadedMs));
      return date.getTime() > 0 ? [[digest, date]] : [];
    });
    return { names, uploaded: new Map(uploaded) };
  } catch (cause) {
    throw cause instanceof OciError ? cause : fault(cause);
  }
}

function tooManyTags({ host, repository }: Endpoint): OciError {
  return new OciError('REGISTRY_ERROR', `${host} lists more than ${MAX_TAGS} tags of ${repository}`, 'name the tag');
}

/** `</v2/name/tags/list?last=x&n=1000>; rel="next"`: the part that a call has. Whatever host it names, ours is asked. */
function nextPage(link: string | null): string | undefined {
  return /<[^>]*\/(tags\/list\?[^>]+)>\s*;[^,]*rel="?next"?/.exec(link ?? '')?.[1];
}

/** Whether a folder's disk can take what is announced, and what may be taken at all allows it; before anything of it comes. */
export async function requireRoom(bytes: number, folder: string, what: string, most = Infinity): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bytes <= Math.min(most, bavail * bsize)) return;
  const isFull = bytes <= most;
  throw new OciError(
    'TOO_LARGE',
    `${what} announces ${bytes} bytes, and ${isFull ? `${bavail * bsize} are free on the disk` : `no more than ${most} may be kept`}`,
    isFull ? 'make room, if the image is to be trusted' : 'if that is meant, set DRYDOCK_STORE_BUDGET to more',
    // As the disk itself would say it, once that many had come.
    isFull ? { cause: Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }) } : {},
  );
}

async function writeChecked(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const handle = await open(path, 'w');
  let isWhole = false;
  try {
    for await (const chunk of chunks) await handle.writeFile(chunk);
    isWhole = true;
  } finally {
    await handle.close();
    if (!isWhole) await rm(path, { force: true });
  }
}

function tokenRequest(
  realm: URL,
  query: { service: string | undefined; scope: string },
  credentials: Credentials | undefined,
): [URL, RequestInit] {
  const parameters = new URLSearchParams({
    ...(query.service === undefined ? {} : { service: query.service }),
    scope: query.scope,
  });
  if (credentials?.kind === 'identity') {
    parameters.set('grant_type', 'refresh_token');
    parameters.set('refresh_token', credentials.token);
    parameters.set('client_id', 'drydock');
    return [realm, { method: 'POST', body: parameters, redirect: 'error' }];
  }
  const url = new URL(realm);
  for (const [key, value] of parameters) url.searchParams.set(key, value);
  const headers: Record<string, string> = credentials === undefined ? {} : { authorization: basic(credentials) };
  return [url, { headers, redirect: 'error' }];
}

function parseToken(bytes: Buffer): string | undefined {
  try {
    const { token, access_token: accessToken } = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
    // RFC 6750 has fewer characters still; with any other than these it is no header.
    return [token, accessToken].find((value) => typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)) as
      | string
      | undefined;
  } catch {
    return undefined;
  }
}

function parseUrl(text: string, endpoint: Endpoint, base?: URL): URL {
  try {
    return new URL(text, base);
  } catch (cause) {
    throw new OciError(
      'REGISTRY_ERROR',
      `${endpoint.host} points to ${JSON.stringify(withoutLogins(text))}, which is no URL`,
      'check the mirror',
      {
        cause,
      },
    );
  }
}

function basic(credentials: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
}

/** Seconds or a date, in milliseconds from now. */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** Whose challenge it is decides who gets the credentials: those of a registry are for no place that it leads to. */
function foreignChallenge({ host }: Endpoint, url: URL): OciError {
  return new OciError(
    'REGISTRY_ERROR',
    `${host} leads to ${url.host}, which wants to know who asks: the credentials for ${host} are not for it`,
    'check the storage of the registry, or the mirror',
  );
}

/** What a status that is no success means, and what to do about it. */
function refusal(status: number, endpoint: Endpoint, detail: string, hasCredentials: boolean): OciError {
  const { host, repository } = endpoint;
  const login = hasCredentials
    ? `the credentials for ${host} were not enough: log in again, or ask for read access to ${repository}`
    : `there are no credentials for ${host}: \`docker login ${host}\`, and check the name (a missing repository is answered like this too)`;
  const rows: Record<number, [OciErrorCode, string, string]> = {
    401: ['UNAUTHORIZED', `${host} wants to know who asks for ${repository}`, login],
    403: ['FORBIDDEN', `${host} refuses access to ${repository}`, login],
    404: [
      'NOT_FOUND',
      `${host} has no such image in ${repository}`,
      'check name, tag and digest; it may have been deleted',
    ],
    416: ['UPLOAD_REFUSED', `${host} did not get the bytes of the blob as they were sent`, 'try again'],
    429: [
      'RATE_LIMITED',
      `${host} allows no more requests for now (429)`,
      `wait, log in, or take it from elsewhere: --mirror ${host}=<host>/<prefix>`,
    ],
  };
  // Of a blob: the bytes are not those of its digest, or do not go on from where the upload stands.
  const isRefusedUpload = status === 416 || (status === 400 && /^(DIGEST|SIZE|BLOB_UPLOAD|RANGE)_INVALID/.test(detail));
  const [code, message, hint] = rows[isRefusedUpload ? 416 : status] ?? [
    'REGISTRY_ERROR',
    `${host} answers ${status}`,
    `try again later, or use --mirror ${host}=<host>/<prefix>`,
  ];
  return new OciError(code, detail === '' ? message : `${message} (${detail})`, hint);
}

function unreachable(host: string, reason: string, cause?: unknown): OciError {
  return new OciError(
    'UNREACHABLE',
    `${host} cannot be reached: ${reason}`,
    'check network and proxy (Node takes a proxy from the environment with NODE_USE_ENV_PROXY=1), or use --mirror or an archive',
    { cause },
  );
}

/** Whoever answers so is there, and could answer better: that is not the absence of an answer. */
function answerFault(message: string, cause?: unknown): OciError {
  return new OciError('ANSWER_INVALID', message, 'check the registry, and the proxy or mirror before it', { cause });
}

/** By what fetch calls it: errors of decompression, and an answer that is not allowed to lead elsewhere. Its parser's have no code in later Nodes. */
const NO_HTTP = /^(HPE_|Z_|UND_ERR_(HEADERS_OVERFLOW|RES_)|unexpected redirect)/;
const isNoHttp = (error: unknown, reason: string) =>
  NO_HTTP.test(reason) ||
  (error instanceof Error && error.cause instanceof Error && error.cause.name === 'HTTPParserError');

/** `when` says in what the network failed, where that is not how it began. */
function networkFault(host: string, cause: unknown, when?: string): OciError {
  if (cause instanceof TooSlow) return new OciError('UNREACHABLE', cause.message, SLOW_HINT, { cause });
  const reason = networkReason(cause);
  if (isNoHttp(cause, reason)) return answerFault(`${host} answers what is no HTTP (${reason})`, cause);
  return unreachable(host, when === undefined ? reason : `${when} (${reason})`, cause);
}

const SLOW_HINT = 'try again when it is less busy, check the proxy, or use --mirror or an archive';

/** fetch says only "fetch failed"; what happened stands in its cause. */
function networkReason(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error) return 'code' in cause && typeof cause.code === 'string' ? cause.code : reasonOf(cause);
  return reasonOf(error);
}

/** The registry's own fault, which comes last; but where only a mirror could be reached, what that refused. */
function mostTelling(faults: readonly OciError[]): OciError {
  const own = faults[faults.length - 1] as OciError;
  if (own.code !== 'UNREACHABLE') return own;
  return faults.find(({ code }) => code !== 'UNREACHABLE' && code !== 'NOT_FOUND') ?? own;
}
