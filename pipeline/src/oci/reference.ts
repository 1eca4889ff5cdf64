// Image references as people write them: docker.io and library/ are understood, a port is not a tag.
import { isDigest } from './digest.ts';
import { OciError } from './errors.ts';

/** Where an image is, and which one. With both, the digest decides and the tag is for people. */
export type Reference = {
  /** `docker.io`, `ghcr.io`, `127.0.0.1:5000` */
  registry: string;
  /** `library/node` */
  repository: string;
  tag?: string;
  digest?: string;
};

const DEFAULT_REGISTRY = 'docker.io';
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?$/;

/** Read `node`, `node:24-slim`, `ghcr.io/a/b@sha256:…`, `localhost:5000/x:y` and the like. Tag defaults to nothing. */
export function parseReference(text: string): Reference {
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) throw bad(text, 'its digest is not sha256: and 64 hexadecimal digits');
  const named = at < 0 ? text : text.slice(0, at);
  const slash = named.lastIndexOf('/');
  const colon = named.indexOf(':', slash + 1);
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  if (tag !== undefined && !isTag(tag)) throw bad(text, `${JSON.stringify(tag)} is no tag`);
  const { registry, repository } = splitHost(colon < 0 ? named : named.slice(0, colon));
  if (!HOST.test(registry)) throw bad(text, `${JSON.stringify(registry)} is no host`);
  if (!REPOSITORY.test(repository) || repository.length > 255)
    throw bad(text, `${JSON.stringify(repository)} is no repository name`);
  return { registry, repository, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

export function isTag(text: unknown): text is string {
  return typeof text === 'string' && TAG.test(text);
}

/** The reference in full, `docker.io/library/node:24@sha256:…`. */
export function formatReference(reference: Reference): string {
  const { registry, repository, tag, digest } = reference;
  return `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** A reference that has to carry a digest. */
export function parsePin(text: string): Reference & { digest: string } {
  const reference = parseReference(text);
  if (reference.digest === undefined) throw bad(text, 'it has no digest, and a tag can move');
  return { ...reference, digest: reference.digest };
}

function splitHost(name: string): { registry: string; repository: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  // Docker's rule: the first part is a host only if it cannot be a user's name.
  const isHost = first.includes('.') || first.includes(':') || first === 'localhost' || first !== first.toLowerCase();
  if (!isHost) return { registry: DEFAULT_REGISTRY, repository: name.includes('/') ? name : `library/${name}` };
  const rest = name.slice(slash + 1);
  const isHub = first === DEFAULT_REGISTRY || first === 'index.docker.io' || first === 'registry-1.docker.io';
  if (!isHub) return { registry: first, repository: rest };
  return { registry: DEFAULT_REGISTRY, repository: rest.includes('/') ? rest : `library/${rest}` };
}

function bad(text: string, why: string): OciError {
  return new OciError(
    'REFERENCE_INVALID',
    `${JSON.stringify(text)} is not an image reference: ${why}`,
    'write it as registry/repository:tag@sha256:…',
  );
}
