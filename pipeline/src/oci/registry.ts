// Speaks to image registries over fetch: tokens, mirrors, retries and redirects; every byte that comes is checked by its digest.
import { dirname } from 'node:path';
import { isInward, isLoopback, type Mirrors, mirrorsOf } from './addresses.ts';
import {
  ACCEPT,
  checkDocument,
  type Document,
  MAX_TAGS,
  nextPage,
  parseTags,
  type Tags,
  tooManyTags,
} from './answers.ts';
import { BodyLimits } from './body-limits.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import type { Credentials } from './credentials.ts';
import { type Expected, verified, verifyBytes } from './digest.ts';
import { OciError } from './errors.ts';
import { MAX_DOCUMENT } from './layout.ts';
import { bodyOf, fetchPaced, type Pace, TooSlow } from './pace.ts';
import { whyUnreachable } from './reach.ts';
import { formatReference, isTag, type Reference } from './reference.ts';
import {
  answerFault,
  type Endpoint,
  foreignChallenge,
  mostTelling,
  networkFault,
  networkReason,
  parseUrl,
  Refusal,
  realmWithoutHost,
  refusal,
  retryAfter,
  tooManyRedirects,
  unauthorized,
  unreachable,
} from './refusals.ts';
import { isPassing, Passing, type Patience, retried } from './retry.ts';
import { requireRoom, writeChecked } from './room.ts';
import { basic, parseToken, redirected, tokenRequest } from './tokens.ts';

export { isLoopback, parseMirrors } from './addresses.ts';
export type { Document, Tags } from './answers.ts';
export { type Credentials, dockerCredentials } from './credentials.ts';
export { formatReference, parsePin, parseReference, type Reference } from './reference.ts';

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

/** Which rights a token is asked for. */
type Actions = 'pull' | 'pull,push';

/** A request to an endpoint. */
export type Call = {
  method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT';
  /** Below `/v2/<repository>/`; or a whole URL, which the registry gave. */
  path: string;
  /** Another repository that is read from, which the token has to allow as well. */
  from?: string;
  headers?: Readonly<Record<string, string>>;
  body?: Blob;
};

/** Below `manifests/`, what is no digest. */
const tagOf = (path: string) => path.split('manifests/').slice(1).find(isTag);
const NO_SUCH_METHOD = [405, 501];
const MAX_REDIRECTS = 5;
const NO_TAG = 'latest';
/** What registries give at most. */
const TAGS_A_PAGE = 1000;
const MAX_PAGES = 100;

/** Speaks to registries, and remembers their tokens as long as it lives. */
export class RegistryClient {
  /** How large a request may be, as far as was seen. */
  readonly bodies: BodyLimits;
  readonly #options: RegistryOptions;
  readonly #actions: Actions;
  /** By endpoint, repository and actions: a token is good for nothing else. */
  readonly #authorizations = new Map<string, string>();
  readonly #reached = new Set<string>();
  #pusher: RegistryClient | undefined;

  constructor(options: RegistryOptions = {}, actions: Actions = 'pull', bodies = new BodyLimits()) {
    this.#options = options;
    this.#actions = actions;
    this.bodies = bodies;
  }

  /**
   * The same for a push: it reads with the right to push, too, as some registries allow nobody to read what does not exist yet;
   * and asks no mirror, which may not have what was just sent.
   */
  get pusher(): RegistryClient {
    if (this.#actions === 'pull,push') return this;
    this.#pusher ??= new RegistryClient({ ...this.#options, mirrors: {} }, 'pull,push', this.bodies);
    return this.#pusher;
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
      for await (const page of this.#pages(endpoint, `tags/list?n=${TAGS_A_PAGE}`)) {
        const listed = parseTags(page, endpoint);
        for (const name of listed.names) names.add(name);
        if (names.size > MAX_TAGS) throw tooManyTags(endpoint);
        for (const [digest, date] of listed.uploaded) uploaded.set(digest, date);
      }
      return { names: [...names], uploaded };
    });
  }

  /** What the end point for referrers lists, page by page. Throws a `Refusal` where it is not served. */
  async referrers(reference: Reference, digest: string): Promise<Buffer[]> {
    const pages: Buffer[] = [];
    for await (const page of this.#pages(this.#registryItself(reference), `referrers/${digest}`)) pages.push(page);
    return pages;
  }

  /** Download a blob into a file, which exists afterwards only if digest and size are right. */
  async blobToFile(
    reference: Reference,
    expected: Expected,
    path: string,
    onBytes: (bytes: number) => void = () => {},
  ): Promise<void> {
    await requireRoom(expected.size, dirname(path), expected.digest);
    await this.#fromAny(reference, async (endpoint) => {
      await retried(this.#options, async () => {
        const response = await this.#send(endpoint, {
          method: 'GET',
          path: `blobs/${expected.digest}`,
        });
        const where = `${endpoint.host}/${endpoint.repository}`;
        await writeChecked(path, verified(counted(this.#body(response, endpoint), onBytes), expected, where));
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
        async () => await this.#send(endpoint, { method: 'HEAD', path: `blobs/${digest}` }),
      );
      const length = response.headers.get('content-length');
      return length === null ? undefined : Number(length);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      // Where a registry leads to, only what it signed may be asked: a GET.
      if (error.isElsewhere || NO_SUCH_METHOD.includes(error.status)) return undefined;
      if (error.status === 404) return null;
      throw error;
    }
  }

  /**
   * One request to the registry itself (no mirror). Not tried again here, since what has to be sent again may have changed by then: a
   * fault that may pass is a `Passing`.
   */
  async write(reference: Reference, call: Call): Promise<Response> {
    const endpoint = this.#registryItself(reference);
    const response = await this.#send(endpoint, call);
    // Nothing in it is of interest, and a connection is free again when it was read.
    await this.#readDocument(response, endpoint);
    return response;
  }

  /** A small document that is neither manifest nor blob, below `/v2/<repository>/`. */
  async document(reference: Reference, path: string): Promise<Buffer> {
    const endpoint = this.#registryItself(reference);
    return await retried(this.#options, async () =>
      this.#readDocument(await this.#send(endpoint, { method: 'GET', path }), endpoint),
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

  /** Documents that a registry answers in parts, each naming the next. */
  async *#pages(endpoint: Endpoint, first: string): AsyncGenerator<Buffer> {
    let path: string | undefined = first;
    for (let page = 0; path !== undefined && page < MAX_PAGES; page += 1) {
      const call: Call = { method: 'GET', path };
      const { bytes, link } = await retried(this.#options, async () => {
        const response = await this.#send(endpoint, call);
        return { bytes: await this.#readDocument(response, endpoint), link: response.headers.get('link') };
      });
      yield bytes;
      path = nextPage(link, first);
    }
  }

  /** One request with its authorization: asked for at the first 401, and once more if the one we had ran out. */
  async #send(endpoint: Endpoint, call: Call): Promise<Response> {
    const scopes = this.#scopesOf(endpoint, call);
    const key = [endpoint.base, ...scopes].join(' ');
    const first = await this.#follow(endpoint, call, this.#authorizations.get(key));
    if (first.status !== 401) return await this.#accepted(first, endpoint, call);
    await first.body?.cancel();
    const challenges = parseChallenges(first.headers.get('www-authenticate') ?? '');
    const authorization = await this.#authorize(endpoint, challenges, scopes);
    const second = await this.#follow(endpoint, call, authorization);
    // A token that was refused is not offered again; nor is one before it was of use here, as some last for one request.
    if (second.status === 401) this.#authorizations.delete(key);
    else this.#authorizations.set(key, authorization);
    return await this.#accepted(second, endpoint, call);
  }

  /** The repository itself comes last: some token services grant the last one only. */
  #scopesOf({ repository }: Endpoint, { from }: Call): string[] {
    const other = from === undefined ? [] : [`repository:${from}:pull`];
    return [...other, `repository:${repository}:${this.#actions}`];
  }

  /** Follow redirects by hand: fetch would carry Authorization along, and accept https → http. */
  async #follow(endpoint: Endpoint, call: Call, authorization: string | undefined): Promise<Response> {
    const { origin } = new URL(endpoint.base);
    let url = parseUrl(call.path, endpoint, new URL(`${endpoint.base}/v2/${endpoint.repository}/`));
    this.#requireSafe(endpoint, url, `${endpoint.host} names`);
    const isUpload = url.href === call.path && call.method !== 'GET';
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
        throw foreignChallenge(endpoint, url, isUpload);
      }
      if (response.status < 300 || response.status >= 400 || location === null) return response;
      await response.body?.cancel();
      url = parseUrl(location, endpoint, url);
      this.#requireSafe(endpoint, url, `${endpoint.host} redirects to`);
    }
    throw tooManyRedirects(endpoint.host);
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
      own.host === url.host
        ? 'the proxy before the registry has to pass on X-Forwarded-Proto, or the registry to know its address (https) by its configuration'
        : 'plain http is used for loopback addresses only, or where it was allowed for that host',
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
  async #accepted(response: Response, endpoint: Endpoint, call?: Call): Promise<Response> {
    if (response.ok) return response;
    const { status, url } = response;
    const isElsewhere = new URL(url).origin !== new URL(endpoint.base).origin;
    const fault = refusal({
      status,
      endpoint,
      detail: await this.#errorDetail(response, endpoint),
      hasCredentials: this.#options.credentials?.(endpoint.host) !== undefined,
      isElsewhere,
      bytes: call?.body?.size ?? 0,
      tag: call?.method === 'PUT' ? tagOf(call.path) : undefined,
    });
    // Of a list that is asked for elsewhere, another time would be as good as this one.
    if (!isPassing(status) || (isElsewhere && call?.path.startsWith('referrers/'))) throw fault;
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
  async #authorize(endpoint: Endpoint, challenges: Challenge[], scopes: string[]): Promise<string> {
    const credentials = this.#options.credentials?.(endpoint.host);
    const bearer = challenges.find((challenge) => challenge.scheme === 'bearer');
    if (bearer !== undefined) return `Bearer ${await this.#token(endpoint, bearer, credentials, scopes)}`;
    const isBasic = challenges.some((challenge) => challenge.scheme === 'basic');
    if (isBasic && credentials?.kind === 'password') return basic(credentials);
    throw unauthorized(endpoint, isBasic ? '' : 'in a way that is not known here', credentials !== undefined);
  }

  async #token(
    endpoint: Endpoint,
    { realm, service }: Challenge & { scheme: 'bearer' },
    credentials: Credentials | undefined,
    scopes: string[],
  ): Promise<string> {
    // Of `https:///token` a URL's parser makes a host that is called token.
    if (!URL.canParse(realm) || !/^\w+:\/\/[^/]/.test(realm)) throw realmWithoutHost(endpoint, realm);
    // The scopes are ours, not the challenge's: a registry must not widen what we ask for.
    const [url, init] = tokenRequest(new URL(realm), { service, scopes }, credentials);
    this.#requireSafe(endpoint, url, `${endpoint.host} wants tokens from`);
    const accepted = await this.#accepted(await this.#askForToken(endpoint, url, init), endpoint);
    const answer = parseToken(await this.#readDocument(accepted, endpoint));
    if (answer === undefined) {
      throw new OciError(
        'REGISTRY_ERROR',
        `the token service ${url.host} answers without a token that could be one`,
        'try again, or use --mirror',
      );
    }
    return answer;
  }

  /** A token service may lead to another address: with the secret to another one of its own only. */
  async #askForToken(endpoint: Endpoint, first: URL, init: RequestInit): Promise<Response> {
    let url = first;
    let request = init;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
      const response = await this.#fetch(url, { ...request, redirect: 'manual' });
      const location = response.headers.get('location');
      if (response.status < 300 || response.status >= 400 || location === null) return response;
      await response.body?.cancel();
      const next = parseUrl(location, endpoint, url);
      this.#requireSafe(endpoint, next, `the token service of ${endpoint.host} redirects to`);
      request = redirected(request, response.status, { from: first, to: next });
      url = next;
    }
    throw tooManyRedirects(`the token service of ${endpoint.host}`);
  }
}

async function* counted<T extends Uint8Array>(chunks: AsyncIterable<T>, onBytes: (bytes: number) => void) {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    onBytes(bytes);
    yield chunk;
  }
}
