// What real registries do that the specification does not say, or forbids: a table, with the outcome that is right.
import { gzipSync } from 'node:zlib';
import type { SmallImage } from '../../oci/helpers.ts';
import {
  type Answer,
  always,
  atFirst,
  fault,
  json,
  type Quirk,
  type ScriptedRegistry,
} from '../../oci/scripted-registry.ts';

export type Task = 'pull' | 'push' | 'tags';
export type Row = {
  what: string;
  task: Task;
  quirks: (image: SmallImage) => Quirk[];
  /** What comes of it for us; skopeo agrees, unless it is said why not. */
  ends: 'well' | 'refused';
  skopeo?: { ends: 'well' | 'refused'; because: string };
  /** The user that is logged in. */
  login?: true;
};

const NO_RETRY = { ends: 'refused', because: 'it does not ask again' } as const;
const { stringify } = JSON;

/** The registry's own answer, altered. */
const but =
  (method: string, path: RegExp, change: (answer: Answer, registry: ScriptedRegistry) => Answer): Quirk =>
  (asked, registry, own) =>
    asked.method === method && path.test(asked.path) ? change(own(), registry) : undefined;
const withHeaders = (method: string, path: RegExp, headers: Answer['headers']) =>
  but(method, path, (answer) => ({ ...answer, headers: { ...answer.headers, ...headers } }));
const withBody = (path: RegExp, body: (own: Buffer) => string | Buffer) =>
  but('GET', path, (answer) => ({ ...answer, body: body(Buffer.from(answer.body ?? '')) }));
const MANIFEST = /\/manifests\//;
const BLOB = /^\/v2\/.*\/blobs\/sha256:/;

/** Wants a token, which its service gives by `gives`. */
const tokens =
  (
    gives: (registry: ScriptedRegistry) => Answer,
    challenge = (host: string) => `Bearer realm="http://${host}/token",service="registry"`,
  ): Quirk =>
  ({ path, headers }, registry) => {
    if (path === '/token') return gives(registry);
    if (headers.authorization === 'Bearer good') return undefined;
    return { status: 401, headers: { 'www-authenticate': challenge(registry.host) } };
  };
const good = () => json(200, { token: 'good' });
const basic: Quirk = ({ headers }) =>
  headers.authorization === `Basic ${Buffer.from('somebody:secret').toString('base64')}`
    ? undefined
    : { status: 401, headers: { 'www-authenticate': 'Basic realm="registry"' } };

const pulls: Omit<Row, 'task'>[] = [
  { what: 'none', quirks: () => [], ends: 'well' },
  {
    what: 'a manifest without Docker-Content-Digest',
    quirks: () => [withHeaders('GET', MANIFEST, { 'docker-content-digest': undefined })],
    ends: 'well',
  },
  {
    what: 'a manifest with a charset',
    quirks: (image) => [
      withHeaders('GET', /\/manifests\/1\.0/, { 'content-type': `${image.top.mediaType}; charset=utf-8` }),
    ],
    ends: 'well',
  },
  {
    what: 'a manifest as text/plain',
    quirks: () => [withHeaders('GET', MANIFEST, { 'content-type': 'text/plain' })],
    ends: 'well',
    skopeo: { ends: 'refused', because: 'it believes the header, which no digest covers' },
  },
  {
    what: 'a manifest whose Docker-Content-Digest is of another',
    quirks: () => [withHeaders('GET', /\/manifests\/1\.0/, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` })],
    ends: 'refused',
    skopeo: { ends: 'well', because: 'it does not look at the header' },
  },
  {
    what: 'another manifest than its digest names',
    quirks: () => [withBody(/\/manifests\/sha256/, (own) => `${own} `)],
    ends: 'refused',
  },
  { what: 'an empty manifest', quirks: () => [withBody(MANIFEST, () => '')], ends: 'refused' },
  { what: 'a manifest that is a page', quirks: () => [withBody(MANIFEST, () => '<html/>')], ends: 'refused' },
  {
    what: 'an index whose list is null',
    quirks: () => [withBody(/1\.0/, () => stringify({ schemaVersion: 2, manifests: null }))],
    ends: 'refused',
    skopeo: { ends: 'well', because: 'an image of nothing is one to it' },
  },
  {
    what: 'a manifest of schema 1',
    quirks: () => [withBody(/1\.0/, () => stringify({ schemaVersion: 1, name: 'x', fsLayers: [] }))],
    ends: 'refused',
  },
  {
    what: 'a manifest in chunks, without its length',
    quirks: () => [withHeaders('GET', MANIFEST, { 'transfer-encoding': 'chunked' })],
    ends: 'well',
  },
  {
    what: 'a blob in chunks, without its length',
    quirks: () => [withHeaders('GET', BLOB, { 'transfer-encoding': 'chunked' })],
    ends: 'well',
  },
  {
    what: 'a blob with other bytes',
    quirks: () => [withBody(BLOB, (own) => Buffer.from(own.map((byte) => byte ^ 1)))],
    ends: 'refused',
  },
  { what: 'a blob that is cut', quirks: () => [withBody(BLOB, (own) => own.subarray(1))], ends: 'refused' },
  {
    what: 'a blob with more behind it',
    quirks: () => [withBody(BLOB, (own) => Buffer.concat([own, own]))],
    ends: 'refused',
  },
  {
    what: 'a blob that a proxy compresses unasked',
    quirks: () => [
      but('GET', BLOB, (answer) => ({
        ...answer,
        headers: { 'content-encoding': 'gzip' },
        body: gzipSync(answer.body ?? ''),
      })),
    ],
    ends: 'well',
  },
  { what: 'no blobs', quirks: () => [always('GET', BLOB, () => fault(404, 'BLOB_UNKNOWN'))], ends: 'refused' },
  {
    what: '404 as a page',
    quirks: () => [always('GET', MANIFEST, () => ({ status: 404, body: '<html/>' }))],
    ends: 'refused',
  },
  {
    what: 'a blob that is elsewhere, by a path',
    quirks: () => [
      always('GET', BLOB, ({ path }) => ({ status: 307, headers: { location: path.replace('/v2/', '/storage/') } })),
      (asked, registry) =>
        asked.path.startsWith('/storage/')
          ? registry.answer({ ...asked, path: asked.path.replace('/storage/', '/v2/') })
          : undefined,
    ],
    ends: 'well',
  },
  {
    what: 'a blob that leads to itself',
    quirks: () => [always('GET', BLOB, ({ path }) => ({ status: 307, headers: { location: path } }))],
    ends: 'refused',
  },
  {
    what: 'a manifest that is elsewhere',
    quirks: () => [
      always('GET', /^\/v2\/team\/small\/manifests/, ({ path }) => ({
        status: 307,
        headers: { location: path.replace('team/small', 'team/moved') },
      })),
      (asked, registry) =>
        asked.path.includes('team/moved')
          ? registry.answer({ ...asked, path: asked.path.replace('team/moved', 'team/small') })
          : undefined,
    ],
    ends: 'well',
  },
  {
    what: 'a manifest that leads nowhere',
    quirks: () => [always('GET', MANIFEST, () => ({ status: 307, headers: { location: 'http://127.0.0.1:1/' } }))],
    ends: 'refused',
  },
  { what: 'a token', quirks: () => [tokens(good)], ends: 'well' },
  {
    what: 'a token that is called access_token',
    quirks: () => [tokens(() => json(200, { access_token: 'good' }))],
    ends: 'well',
  },
  { what: 'a token in no JSON', quirks: () => [tokens(() => ({ status: 200, body: 'good' }))], ends: 'refused' },
  { what: 'no token in JSON', quirks: () => [tokens(() => json(200, {}))], ends: 'refused' },
  { what: 'an empty token', quirks: () => [tokens(() => json(200, { token: '' }))], ends: 'refused' },
  { what: 'a token that is refused', quirks: () => [tokens(() => json(200, { token: 'bad' }))], ends: 'refused' },
  { what: 'a token service that refuses', quirks: () => [tokens(() => fault(403, 'DENIED'))], ends: 'refused' },
  {
    what: 'a token service that is not there',
    quirks: () => [tokens(good, () => 'Bearer realm="http://127.0.0.1:1/token"')],
    ends: 'refused',
  },
  {
    what: 'a token service that leads on',
    quirks: () => [
      ({ path }) => (path === '/new' ? good() : undefined),
      tokens(() => ({ status: 307, headers: { location: '/new' } })),
    ],
    ends: 'well',
  },
  {
    what: 'a token service without host',
    quirks: () => [tokens(good, () => 'Bearer realm="/token"')],
    ends: 'refused',
  },
  {
    what: 'a challenge in small letters',
    quirks: () => [tokens(good, (host) => `bearer realm="http://${host}/token"`)],
    ends: 'well',
  },
  {
    what: 'a challenge with spaces',
    quirks: () => [tokens(good, (host) => `Bearer realm="http://${host}/token", service="a b", scope="x"`)],
    ends: 'well',
  },
  {
    what: 'a challenge without quotes',
    quirks: () => [tokens(good, (host) => `Bearer realm=http://${host}/token,service=registry`)],
    ends: 'well',
    skopeo: { ends: 'refused', because: 'a value without quotes ends at a colon for it' },
  },
  {
    what: 'a challenge of a scheme that nobody knows',
    quirks: () => [tokens(good, () => 'Negotiate')],
    ends: 'refused',
  },
  { what: '401 without a challenge', quirks: () => [() => ({ status: 401 })], ends: 'refused' },
  { what: 'a password', quirks: () => [basic], ends: 'well', login: true },
  { what: 'a password that was not given', quirks: () => [basic], ends: 'refused' },
  {
    what: '503 once',
    quirks: () => [atFirst(1, 'GET', MANIFEST, () => ({ status: 503 }))],
    ends: 'well',
    skopeo: NO_RETRY,
  },
  {
    what: 'a connection that is cut once',
    quirks: () => [atFirst(1, 'GET', BLOB, () => 'cut')],
    ends: 'well',
  },
  {
    what: '429 once',
    quirks: () => [atFirst(1, 'GET', MANIFEST, () => ({ status: 429, headers: { 'retry-after': '1' } }))],
    ends: 'well',
  },
  {
    what: 'no answer below /v2/ itself',
    quirks: () => [always('GET', /^\/v2\/$/, () => ({ status: 404 }))],
    ends: 'well',
    skopeo: { ends: 'refused', because: 'it asks there first' },
  },
];

const UPLOAD = /\/blobs\/uploads\//;
const relative = (answer: Answer): Answer => ({
  ...answer,
  headers: { ...answer.headers, location: String(answer.headers?.location).replace(/^http:\/\/[^/]*/, '') },
});
const pushes: Omit<Row, 'task'>[] = [
  { what: 'none', quirks: () => [], ends: 'well' },
  {
    what: 'an upload by its path alone',
    quirks: () => [but('POST', UPLOAD, relative), but('PATCH', UPLOAD, relative)],
    ends: 'well',
  },
  {
    what: 'an upload with a query in its address',
    quirks: () => [
      but('POST', UPLOAD, (answer) => ({
        ...answer,
        headers: { location: `${answer.headers?.location}?_state=a%2Bb%3D` },
      })),
    ],
    ends: 'well',
  },
  {
    what: 'an upload without an address',
    quirks: () => [withHeaders('POST', UPLOAD, { location: undefined })],
    ends: 'refused',
  },
  {
    what: 'an upload that begins with 200',
    quirks: () => [but('POST', UPLOAD, (answer) => ({ ...answer, status: 200 }))],
    ends: 'well',
    skopeo: { ends: 'refused', because: 'it takes 202 alone' },
  },
  { what: 'PATCH without Range', quirks: () => [withHeaders('PATCH', UPLOAD, { range: undefined })], ends: 'well' },
  {
    what: 'PATCH without Location',
    quirks: () => [withHeaders('PATCH', UPLOAD, { location: undefined })],
    ends: 'well',
    skopeo: { ends: 'refused', because: 'it wants an address in each answer' },
  },
  {
    what: 'PUT that ends with 204',
    quirks: () => [but('PUT', UPLOAD, (answer) => ({ ...answer, status: 204 }))],
    ends: 'well',
    skopeo: { ends: 'refused', because: 'it takes 201 alone' },
  },
  {
    what: 'a manifest that is taken with 200',
    quirks: () => [but('PUT', MANIFEST, (answer) => ({ ...answer, status: 200 }))],
    ends: 'well',
  },
  {
    what: 'HEAD that is not known',
    quirks: () => [always('HEAD', BLOB, () => ({ status: 405 }))],
    ends: 'well',
    skopeo: { ends: 'refused', because: 'it takes 200 and 404 alone' },
  },
  { what: 'no uploads', quirks: () => [always('POST', UPLOAD, () => fault(403, 'DENIED'))], ends: 'refused' },
  {
    what: 'no more room',
    quirks: () => [always('PUT', UPLOAD, () => fault(403, 'DENIED', 'quota exceeded'))],
    ends: 'refused',
  },
  {
    what: 'a blob that arrives otherwise',
    quirks: () => [always('PUT', UPLOAD, () => fault(400, 'DIGEST_INVALID'))],
    ends: 'refused',
  },
  {
    what: 'an upload that is forgotten once',
    quirks: () => [atFirst(1, 'PATCH', UPLOAD, () => fault(404, 'BLOB_UPLOAD_UNKNOWN'))],
    ends: 'well',
    skopeo: NO_RETRY,
  },
  {
    what: 'an upload that is cut once',
    quirks: () => [atFirst(1, 'PATCH', UPLOAD, () => 'cut')],
    ends: 'well',
    skopeo: NO_RETRY,
  },
  {
    what: 'a tag that may not be moved',
    quirks: () => [always('PUT', /manifests\/1\.0$/, () => fault(409, 'TAG_IMMUTABLE'))],
    ends: 'refused',
  },
  {
    what: 'a manifest that is refused',
    quirks: () => [always('PUT', MANIFEST, () => fault(400, 'MANIFEST_INVALID'))],
    ends: 'refused',
  },
  {
    what: 'a right to read nothing that is not there yet',
    quirks: () => [tokensOf('pull,push')],
    ends: 'well',
    login: true,
  },
  {
    what: 'a token that lasts for one request',
    quirks: () => [once()],
    ends: 'well',
    skopeo: { ends: 'refused', because: 'a token lasts as long as it says, to it' },
    login: true,
  },
  {
    what: 'a tag that stays where it was',
    quirks: () => [always('PUT', /manifests\/1\.0$/, () => ({ status: 201 }))],
    ends: 'refused',
    skopeo: { ends: 'well', because: 'it does not read back what it wrote' },
  },
];

/** Gives the scope for a token, and takes no other. */
function tokensOf(actions: string): Quirk {
  return ({ path, query, headers }, { host }) => {
    if (path === '/token')
      return json(200, { token: String(query.get('scope')?.split(':').at(-1)).split(',').sort().join() });
    if (path === '/v2/' || headers.authorization === `Bearer ${actions}`)
      return path === '/v2/' && headers.authorization === undefined ? refusal(host) : undefined;
    return refusal(host);
  };
}

const refusal = (host: string): Answer => ({
  status: 401,
  headers: { 'www-authenticate': `Bearer realm="http://${host}/token",service="registry"` },
});

function once(): Quirk {
  let given = 0;
  const used = new Set<string>();
  return ({ path, headers }, { host }) => {
    if (path === '/token') return json(200, { token: `token-${++given}`, expires_in: 60 });
    const token = headers.authorization;
    if (token === undefined || used.has(token)) return refusal(host);
    used.add(token);
    return undefined;
  };
}

const TAGS = /\/tags\/list/;
const pages =
  (link: (query: string, host: string) => string): Quirk =>
  ({ path, query }, { host }) => {
    if (!TAGS.test(path)) return undefined;
    if (query.has('last')) return json(200, { name: 'team/small', tags: ['2.0'] });
    return json(200, { name: 'team/small', tags: ['1.0'] }, { link: `<${link('n=1&last=1.0', host)}>; rel="next"` });
  };
const lists: Omit<Row, 'task'>[] = [
  {
    what: 'the next page by its path',
    quirks: () => [pages((query) => `/v2/team/small/tags/list?${query}`)],
    ends: 'well',
  },
  {
    what: 'the next page by its address',
    quirks: () => [pages((query, host) => `http://${host}/v2/team/small/tags/list?${query}`)],
    ends: 'well',
  },
  {
    what: 'a list that is null',
    quirks: () => [always('GET', TAGS, () => json(200, { name: 'team/small', tags: null }))],
    ends: 'well',
  },
  {
    what: 'a list that is not there',
    quirks: () => [always('GET', TAGS, () => fault(404, 'NAME_UNKNOWN'))],
    ends: 'refused',
  },
  {
    what: 'a list that is a page',
    quirks: () => [always('GET', TAGS, () => ({ status: 200, body: '<html/>' }))],
    ends: 'refused',
  },
  { what: 'a list of numbers', quirks: () => [always('GET', TAGS, () => json(200, { tags: [1] }))], ends: 'refused' },
];

const of = (task: Task, rows: Omit<Row, 'task'>[]): Row[] => rows.map((row) => ({ task, ...row }));
export const ROWS: Row[] = [...of('pull', pulls), ...of('push', pushes), ...of('tags', lists)];
