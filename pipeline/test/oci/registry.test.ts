// The registry client against a registry that behaves, and misbehaves, over real http on loopback.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { assemble } from '../../src/oci/assemble.ts';
import { parseChallenges } from '../../src/oci/challenge.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { OciError } from '../../src/oci/errors.ts';
import { describeArchive, MEDIA, openLayout, verifyChain } from '../../src/oci/layout.ts';
import { pullToLayout } from '../../src/oci/pull.ts';
import {
  type Credentials,
  dockerCredentials,
  formatReference,
  isLoopback,
  parseMirrors,
  parsePin,
  parseReference,
  RegistryClient,
  type RegistryOptions,
} from '../../src/oci/registry.ts';
import { parseSpec } from '../../src/oci/spec.ts';
import { scratch, smallImage, writeFiles } from './helpers.ts';
import { atFirst, faultOf, type Handler, startRegistry } from './registry-server.ts';

const folder = await scratch();
const image = await smallImage();

/** A registry with the small image. */
const registry = (first?: Handler) =>
  startRegistry({ repository: 'team/small', tags: { '1.0': image.top.digest }, blobs: image.blobs }, first);

const waits: number[] = [];
const client = (options: RegistryOptions = {}) =>
  new RegistryClient({ wait: async (ms) => void waits.push(ms), pace: { windowMs: 2000 }, ...options });
const at = (host: string, name = ':1.0') => parseReference(`${host}/team/small${name}`);
const blobAt = (host: string) => ({ reference: at(host), path: join(folder, `blob-${host.replace(':', '-')}`) });

// ---------------------------------------------------------------------------------------------------- references

const DIGEST = `sha256:${'a'.repeat(64)}`;
const references: [text: string, full: string | undefined][] = [
  ['node', 'docker.io/library/node'],
  ['node:24-slim', 'docker.io/library/node:24-slim'],
  [`node:24@${DIGEST}`, `docker.io/library/node:24@${DIGEST}`],
  ['aquasec/trivy', 'docker.io/aquasec/trivy'],
  ['docker.io/node', 'docker.io/library/node'],
  ['index.docker.io/library/node', 'docker.io/library/node'],
  ['ghcr.io/a/b/c:1', 'ghcr.io/a/b/c:1'],
  ['localhost/x', 'localhost/x'],
  ['localhost:5000/x:y', 'localhost:5000/x:y'],
  [`127.0.0.1:5000/x@${DIGEST}`, `127.0.0.1:5000/x@${DIGEST}`],
  ['[::1]:5000/x', '[::1]:5000/x'],
  ['a__b/c-d.e', 'docker.io/a__b/c-d.e'],
  ['', undefined],
  ['Node', undefined],
  ['node:', undefined],
  ['node:a b', undefined],
  ['node@sha256:abc', undefined],
  ['node@md5:abc', undefined],
  ['a/../b', undefined],
  ['evil.example/x?y', undefined],
  ['user@host/x', undefined],
  ['http://x/y', undefined],
];
for (const [text, full] of references) {
  test(`reference ${JSON.stringify(text)} is ${full ?? 'refused'}`, () => {
    if (full === undefined) expect(() => parseReference(text)).toThrow(OciError);
    else expect(formatReference(parseReference(text))).toBe(full);
  });
}

test('a pin needs a digest', () => {
  expect(() => parsePin('node:24')).toThrow(/a tag can move/);
});

const loopbacks: [host: string, isLocal: boolean][] = [
  ['127.0.0.1:5000', true],
  ['127.9.9.9', true],
  ['localhost:1', true],
  ['[::1]:5000', true],
  ['127.0.0.1.example.com', false],
  ['10.0.0.1:5000', false],
  ['localhost.example.com', false],
];
test.each(loopbacks)('loopback: %s is %s', (host, isLocal) => expect(isLoopback(host)).toBe(isLocal));

test('mirrors are read in order', () => {
  expect(parseMirrors(['docker.io=a.example/hub', 'ghcr.io=http://b:5000', 'docker.io=c.example'])).toEqual({
    'docker.io': ['a.example/hub', 'c.example'],
    'ghcr.io': ['http://b:5000'],
  });
  for (const bad of ['docker.io', '=x', 'docker.io=', 'a/b=c']) expect(() => parseMirrors([bad])).toThrow(OciError);
});

// Where a login may stand in an address: RFC 3986, 3.2.1; some write an @ of the password as it is.
test.each([
  'docker.io=http://bob:swordfish@mirror.example',
  'docker.io=https://bob:sword@swordfish@mirror.example/hub',
  'docker.io=bob:swordfish@mirror.example',
  'docker.io=http://swordfish@mirror.example',
])('a mirror with a login is refused, and the login not shown: %s', (pair) => {
  expect(() => parseMirrors([pair])).toThrow(/^(?!.*sword)a mirror has a login/);
});

test('a mirror of what is called as any object’s own things are', () => {
  expect(Object.entries(parseMirrors(['__proto__=a.example', 'toString=b.example']))).toEqual([
    ['__proto__', ['a.example']],
    ['toString', ['b.example']],
  ]);
});

// ---------------------------------------------------------------------------------------------------- credentials

const base64 = (text: string) => Buffer.from(text).toString('base64');
const ada: Credentials = { kind: 'password', username: 'ada', password: 'pa:ss' };
const configs: [name: string, config: unknown, host: string, found: Credentials | undefined][] = [
  ['by host', { auths: { 'ghcr.io': { auth: base64('ada:pa:ss') } } }, 'ghcr.io', ada],
  ['by URL', { auths: { 'https://ghcr.io/v2/': { auth: base64('ada:pa:ss') } } }, 'ghcr.io', ada],
  ['Docker Hub', { auths: { 'https://index.docker.io/v1/': { auth: base64('ada:pa:ss') } } }, 'docker.io', ada],
  ['in clear', { auths: { 'ghcr.io': { username: 'ada', password: 'pa:ss' } } }, 'ghcr.io', ada],
  [
    'a token',
    { auths: { 'x.io': { auth: base64('t:'), identitytoken: 'tok' } } },
    'x.io',
    { kind: 'identity', token: 'tok' },
  ],
  ['with a port', { auths: { 'x.io:5000': { auth: base64('ada:pa:ss') } } }, 'x.io', undefined],
  ['kept by a helper', { auths: { 'ghcr.io': {} }, credsStore: 'desktop' }, 'ghcr.io', undefined],
  ['none', {}, 'ghcr.io', undefined],
];
for (const [name, config, host, found] of configs) {
  test(`credentials: ${name}`, () => expect(dockerCredentials(JSON.stringify(config), host)).toEqual(found));
}

test('a broken configuration is named, and not quoted', () => {
  expect(() => dockerCredentials('{"auths": s3cret', 'ghcr.io')).toThrow(/^the Docker configuration is not JSON$/);
  const odd = JSON.stringify({ auths: { 'ghcr.io': { auth: base64('s3cret') } } });
  expect(() => dockerCredentials(odd, 'ghcr.io')).toThrow(/^(?!.*s3cret).*ghcr\.io/);
});

const challenges: [header: string, expected: unknown[]][] = [
  ['Basic realm="x"', [{ scheme: 'basic' }]],
  [
    'Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push"',
    [
      {
        scheme: 'bearer',
        realm: 'https://auth.example/token',
        service: 'registry.example',
        scope: 'repository:a/b:pull,push',
      },
    ],
  ],
  [
    'Negotiate, bearer REALM=https://a/t , Basic realm="q\\"x, y"',
    [{ scheme: 'bearer', realm: 'https://a/t' }, { scheme: 'basic' }],
  ],
  ['Bearer service="x"', []],
  ['', []],
];
test.each(challenges)('challenge %s', (header, expected) => expect(parseChallenges(header)).toEqual(expected));

// ---------------------------------------------------------------------------------------------------- pulling

test('a manifest by tag and by digest, asking for all four types', async () => {
  const { host, seen } = await registry();
  const byTag = await client().manifest(at(host));
  expect(byTag).toMatchObject({ digest: image.top.digest, mediaType: MEDIA.index, size: image.top.size });
  expect(await client().manifest(at(host, `@${image.top.digest}`))).toEqual(byTag);
  for (const type of [MEDIA.index, MEDIA.manifest, MEDIA.dockerIndex, MEDIA.dockerManifest])
    expect(seen[0]?.accept).toContain(type);
});

test('an image into a layout whose chain holds', async () => {
  const { host, seen } = await registry();
  const to = join(folder, 'layout');
  const top = await pullToLayout(client(), at(host, `:1.0@${image.top.digest}`), to, { platforms: ['linux/arm64'] });
  expect(top.digest).toBe(image.top.digest);
  const source = await openLayout(to);
  expect((await verifyChain(source, top.digest, 'linux/arm64')).config.architecture).toBe('arm64');
  expect((await describeArchive(to)).images.map(({ platform }) => platform)).toEqual(['linux/arm64']);
  expect(seen).toHaveLength(4); // index, manifest, config, layer
});

test('the base of an image, when no archive has it', async () => {
  const { host } = await registry();
  const app = join(folder, 'app');
  await writeFiles(app, { 'server.js': '' });
  const base = { pin: `docker.io/team/small@${image.top.digest}`, mirrors: [`docker.io=${host}`] };
  const spec = parseSpec({ base, app, platforms: ['linux/amd64', 'linux/arm64'] });
  const built = await assemble(spec, { out: join(folder, 'out', 'image.tar') });
  expect((await describeArchive(join(folder, 'out', 'image.tar'))).digest).toBe(built.digest);
});

test('how large a blob is, if it is there', async () => {
  const { host, seen } = await registry();
  expect(await client().sizeOfBlob(at(host), image.layer.digest)).toBe(image.layer.size);
  expect(await client().sizeOfBlob(at(host), DIGEST)).toBe(null);
  expect(seen.map(({ method }) => method)).toEqual(['HEAD', 'HEAD']);
});

// ---------------------------------------------------------------------------------------------------- tokens

/** Wants `Bearer good`, which /token gives to whoever `mayAsk`. */
function wantsToken(mayAsk: (request: IncomingMessage) => boolean = () => true, token = () => 'good'): Handler {
  return (request, response) => {
    if (request.url?.startsWith('/token')) {
      request.resume().on('end', () => {
        if (mayAsk(request)) response.end(JSON.stringify({ token: token() }));
        else response.writeHead(401).end();
      });
      return true;
    }
    if (request.headers.authorization === 'Bearer good') return false;
    const realm = `http://${request.headers.host}/token`;
    response
      .writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="reg",scope="repository:other:push"` })
      .end('{}');
    return true;
  };
}

describe('tokens', () => {
  test('are asked for once, anonymously, with our own scope', async () => {
    const { host, seen } = await registry(wantsToken());
    const one = client();
    await one.manifest(at(host));
    await one.manifest(at(host));
    expect(seen.map(({ url }) => url.split('?')[0])).toEqual([
      '/v2/team/small/manifests/1.0',
      '/token',
      '/v2/team/small/manifests/1.0',
      '/v2/team/small/manifests/1.0',
    ]);
    const query = new URLSearchParams(seen[1]?.url.split('?')[1]);
    expect(Object.fromEntries(query)).toEqual({ service: 'reg', scope: 'repository:team/small:pull' });
    expect(seen[1]?.authorization).toBeUndefined();
  });

  test('are given for a password', async () => {
    const { host, seen } = await registry(
      wantsToken(({ headers }) => headers.authorization === `Basic ${base64('ada:pa:ss')}`),
    );
    await client({ credentials: (name) => (name === host ? ada : undefined) }).manifest(at(host));
    expect(seen.map(({ authorization }) => authorization?.split(' ')[0])).toEqual([undefined, 'Basic', 'Bearer']);
  });

  test('are given for an identity token', async () => {
    const { host, seen } = await registry(wantsToken(({ method }) => method === 'POST'));
    await client({ credentials: () => ({ kind: 'identity', token: 'refresh' }) }).manifest(at(host));
    expect(seen[1]).toMatchObject({ method: 'POST', url: '/token' });
  });

  test('that ran out are renewed', async () => {
    let valid = true;
    const serveToken = wantsToken();
    const { host, seen } = await registry((request, response) => {
      if (!valid && request.headers.authorization === 'Bearer good') delete request.headers.authorization;
      valid = true;
      return serveToken(request, response);
    });
    const one = client();
    await one.manifest(at(host));
    valid = false;
    await one.manifest(at(host));
    expect(seen.filter(({ url }) => url.startsWith('/token'))).toHaveLength(2);
  });

  // A header ends with its line (the kind of CVE-2016-5699), and holds Latin characters only.
  const noTokens = ['a\r\nX: swordfish', 'swordfish\n', 'sword fish', '\u4e2d', '', null, 5, {}];
  test.each(noTokens)('that cannot be one are none, and stand in no sentence: %j', async (token) => {
    const { host } = await registry((request, response) => {
      if (request.url?.startsWith('/token')) response.end(JSON.stringify({ token }));
      else response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${host}/token"` }).end();
      return true;
    });
    const fault = await faultOf(client().manifest(at(host)));
    expect(fault).toMatchObject({ code: 'REGISTRY_ERROR', message: expect.stringContaining('without a token') });
    expect(fault.message).not.toContain('sword');
  });

  test('are not asked for in plain http from another host', async () => {
    const { host } = await registry((_, response) => {
      response.writeHead(401, { 'www-authenticate': 'Bearer realm="http://auth.example/token"' }).end();
      return true;
    });
    expect(await faultOf(client({ credentials: () => ada }).manifest(at(host)))).toMatchObject({ code: 'INSECURE' });
  });

  test('basic authentication works without any', async () => {
    const { host } = await registry((request, response) => {
      if (request.headers.authorization === `Basic ${base64('ada:pa:ss')}`) return false;
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      return true;
    });
    await client({ credentials: () => ada }).manifest(at(host));
    expect(await faultOf(client().manifest(at(host)))).toMatchObject({
      code: 'UNAUTHORIZED',
      hint: expect.stringContaining('docker login'),
    });
  });

  const refusals: [name: string, credentials: Credentials | undefined, hint: string][] = [
    ['nobody', undefined, 'there are no credentials'],
    ['somebody', ada, 'were not enough'],
  ];
  test.each(refusals)('refused to %s, say what is missing', async (_, credentials, hint) => {
    const { host } = await registry(wantsToken(() => false));
    const fault = await faultOf(client({ credentials: () => credentials }).manifest(at(host)));
    expect(fault).toMatchObject({ code: 'UNAUTHORIZED', hint: expect.stringContaining(hint) });
    expect(`${fault.message} ${fault.hint}`).not.toContain('pa:ss');
  });
});

// ---------------------------------------------------------------------------------------------------- trouble

describe('answers that pass', () => {
  const rows: [name: string, answer: (response: ServerResponse) => void, wait: number][] = [
    ['429 with Retry-After: 0', (response) => response.writeHead(429, { 'retry-after': '0' }).end(), 0],
    ['429 with Retry-After: 7', (response) => response.writeHead(429, { 'retry-after': '7' }).end(), 7000],
    ['503 without a word', (response) => response.writeHead(503).end(), 500],
    ['a cut connection', (response) => response.destroy(), 500],
  ];
  test.each(rows)('%s', async (_, answer, wait) => {
    waits.length = 0;
    const { host } = await registry(atFirst(1, answer));
    expect((await client().manifest(at(host))).digest).toBe(image.top.digest);
    expect(waits).toEqual([wait]);
  });

  test('a body that is cut in the middle', async () => {
    const { host, seen } = await registry(
      atFirst(1, (response) => {
        response.writeHead(200, { 'content-length': image.layer.size });
        response.write(image.blobs.get(image.layer.digest)?.subarray(0, 50), () => response.destroy());
      }),
    );
    const { reference, path } = blobAt(host);
    await client().blobToFile(reference, image.layer, path);
    expect(digestOf(await readFile(path))).toBe(image.layer.digest);
    expect(seen).toHaveLength(2);
  });
});

describe('answers that stay', () => {
  const rows: [
    name: string,
    answer: (response: ServerResponse) => void,
    code: string,
    hint: string,
    requests: number,
  ][] = [
    ['429', (response) => response.writeHead(429, { 'retry-after': '0' }).end(), 'RATE_LIMITED', '--mirror', 4],
    [
      '429 for an hour',
      (response) => response.writeHead(429, { 'retry-after': '3600' }).end(),
      'RATE_LIMITED',
      '--mirror',
      1,
    ],
    ['403', (response) => response.writeHead(403).end(), 'FORBIDDEN', 'no credentials', 1],
    ['500', (response) => response.writeHead(500).end('<html>'), 'REGISTRY_ERROR', '--mirror', 4],
    ['401 without a challenge', (response) => response.writeHead(401).end(), 'UNAUTHORIZED', 'no credentials', 1],
    ['a cut connection', (response) => response.destroy(), 'UNREACHABLE', 'proxy', 4],
    ['silence', () => {}, 'UNREACHABLE', 'proxy', 4],
    [
      'redirects in a circle',
      (response) => response.writeHead(307, { location: '/v2/team/small/manifests/1.0' }).end(),
      'REGISTRY_ERROR',
      'mirror',
      6,
    ],
    [
      'a redirect to plain http',
      (response) => response.writeHead(307, { location: 'http://cdn.example/x' }).end(),
      'INSECURE',
      'plain http',
      1,
    ],
    [
      'a redirect to nowhere',
      (response) => response.writeHead(307, { location: 'http://[' }).end(),
      'REGISTRY_ERROR',
      'mirror',
      1,
    ],
    [
      'a redirect to nowhere, with a login',
      (response) => response.writeHead(307, { location: 'http://bob:swordfish@[' }).end(),
      'REGISTRY_ERROR',
      'mirror',
      1,
    ],
    ['no JSON', (response) => response.end('<html>'), 'MANIFEST_INVALID', 'fetch', 1],
    [
      'a redirect with a login',
      (response) => response.writeHead(307, { location: `http://bob:swordfish@127.0.0.1:1/x` }).end(),
      'ANSWER_INVALID',
      'proxy',
      1,
    ],
    // RFC 9112, 6.3: two lengths that differ are no message; nor is what begins with no status line.
    [
      'two lengths',
      (response) => response.socket?.end('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx'),
      'ANSWER_INVALID',
      'proxy',
      4,
    ],
    ['no status line', (response) => response.socket?.end('SSH-2.0-OpenSSH_9.2\r\n'), 'ANSWER_INVALID', 'proxy', 4],
    [
      'a manifest that is cut',
      (response) => {
        response.writeHead(200, { 'content-length': 500 });
        response.write('{', () => response.destroy());
      },
      'ANSWER_INVALID',
      'proxy',
      4,
    ],
  ];
  test.each(rows)('%s', async (name, answer, code, hint, requests) => {
    const { host, seen } = await registry(atFirst(99, answer));
    // On a busy machine any answer may take longer than that.
    const fault = await faultOf(client(name === 'silence' ? { pace: { windowMs: 100 } } : {}).manifest(at(host)));
    expect(fault).toMatchObject({ code, hint: expect.stringContaining(hint) });
    expect(fault.message).not.toContain('swordfish');
    expect(seen).toHaveLength(requests);
  });

  test('nobody listening is told apart from nothing found', async () => {
    const { host } = await registry();
    expect(await faultOf(client().manifest(at(host, ':2.0')))).toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('MANIFEST_UNKNOWN: manifest unknown'),
    });
    expect(await faultOf(client().manifest(at('127.0.0.1:9')))).toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('127.0.0.1:9 cannot be reached'),
    });
  });
});

describe('lies', () => {
  const other = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [] }));

  test('another manifest than the digest names', async () => {
    const { host } = await registry(atFirst(9, (response) => response.end(other)));
    expect(await faultOf(client().manifest(at(host, `@${image.top.digest}`)))).toMatchObject({ code: 'BLOB_DIGEST' });
  });

  test('a tag whose digest is not that of its bytes', async () => {
    const { host } = await registry(
      atFirst(9, (response) => response.setHeader('docker-content-digest', image.top.digest).end(other)),
    );
    expect(await faultOf(client().manifest(at(host)))).toMatchObject({ code: 'BLOB_DIGEST' });
  });

  const rows: [name: string, bytes: (sound: Buffer) => Buffer, code: string][] = [
    ['another content', (sound) => Buffer.alloc(sound.byteLength), 'BLOB_DIGEST'],
    ['a longer content', (sound) => Buffer.concat([sound, Buffer.from('x')]), 'BLOB_SIZE'],
    ['a shorter content', (sound) => sound.subarray(1), 'BLOB_SIZE'],
  ];
  test.each(rows)('a blob with %s leaves no file', async (_, change, code) => {
    const bytes = change(image.blobs.get(image.layer.digest) ?? Buffer.alloc(0));
    const { host } = await registry(atFirst(9, (response) => response.end(bytes)));
    const { reference, path } = blobAt(host);
    expect(await faultOf(client().blobToFile(reference, image.layer, path))).toMatchObject({ code });
    expect(existsSync(path)).toBe(false);
  });

  test('a manifest without end', async () => {
    const { host } = await registry(atFirst(9, (response) => response.end(Buffer.alloc(5_000_000, ' '))));
    expect(await faultOf(client().manifest(at(host)))).toMatchObject({ code: 'REGISTRY_ERROR' });
  });
});

test('a redirect to another host does not carry the authorization, one to the same host does', async () => {
  const storage = await registry((request, response) => {
    response.end(image.blobs.get(request.url?.slice(1) ?? ''));
    return true;
  });
  const auth = wantsToken();
  const { host, seen } = await registry((request, response) => {
    if (auth(request, response)) return true;
    const { url = '' } = request;
    const digest = url.split('/').at(-1) ?? '';
    response
      .writeHead(307, { location: url.includes('hop') ? `http://${storage.host}/${digest}` : `/hop/${digest}` })
      .end();
    return true;
  });
  const { reference, path } = blobAt(host);
  await client().blobToFile(reference, image.layer, path);
  expect(seen.at(-1)).toMatchObject({ url: `/hop/${image.layer.digest}`, authorization: 'Bearer good' });
  expect(storage.seen).toEqual([expect.objectContaining({ authorization: undefined })]);
});

// As in CVE-2020-15157: whatever a registry leads to answers 401, and names a token service of its own.
describe('a place that a registry leads to, which wants to know who asks', () => {
  const challenges: [name: string, header: (host: string) => string][] = [
    ['a token of its own service', (host) => `Bearer realm="http://${host}/token",service="x"`],
    ['a password', () => 'Basic realm="x"'],
  ];
  const secrets: [name: string, credentials: Credentials][] = [
    ['password', ada],
    ['refresh token', { kind: 'identity', token: 'refresh' }],
  ];
  const ways: [name: string, ask: (client: RegistryClient, host: string, storage: string) => Promise<unknown>][] = [
    ['the redirect of a blob', (one, host) => one.blob(at(host), image.layer)],
    ['the redirect of a manifest', (one, host) => one.manifest(at(host))],
    ['the redirect of a list of tags', (one, host) => one.tags(at(host))],
    [
      'the location of an upload',
      (one, host, storage) =>
        one.write(at(host), { method: 'PATCH', path: `http://${storage}/up`, body: new Blob(['x']) }),
    ],
  ];
  const rows = challenges.flatMap(([challenge, header]) =>
    secrets.flatMap(([secret, credentials]) =>
      ways.map(([way, ask]) => [challenge, secret, way, { header, credentials, ask }] as const),
    ),
  );
  test.each(rows)('%s: gets no %s by %s', async (_challenge, _secret, _way, { header, credentials, ask }) => {
    let sent = '';
    const storage = await registry((request, response) => {
      request.on('data', (chunk: Buffer) => {
        sent += chunk.toString();
      });
      request.on('end', () => {
        if (request.url?.startsWith('/token')) response.end(JSON.stringify({ token: 'planted' }));
        else response.writeHead(401, { 'www-authenticate': header(request.headers.host ?? '') }).end();
      });
      return true;
    });
    const { host, seen } = await registry((request, response) => {
      request.resume();
      response.writeHead(307, { location: `http://${storage.host}/bucket` }).end();
      return true;
    });
    const fault = await faultOf(ask(client({ credentials: () => credentials, attempts: 1 }), host, storage.host));
    expect(fault).toMatchObject({
      code: 'REGISTRY_ERROR',
      message: expect.stringContaining(`leads to ${storage.host}, which wants to know who asks`),
    });
    expect(storage.seen.map(({ url, authorization }) => [url.split('?')[0], authorization])).toEqual([
      [expect.stringMatching(/^\/(bucket|up)$/), undefined],
    ]);
    expect(sent).not.toContain('refresh');
    expect(seen.map(({ authorization }) => authorization).filter(Boolean)).toEqual([]);
  });
});

// Spellings of such addresses: OWASP, "Server-Side Request Forgery Prevention"; where clouds answer machines: their documentation.
describe('a registry elsewhere leads nowhere inside', () => {
  const inside: string[] = [
    'http://127.0.0.1:PORT',
    'http://localhost:PORT',
    'http://2130706433:PORT',
    'http://0x7f.1:PORT',
    'http://[::ffff:127.0.0.1]:PORT',
    'http://[::1]:PORT',
    'https://127.0.0.1:PORT',
    'https://localhost.:PORT',
    'http://169.254.169.254',
    'https://169.254.169.254',
    'http://[fd00:ec2::254]',
    'http://10.0.0.1',
  ];
  const ways: [name: string, answer: (response: ServerResponse, to: string) => unknown][] = [
    ['a redirect', (response, to) => response.writeHead(307, { location: `${to}/latest` }).end()],
    [
      'a token service',
      (response, to) => response.writeHead(401, { 'www-authenticate': `Bearer realm="${to}/latest"` }).end(),
    ],
  ];
  const rows = inside.flatMap((to) => ways.map(([way, answer]) => [way, to, answer] as const));
  test.each(rows)('by %s to %s', async (_, to, answer) => {
    const service = await registry((_request, response) => {
      response.end('a secret of this machine');
      return true;
    });
    const port = service.host.split(':')[1] ?? '';
    const { host } = await registry((_request, response) => {
      answer(response, to.replace('PORT', port));
      return true;
    });
    // Not loopback by its address, and yet it reaches this machine.
    const elsewhere = host.replace('127.0.0.1', '0.0.0.0');
    const fault = await faultOf(client({ plainHttp: [elsewhere], attempts: 1 }).manifest(at(elsewhere)));
    expect(fault.code).toBe('INSECURE');
    expect(fault.message).not.toContain('secret');
    expect(service.seen).toEqual([]);
  });
});

describe('an image that announces more than there is room for', () => {
  const rows: [name: string, size: number, most: number | undefined, reason: RegExp][] = [
    [
      'more than any disk has',
      Number.MAX_SAFE_INTEGER,
      undefined,
      /announces \d{16} bytes, and \d+ are free on the disk/,
    ],
    ['more than may be kept', 200_000_000, 100_000_000, /no more than 100000000 may be kept/],
  ];
  test.each(rows)('%s: no byte of it is asked for', async (_, size, most, reason) => {
    const config = image.blobs.get(image.layer.digest) as Buffer;
    const layers = [{ mediaType: MEDIA.layerGzip, digest: DIGEST, size }];
    const manifest = Buffer.from(
      JSON.stringify({
        ...{ schemaVersion: 2, mediaType: MEDIA.manifest, layers },
        config: { mediaType: MEDIA.config, digest: digestOf(config), size: config.length },
      }),
    );
    const blobs = new Map([[digestOf(manifest), manifest], ...image.blobs]);
    const { host, seen } = await startRegistry({
      repository: 'team/small',
      tags: { '1.0': digestOf(manifest) },
      blobs,
    });
    const to = join(folder, 'too-large');
    const fault = await faultOf(pullToLayout(client(), at(host), to, most === undefined ? {} : { most }));
    expect(fault).toMatchObject({ code: 'TOO_LARGE', message: expect.stringMatching(reason) });
    if (most === undefined)
      expect(await faultOf(client().blobToFile(at(host), { digest: DIGEST, size }, join(to, 'x')))).toMatchObject({
        code: 'TOO_LARGE',
      });
    expect(seen.map(({ url }) => url)).toEqual(['/v2/team/small/manifests/1.0']);
  });
});

describe('mirrors', () => {
  const hub = () => parseReference(`registry.invalid/team/small@${image.top.digest}`);

  test('are asked first, below their prefix', async () => {
    const mirror = await registry((request) => {
      request.url = request.url?.replace('/hub/team/', '/team/') ?? '';
      return false;
    });
    const found = await client({ mirrors: { 'registry.invalid': [`http://${mirror.host}/hub`] } }).manifest(hub());
    expect(found.digest).toBe(image.top.digest);
    expect(mirror.seen[0]?.url).toBe(`/v2/hub/team/small/manifests/${image.top.digest}`);
  });

  const troubles: [name: string, answer: (response: ServerResponse) => void][] = [
    ['has nothing', (response) => response.writeHead(404).end()],
    ['lies', (response) => response.end('{"manifests":[]}')],
    ['is down', (response) => response.destroy()],
    ['asks for a password', (response) => response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()],
  ];
  test.each(troubles)('that %s: the registry itself is asked', async (_, answer) => {
    const mirror = await registry(atFirst(99, answer));
    const { host } = await registry();
    const found = await client({ mirrors: { [host]: [mirror.host] } }).manifest(at(host, `@${image.top.digest}`));
    expect(found.digest).toBe(image.top.digest);
    expect(mirror.seen.length).toBeGreaterThan(0);
  });

  test.each(['toString', '__proto__.x', 'valueOf'])('are none where a registry is called %s', async (name) => {
    const reference = { registry: name, repository: 'team/small', tag: '1.0' };
    expect((await faultOf(client({ mirrors: {}, attempts: 1 }).manifest(reference))).code).toBe('UNREACHABLE');
  });

  test('are named when nobody had it', async () => {
    const mirror = await registry(atFirst(99, (response) => response.writeHead(404).end()));
    const { host } = await registry();
    const fault = await faultOf(client({ mirrors: { [host]: [mirror.host] } }).manifest(at(host, ':nope')));
    expect(fault.message).toContain(`(besides: ${mirror.host} has no such image`);
  });
});

// --------------------------------------------------------------------------------------------------------- tags

/** Answers a list of tags page by page, as registries do: the next one is named by a header. */
const pages =
  (lists: Readonly<Record<string, object>>, link: (query: string) => string): Handler =>
  ({ url = '' }, response) => {
    const [, query = ''] = /\/tags\/list\?(.*)$/.exec(url) ?? [];
    const body = lists[query];
    if (body === undefined) return false;
    const queries = Object.keys(lists);
    const next = queries[queries.indexOf(query) + 1];
    response.writeHead(200, next === undefined ? {} : { link: link(next) }).end(JSON.stringify(body));
    return true;
  };

const links: [name: string, link: (query: string) => string][] = [
  ['a path', (query) => `</v2/team/small/tags/list?${query}>; rel="next"`],
  [
    'an address of another host, which is not asked',
    (query) => `<http://192.0.2.1/v2/team/small/tags/list?${query}>; rel=next`,
  ],
];
for (const [name, link] of links) {
  test(`tags are read to the last page, the next one named by ${name}`, async () => {
    const lists = { 'n=1000': { tags: ['1.0', '1.1'] }, 'n=1000&last=1.1': { tags: ['1.1', '2.0'] } };
    const { host } = await registry(pages(lists, link));
    expect((await client().tags(at(host))).names).toEqual(['1.0', '1.1', '2.0']);
  });
}

test('a registry that says when an image came is believed', async () => {
  const manifest = { [DIGEST]: { timeUploadedMs: '1700000000000' }, 'sha256:b': { timeUploadedMs: '0' } };
  const { host } = await registry(pages({ 'n=1000': { tags: ['1.0'], manifest } }, () => ''));
  expect([...(await client().tags(at(host))).uploaded]).toEqual([[DIGEST, new Date(1_700_000_000_000)]]);
});

test('a repository without tags has none', async () => {
  const { host } = await registry(pages({ 'n=1000': { tags: null } }, () => ''));
  expect((await client().tags(at(host))).names).toEqual([]);
});

test('a list of tags as long as a document may be is read', async () => {
  const tags = Array.from({ length: 300_000 }, (_, index) => `t${index}`);
  const { host } = await registry(pages({ 'n=1000': { tags } }, () => ''));
  expect((await client().tags(at(host))).names).toHaveLength(300_000);
});

// The grammar of a tag: OCI distribution specification, "Pulling manifests".
const noTags: [what: string, body: string][] = [
  ['a page', '<html>'],
  ['a text', '{"tags":"abc"}'],
  ['numbers', '{"tags":[1]}'],
  ['objects', '{"tags":[{}]}'],
  ['nothings', '{"tags":[null]}'],
  ['a colour', '{"tags":["\\u001b[31m"]}'],
  ['a path', '{"tags":["../x"]}'],
  ['dates of nothing', '{"tags":[],"manifest":{"x":null}}'],
];
test.each(noTags)('what is no list of tags is a fault of the registry: %s', async (_, body) => {
  const { host } = await registry((_, response) => {
    response.writeHead(200).end(body);
    return true;
  });
  expect((await faultOf(client().tags(at(host)))).code).toBe('REGISTRY_ERROR');
});
