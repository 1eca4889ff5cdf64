// What it means when a registry does not give what was asked for, and what to do about it.
import { OciError, type OciErrorCode, reasonOf, withoutLogins } from './errors.ts';
import { TooSlow } from './pace.ts';

/** One host that may have the repository: a mirror or the registry itself. */
export type Endpoint = { host: string; base: string; repository: string };

export function parseUrl(text: string, endpoint: Endpoint, base?: URL): URL {
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

/** Seconds or a date, in milliseconds from now. */
export function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** An answer that is no success. */
export class Refusal extends OciError {
  readonly status: number;
  /** Given by another place, which the registry led to. */
  readonly isElsewhere: boolean;

  constructor(
    code: OciErrorCode,
    message: string,
    hint: string,
    { status, isElsewhere }: Pick<Answer, 'status' | 'isElsewhere'>,
  ) {
    super(code, message, hint);
    this.status = status;
    this.isElsewhere = isElsewhere;
  }
}

type Answer = {
  status: number;
  endpoint: Endpoint;
  /** What the registry itself says of it. */
  detail: string;
  hasCredentials: boolean;
  isElsewhere: boolean;
  /** How large the request was. */
  bytes: number;
  /** The tag that was to be moved. */
  tag: string | undefined;
};

/** Whose challenge it is decides who gets the credentials: those of a registry are for no place that it leads to. */
export function foreignChallenge({ host }: Endpoint, url: URL, isUpload: boolean): Refusal {
  return new Refusal(
    'REGISTRY_ERROR',
    `${host} leads to ${url.host}, which wants to know who asks: the credentials for ${host} are not for it`,
    isUpload
      ? `the registry takes itself for ${url.host}: set its external address to ${host} (docker-registry: http.host; Harbor: external_url), or push to ${url.host}`
      : 'check the storage of the registry, or the mirror',
    { status: 401, isElsewhere: true },
  );
}

export function tooManyRedirects(who: string): Refusal {
  return new Refusal('REGISTRY_ERROR', `${who} redirects too often`, 'check the mirror or proxy', {
    status: 310,
    isElsewhere: true,
  });
}

/** `Bearer realm="/token"`, of a registry that does not know its own address. */
export function realmWithoutHost({ host }: Endpoint, realm: string): OciError {
  return new OciError(
    'REGISTRY_ERROR',
    `${host} wants tokens from ${JSON.stringify(withoutLogins(realm))}, which is not a complete address`,
    'its configuration has to name one (docker-registry: auth.token.realm; GitLab: registry_external_url; Gitea: ROOT_URL)',
  );
}

export function unauthorized(endpoint: Endpoint, detail: string, hasCredentials: boolean): Refusal {
  return refusal({ status: 401, endpoint, detail, hasCredentials, isElsewhere: false, bytes: 0, tag: undefined });
}

type Row = [code: OciErrorCode, message: string, hint: string];

/** What a status that is no success means, and what to do about it. */
export function refusal(answer: Answer): Refusal {
  const { endpoint, detail } = answer;
  const [code, message, hint] = meaningOf(answer) ?? [
    'REGISTRY_ERROR',
    `${endpoint.host} answers ${answer.status}`,
    `try again later, or use --mirror ${endpoint.host}=<host>/<prefix>`,
  ];
  return new Refusal(code, detail === '' ? message : `${message} (${detail})`, hint, answer);
}

function meaningOf(answer: Answer): Row | undefined {
  const { status, endpoint, detail, tag, bytes } = answer;
  const { host, repository } = endpoint;
  if (tag !== undefined && isOfKeptTag(status, detail)) return keptTag(host, tag);
  // Of a blob: the bytes are not those of its digest, or do not go on from where the upload stands.
  if (status === 416 || (status === 400 && /^(DIGEST|SIZE|BLOB_UPLOAD|RANGE)_INVALID/.test(detail)))
    return ['UPLOAD_REFUSED', `${host} did not get the bytes of the blob as they were sent`, 'try again'];
  const login = loginHint(answer);
  const rows: Record<number, Row> = {
    401: ['UNAUTHORIZED', `${host} wants to know who asks for ${repository}`, login],
    403: ['FORBIDDEN', `${host} refuses access to ${repository}`, login],
    404: [
      'NOT_FOUND',
      `${host} has no such image in ${repository}`,
      'check name, tag and digest; it may have been deleted',
    ],
    413: [
      'TOO_LARGE',
      `${host} takes no request of ${bytes} bytes (413)`,
      'raise the limit of the registry or of the proxy before it (nginx: client_max_body_size; Cloudflare: push past it, by another name)',
    ],
    429: [
      'RATE_LIMITED',
      `${host} allows no more requests for now (429)`,
      `wait, log in, or take it from elsewhere: --mirror ${host}=<host>/<prefix>`,
    ],
  };
  return rows[status];
}

function loginHint({ endpoint: { host, repository }, hasCredentials }: Answer): string {
  return hasCredentials
    ? `the credentials for ${host} were not enough: log in again, or ask for read access to ${repository}`
    : `there are no credentials for ${host}: \`docker login ${host}\`, and check the name (a missing repository is answered like this too)`;
}

/** Registries have no common answer to it: 400 (ECR), 403 (Docker Hub, Artifactory), 409, 412 (Harbor). */
function isOfKeptTag(status: number, detail: string): boolean {
  return (
    status === 409 || ([400, 403, 412].includes(status) && /immutab|cannot be overwritten|already exists/i.test(detail))
  );
}

function keptTag(host: string, tag: string): Row {
  return [
    'TAG_KEPT',
    `${host} does not let the tag ${tag} be moved`,
    'exempt the tags that move (a branch, 1.2, 1) from the rule of the repository that keeps tags as they are (ECR: image tag mutability; Harbor: tag immutability)',
  ];
}

export function unreachable(host: string, reason: string, cause?: unknown): OciError {
  return new OciError(
    'UNREACHABLE',
    `${host} cannot be reached: ${reason}`,
    'check network and proxy (Node takes a proxy from the environment with NODE_USE_ENV_PROXY=1), or use --mirror or an archive',
    { cause },
  );
}

/** Whoever answers so is there, and could answer better: that is not the absence of an answer. */
export function answerFault(message: string, cause?: unknown): OciError {
  return new OciError('ANSWER_INVALID', message, 'check the registry, and the proxy or mirror before it', { cause });
}

/** By what fetch calls it: errors of decompression, and an answer that is not allowed to lead elsewhere. Its parser's have no code in later Nodes. */
const NO_HTTP = /^(HPE_|Z_|UND_ERR_(HEADERS_OVERFLOW|RES_)|unexpected redirect)/;
const isNoHttp = (error: unknown, reason: string) =>
  NO_HTTP.test(reason) ||
  (error instanceof Error && error.cause instanceof Error && error.cause.name === 'HTTPParserError');

/** `when` says in what the network failed, where that is not how it began. */
export function networkFault(host: string, cause: unknown, when?: string): OciError {
  if (cause instanceof TooSlow) return new OciError('UNREACHABLE', cause.message, SLOW_HINT, { cause });
  const reason = networkReason(cause);
  if (isNoHttp(cause, reason)) return answerFault(`${host} answers what is no HTTP (${reason})`, cause);
  return unreachable(host, when === undefined ? reason : `${when} (${reason})`, cause);
}

const SLOW_HINT = 'try again when it is less busy, check the proxy, or use --mirror or an archive';

/** fetch says only "fetch failed"; what happened stands in its cause. */
export function networkReason(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error) return 'code' in cause && typeof cause.code === 'string' ? cause.code : reasonOf(cause);
  return reasonOf(error);
}

/** The registry's own fault, which comes last; but where only a mirror could be reached, what that refused. */
export function mostTelling(faults: readonly OciError[]): OciError {
  const own = faults[faults.length - 1] as OciError;
  if (own.code !== 'UNREACHABLE') return own;
  return faults.find(({ code }) => code !== 'UNREACHABLE' && code !== 'NOT_FOUND') ?? own;
}
