// Finds a registry's credentials in the text of a Docker configuration. Reads no file and starts no helper.
import { OciError } from './errors.ts';

/** What a registry, or its token service, is told about who asks. */
export type Credentials =
  | { kind: 'password'; username: string; password: string }
  /** An OAuth refresh token, as `docker login` stores for some registries. */
  | { kind: 'identity'; token: string };

type AuthEntry = { auth?: unknown; username?: unknown; password?: unknown; identitytoken?: unknown };

/**
 * Look a registry up in `auths` of a Docker `config.json`.
 * `credHelpers` and `credsStore` name programs to be asked; asking them is the caller's business, before this.
 */
export function dockerCredentials(configJson: string, registry: string): Credentials | undefined {
  const auths = parseAuths(configJson);
  const wanted = hostKey(registry);
  // An exact key goes first: a file may hold both `ghcr.io` and an old `https://ghcr.io/v1/`.
  const keys = Object.keys(auths).sort((a, b) => Number(b === registry) - Number(a === registry));
  for (const key of keys) {
    const entry = auths[key];
    if (entry !== undefined && hostKey(key) === wanted) {
      const found = credentialsOf(entry, key);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function parseAuths(configJson: string): Record<string, AuthEntry> {
  let config: unknown;
  try {
    config = JSON.parse(configJson);
  } catch {
    // The parser's message quotes the text, and the text holds secrets: neither message nor cause is passed on.
    throw invalid('the Docker configuration is not JSON');
  }
  if (typeof config !== 'object' || config === null) throw invalid('the Docker configuration is not a JSON object');
  const auths = (config as { auths?: unknown }).auths ?? {};
  if (typeof auths !== 'object') throw invalid('`auths` of the Docker configuration is not an object');
  return auths as Record<string, AuthEntry>;
}

/** Docker writes its own registry as `https://index.docker.io/v1/`; others come with and without scheme and path. */
function hostKey(key: string): string {
  const host = key
    .replace(/^https?:\/\//, '')
    .replace(/\/.*$/, '')
    .toLowerCase();
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host;
}

function credentialsOf(entry: AuthEntry, key: string): Credentials | undefined {
  if (typeof entry.identitytoken === 'string' && entry.identitytoken !== '') {
    return { kind: 'identity', token: entry.identitytoken };
  }
  if (typeof entry.username === 'string' && entry.username !== '' && typeof entry.password === 'string') {
    return { kind: 'password', username: entry.username, password: entry.password };
  }
  // Where a helper keeps the secret, Docker leaves an empty entry behind.
  if (typeof entry.auth !== 'string' || entry.auth === '') return undefined;
  const text = Buffer.from(entry.auth, 'base64').toString('utf8').replace(/\0+$/, '');
  const colon = text.indexOf(':');
  if (colon <= 0) throw invalid(`the entry of the Docker configuration for ${key} is not user:password in base64`);
  return { kind: 'password', username: text.slice(0, colon), password: text.slice(colon + 1) };
}

function invalid(message: string): OciError {
  return new OciError('CREDENTIALS_INVALID', message, 'log in again with `docker login`, or remove the entry');
}
