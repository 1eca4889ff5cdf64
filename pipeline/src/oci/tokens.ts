// Asks token services, and reads what they answer.
import type { Credentials } from './credentials.ts';
import { OciError } from './errors.ts';

type Query = { service: string | undefined; scopes: readonly string[] };

export function tokenRequest(
  realm: URL,
  { service, scopes }: Query,
  credentials: Credentials | undefined,
): [URL, RequestInit] {
  const named = service === undefined ? {} : { service };
  if (credentials?.kind === 'identity') {
    const grant = { grant_type: 'refresh_token', refresh_token: credentials.token, client_id: 'drydock' };
    // OAuth has one scope, of several words.
    const body = new URLSearchParams({ ...named, scope: scopes.join(' '), ...grant });
    return [realm, { method: 'POST', body }];
  }
  const url = new URL(realm);
  for (const [key, value] of Object.entries(named)) url.searchParams.set(key, value);
  url.searchParams.delete('scope');
  for (const scope of scopes) url.searchParams.append('scope', scope);
  const headers: Record<string, string> = credentials === undefined ? {} : { authorization: basic(credentials) };
  return [url, { headers }];
}

/** The request that goes where a token service leads: a secret stays with who was asked first. */
export function redirected(
  { body, ...init }: RequestInit,
  status: number,
  { from, to }: { from: URL; to: URL },
): RequestInit {
  const isHome = from.origin === to.origin;
  if (body === undefined) return isHome ? init : {};
  if (isHome && (status === 307 || status === 308)) return { body, ...init };
  throw new OciError(
    'REGISTRY_ERROR',
    `the token service ${from.host} leads to ${to.host}, which is not given the identity token`,
    'log in with a password or an access token instead of an identity token',
  );
}

export function parseToken(bytes: Buffer): string | undefined {
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

export function basic(credentials: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
}
