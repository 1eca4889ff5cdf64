// Hosts that send or take hardly anything, over real http on loopback: they are given up by name, and slow ones that go on are not.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { paced } from '../../engine/api/git-pace.ts';
import { gitRunner, type Variables } from '../../engine/api/git-runner.ts';
import { download } from '../../engine/api/http.ts';
import { fetchAll, wantedOf } from '../../engine/images/assembled/cache.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { fetchPaced, type Pace } from '../../src/oci/pace.ts';
import { pushBlob } from '../../src/oci/push-blob.ts';
import { RegistryClient } from '../../src/oci/registry.ts';
import { lockOf, npmPin } from '../engine/assembled/packages.ts';
import { hasGit } from '../git.ts';
import { scratch, smallImage } from './helpers.ts';
import { faultOf, type Handler, startRegistry } from './registry-server.ts';

const folder = await scratch();
const image = await smallImage();
const registry = (first: Handler) =>
  startRegistry({ repository: 'team/small', tags: { '1.0': image.top.digest }, blobs: image.blobs }, first);
const SHORT: Pace = { windowMs: 200 };
const client = (pace = SHORT) => new RegistryClient({ wait: async () => undefined, pace });
const at = (host: string) => ({ registry: host, repository: 'team/small', tag: '1.0' });

/** A byte every now and then, for ever. */
async function drip(response: ServerResponse): Promise<void> {
  for (; !response.destroyed; await wait(20)) response.write('x');
}

describe('a registry that drips', () => {
  const rows: [what: string, isIts: (url: string) => boolean, ask: (host: string) => Promise<unknown>][] = [
    ['a manifest', (url) => url.includes('/manifests/'), (host) => client().manifest(at(host))],
    [
      'a blob',
      (url) => url.includes('/blobs/'),
      (host) => client().blobToFile(at(host), image.layer, join(folder, 'dripped')),
    ],
    ['a list of tags', (url) => url.includes('/tags/'), (host) => client().tags(at(host))],
  ];
  test.each(rows)('%s is asked again, and then given up in one sentence', async (_, isIts, ask) => {
    const { host, seen } = await registry((request, response) => {
      if (!isIts(request.url ?? '')) return false;
      void drip(response);
      return true;
    });
    const fault = await faultOf(ask(host));
    expect(fault).toMatchObject({ code: 'UNREACHABLE', hint: expect.stringContaining('--mirror') });
    expect(fault.message).toMatch(new RegExp(`: ${host} sent \\d+ bytes? in 0.2 s$`));
    expect(seen).toHaveLength(4);
  });

  test('a file of the web', async () => {
    const { host } = await registry((_request, response) => {
      void drip(response);
      return true;
    });
    const wanted = {
      address: new URL(`http://${host}/tool`),
      shown: 'the tool',
      path: join(folder, 'tool'),
      pace: SHORT,
    };
    const session = { signal: new AbortController().signal, store: { budget: 1 << 20, root: folder } };
    const fault = await download(session, wanted).then(String, (error: Error) => error.message);
    expect(fault).toMatch(new RegExp(`^cannot fetch the tool: ${host} sent \\d+ bytes? in 0.2 s$`));
  });

  test('a token', async () => {
    const { host } = await registry((request, response) => {
      if (request.url?.startsWith('/token')) void drip(response);
      else response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${host}/token"` }).end();
      return true;
    });
    expect((await faultOf(client().manifest(at(host)))).message).toMatch(`${host} sent `);
  });

  test('the beginning of an answer', async () => {
    const { host } = await registry((request) => {
      void (async () => {
        for (const letter of `HTTP/1.1 200 OK\r\nx: ${'x'.repeat(1000)}`) {
          request.socket.write(letter);
          await wait(20);
        }
      })();
      return true;
    });
    expect((await faultOf(client().manifest(at(host)))).message).toMatch(`: ${host} sent no answer in 0.2 s`);
  });
});

test('a package that drips is asked for again, and then given up in one sentence', async () => {
  const { host, seen } = await registry((_, response) => {
    void drip(response);
    return true;
  });
  const source = async () => [{ url: `http://${host}/` }];
  const registries = { debian: source, npm: source, pypi: source, snapshots: () => [] };
  const { platforms } = lockOf([], [npmPin('left-pad', Buffer.from('bytes'))]);
  const wanted = wantedOf(platforms['linux/amd64'] ?? { debian: [], npm: [], pypi: [] });
  const options = { cache: join(folder, 'packages'), offline: false, registries, log: () => {}, pace: SHORT };
  await expect(fetchAll(wanted, options)).rejects.toMatchObject({
    code: 'PACKAGE_UNREACHABLE',
    message: expect.stringMatching(
      new RegExp(`^npm left-pad 1.0.0 could not be fetched from ${host}: it sent \\d+ bytes? in 0.2 s; `),
    ),
  });
  expect(seen).toHaveLength(3);
});

test('what takes many windows, and keeps the rate, arrives', async () => {
  const bytes = image.blobs.get(image.layer.digest) ?? Buffer.alloc(0);
  const { host } = await registry((request, response) => {
    if (!request.url?.includes('/blobs/')) return false;
    void (async () => {
      for (let from = 0; from < bytes.length; from += Math.ceil(bytes.length / 20)) {
        response.write(bytes.subarray(from, from + Math.ceil(bytes.length / 20)));
        await wait(50);
      }
      response.end();
    })();
    return true;
  });
  const path = join(folder, 'slow');
  await client({ windowMs: 200, bytesPerSecond: 1 }).blobToFile(at(host), image.layer, path);
  expect(digestOf(await readFile(path))).toBe(image.layer.digest);
});

describe('an upload', () => {
  const bytes = Buffer.alloc(24 * 1024 * 1024, 'upload');
  const expected = { digest: digestOf(bytes), size: bytes.length };
  type Taken = { size: number; length: string | undefined };

  /** Takes uploads in a way that a test chooses. */
  const uploads = async (take: (request: IncomingMessage) => Promise<number>) => {
    const taken: Taken[] = [];
    const { host } = await registry((request, response) => {
      const { method, headers } = request;
      const location = '/v2/team/small/blobs/uploads/1';
      if (method === 'HEAD') response.writeHead(taken[0] ? 200 : 404, { 'content-length': taken[0]?.size ?? 0 }).end();
      else if (method !== 'PATCH') response.writeHead(method === 'PUT' ? 201 : 202, { location }).end();
      else
        void take(request).then(
          (size) => {
            taken.push({ size, length: headers['content-length'] });
            response.writeHead(202, { location }).end();
          },
          () => {},
        ); // whoever gave up is told so
      return true;
    });
    return { host, taken };
  };

  test('that is taken slowly goes through, whole and with its length', async () => {
    const { host, taken } = await uploads(async (request) => {
      let size = 0;
      for await (const chunk of request) {
        size += (chunk as Buffer).length;
        if (size < bytes.length / 2) await wait(10); // kernels hold the rest between them
      }
      return size;
    });
    // The first half alone takes longer than a host has for an answer.
    await pushBlob(client({ windowMs: 1000 }), at(host), expected, new Blob([bytes]));
    expect(taken).toEqual([{ size: bytes.length, length: String(bytes.length) }]);
  });

  test('that is not taken is given up', async () => {
    const { host } = await uploads(() => new Promise(() => {}));
    // Where kernels take all of it, it has to leave them at a rate, too.
    const fault = await faultOf(
      pushBlob(client({ ...SHORT, bytesPerSecond: 1_000_000 }), at(host), expected, new Blob([bytes])),
    );
    expect(fault.code).toBe('UNREACHABLE');
    expect(fault.message).toMatch(new RegExp(`^${host} (took \\d+ bytes? in 1 s|sent no answer in [\\d.]+ s)$`));
  });
});

describe.runIf(hasGit)('a repository by the protocol of git', () => {
  type Asked = (url: string, variables: Variables) => Promise<string>;
  const lsRemote: Asked = (url, variables) => gitRunner(folder, variables, async () => '/dev/null')(['ls-remote', url]);

  /** What is said of a host whose connections are answered so. */
  const said = async (answer: (socket: Socket) => void, ask = lsRemote) => {
    const server = createServer((socket) => answer(socket.on('error', () => {})));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const url = `git://${address}/r`;
    const text = await paced(url, {}, (variables) => ask(url, variables), SHORT).catch(({ message }) => message);
    server.close();
    return { text, address };
  };

  test('whose host drips is given up; it was asked by its own name', async () => {
    let asked = '';
    const { text, address } = await said(async (socket) => {
      socket.on('data', (chunk) => {
        asked += chunk;
      });
      for (socket.write('0fff'); !socket.destroyed; await wait(20)) socket.write('x');
    });
    expect(text).toMatch(new RegExp(`^git: ${address} sent \\d+ bytes? in 0.2 s$`));
    expect(asked).toContain(`git-upload-pack /r\0host=${address}\0`);
  });

  test('whose host says nothing', async () => {
    const { text, address } = await said((socket) => void socket.resume());
    expect(text).toBe(`git: ${address} sent 0 bytes in 0.2 s`);
  });

  test('where nobody listens', async () => {
    const url = 'git://127.0.0.1:1/r';
    await expect(paced(url, {}, (variables) => lsRemote(url, variables))).rejects.toThrow(
      'git: unable to connect to 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1',
    );
  });

  /** A client of its own: git would be faster. */
  const talking =
    (work: (socket: Socket, heard: () => Promise<unknown>) => Promise<string>): Asked =>
    async (_, { GIT_CONFIG_KEY_0 = '' }) => {
      const { port } = new URL(GIT_CONFIG_KEY_0.slice('url.'.length));
      const socket = connect(Number(port), '127.0.0.1');
      const pieces = socket[Symbol.asyncIterator]();
      try {
        return await work(socket, async () => (await pieces.next()).value);
      } finally {
        socket.destroy();
      }
    };

  test('how long git thinks about what it was told does not count', async () => {
    const { text } = await said(
      async (socket) => {
        for await (const _ of socket) {
          // In pieces that end within a length, and within a packet.
          for (const piece of ['00', '08x', 'xxx0', '000']) {
            socket.write(piece);
            await wait(10);
          }
        }
      },
      talking(async (socket, heard) => {
        let all = '';
        for (let round = 1; round <= 3; round++) {
          socket.write('0009want\n');
          while (all.length < round * 12) all += await heard();
          await wait(400);
        }
        return all;
      }),
    );
    expect(text).toBe('0008xxxx0000'.repeat(3));
  });

  test('whose host says that it is done, and goes on', async () => {
    const { text, address } = await said(
      async (socket) => {
        for (socket.write('0000'); !socket.destroyed; await wait(20)) socket.write('0');
      },
      talking(async (socket, heard) => {
        for (socket.write('x'); (await heard()) !== undefined; );
        throw new Error('it hung up');
      }),
    );
    expect(text).toMatch(new RegExp(`^git: ${address} sent \\d+ bytes? in 0.2 s$`));
  });
});

test('an interrupt ends a request that waits', async () => {
  const { host } = await registry(() => true);
  const signal = AbortSignal.timeout(50);
  await expect(fetchPaced(`http://${host}/`, { signal })).rejects.toMatchObject({ name: 'TimeoutError' });
});
