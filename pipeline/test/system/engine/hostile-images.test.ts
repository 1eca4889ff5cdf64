// Images that mean harm: layers that reach out of their root or unpack without end, and registries that lie.
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { digestOf } from '../../../src/oci/digest.ts';
import type { TarInput } from '../../../src/oci/tar.ts';
import { tarOf } from '../../oci/helpers.ts';
import { STORE } from '../one-id.ts';
import { sdkSession } from '../sdk-session.ts';
import {
  type CraftedImage,
  craftImage,
  file,
  folder,
  hardLink,
  symlink,
  writeImage,
  writeLayer,
} from './crafted-images.ts';
import { errorOf } from './rows.ts';

const BUDGET = 100e6;
const t = sdkSession({ DRYDOCK_STORE_BUDGET: String(BUDGET) });
const { dag, host } = t;

// ------------------------------------------------------------------------------------------------------ layers

const imported = (archive: string) => dag.container().import_(dag.host().file(archive));
const UP = '../../../../../../../../../..';

/** `out` is a folder of the host with a file `kept` in it; `seen` is where a container would see what was written. */
type Layer = [name: string, entries: (out: string) => TarInput[], answer: { seen: string } | { refused: string }];
const layers: Layer[] = [
  ['a path that climbs', (out) => [file(`${UP}${out}/evil`, 'x')], { refused: 'climbs' }],
  ['a path that climbs in its middle', (out) => [folder('d'), file(`d/${UP}${out}/evil`, 'x')], { refused: 'climbs' }],
  ['an absolute path', (out) => [file(`${out}/evil`, 'inside')], { seen: 'evil' }],
  ['a folder that is an absolute link', (out) => [symlink('d', out), file('d/evil', 'inside')], { seen: 'evil' }],
  ['a folder that is a climbing link', (out) => [symlink('d', UP + out), file('d/evil', 'inside')], { seen: 'evil' }],
  ['a link over a link', (out) => [symlink('a', out), symlink('b', '/a'), file('b/evil', 'inside')], { seen: 'evil' }],
  ['a file that was a link', (out) => [symlink('l', `${out}/kept`), file('l', 'inside')], { seen: '/l' }],
  [
    'a folder that became a link, and is given its mode last',
    (out) => [folder('d', 0o777), symlink('d', out), file('/f', 'inside')],
    { seen: '/f' },
  ],
  ['a hard link to an absolute path', (out) => [hardLink('h', `${out}/kept`)], { refused: 'not a file in it' }],
  ['a hard link that climbs', (out) => [hardLink('h', `${UP}${out}/kept`)], { refused: 'not a file in it' }],
  [
    'a hard link to a link that leads out',
    (out) => [symlink('l', `${out}/kept`), hardLink('h', 'l')],
    { refused: 'not a file in it' },
  ],
  [
    'a hard link through a folder that leads out',
    (out) => [symlink('d', out), hardLink('h', 'd/kept')],
    { refused: 'not a file in it' },
  ],
  ['a mark of deletion that climbs', (out) => [file(`${UP}${out}/.wh.kept`, '')], { refused: 'climbs' }],
  [
    'a mark of deletion behind a link',
    (out) => [symlink('d', out), file('d/.wh.kept', ''), file('f', 'inside')],
    { seen: '/f' },
  ],
];
for (const [name, entries, answer] of layers) {
  test(`a layer with ${name} leaves the host as it was`, async () => {
    const [out, place] = [await host({ kept: 'kept' }), await host({})];
    const mode = lstatSync(out).mode;
    const image = imported(await writeLayer(place, entries(out)));
    if ('seen' in answer)
      expect(await image.file(answer.seen.startsWith('/') ? answer.seen : join(out, answer.seen)).contents()).toBe(
        'inside',
      );
    else expect(await errorOf(image.rootfs().entries())).toMatch(answer.refused);
    expect(readdirSync(out)).toEqual(['kept']);
    expect(readFileSync(join(out, 'kept'), 'utf8')).toBe('kept');
    expect([lstatSync(out).mode, lstatSync(join(out, 'kept')).nlink]).toEqual([mode, 1]);
  });
}

// A runtime makes files where these lead (the kind of runc's CVE-2025-31133 and CVE-2025-52565, of a whole folder).
for (const name of ['dev', 'proc', 'sys'])
  for (const [what, entries] of [
    ['a link to a folder of the host', (out: string) => [symlink(name, out)]],
    ['a link that climbs there', (out: string) => [symlink(name, UP + out)]],
    ['a file', () => [file(name, '')]],
  ] as const)
    test(`no step starts where /${name} is ${what}`, async () => {
      const out = await host({ kept: 'kept', ptmx: 'kept', null: '' });
      const image = imported(await writeLayer(await host({}), entries(out)));
      const said = `could not start the command: /${name} of the image is no folder, which every step has there`;
      expect(await errorOf(image.withExec(['/command']).stdout())).toContain(said);
      expect(await errorOf(image.withExec(['/command'], { noInit: true }).stdout())).toContain(said);
      expect(readdirSync(out).sort()).toEqual(['kept', 'null', 'ptmx']);
      expect(readFileSync(join(out, 'ptmx'), 'utf8')).toBe('kept');
    });

test('devices and pipes of a layer are not made', async () => {
  const device = (path: string, type: 'character' | 'block', devMajor: number, devMinor: number): TarInput => ({
    path,
    type,
    mode: 0o666,
    devMajor,
    devMinor,
  });
  const entries = [
    device('mem', 'character', 1, 1),
    device('disk', 'block', 254, 0),
    { path: 'pipe', type: 'fifo', mode: 0o666 } as const,
    file('f', 'x'),
  ];
  expect(
    await imported(await writeLayer(await host({}), entries))
      .rootfs()
      .entries(),
  ).toEqual(['f']);
});

test('a layer that unpacks to more than the store may hold is refused, and none of it stays', async () => {
  const bomb = craftImage(await tarOf([file('zeros', Buffer.alloc(2 * BUDGET))]));
  expect(bomb.layer.size).toBeLessThan(1e6);
  const archive = await writeImage(await host({}), bomb);
  expect(await errorOf(imported(archive).rootfs().entries())).toMatch(
    /unpacks to more than the store may hold \(100 MB\); .*DRYDOCK_STORE_BUDGET/,
  );
  const unpacked = readdirSync(join(t.tmp, 'cache/drydock', STORE, 'tmp'), { recursive: true, encoding: 'utf8' });
  expect(unpacked.filter((path) => path.includes('unpack'))).toEqual([]);
});

test('a layer that unpacks to something else than its image says is refused', async () => {
  const image = craftImage(await tarOf([file('f', 'x')]), digestOf(Buffer.from('another')));
  expect(
    await errorOf(
      imported(await writeImage(await host({}), image))
        .rootfs()
        .entries(),
    ),
  ).toMatch(/unpacks to sha256:\w+, its image says sha256/);
});

// -------------------------------------------------------------------------------------------------- registries

/** A registry with one image that tells `lie` when it is asked for that blob or manifest. */
async function registry(image: CraftedImage, lie: { digest: string; bytes: Buffer } | undefined) {
  const serve = (digest: string, response: ServerResponse) => {
    const bytes = digest === lie?.digest ? lie.bytes : image.blobs.get(digest);
    if (bytes === undefined) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-type': image.manifest.mediaType, 'content-length': bytes.length }).end(bytes);
  };
  const server = createServer(({ url = '' }, response) => serve(url.split('/').at(-1) ?? '', response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { address, close: () => server.closeAllConnections() ?? server.close() };
}

type Lie = [name: string, about: 'manifest' | 'layer', tell: (bytes: Buffer) => Buffer, said: RegExp];
const another = (bytes: Buffer) => Buffer.alloc(bytes.length, 'x');
const lies: Lie[] = [
  ['another manifest', 'manifest', another, /sha256/],
  ['another layer of the same size', 'layer', another, /sha256/],
  ['a layer that is longer', 'layer', (bytes) => Buffer.concat([bytes, Buffer.alloc(1)]), /bytes/],
  ['a layer that is shorter', 'layer', (bytes) => bytes.subarray(1), /bytes/],
];
for (const [name, about, tell, said] of lies) {
  test(`a registry that serves ${name} is not believed, and an honest one is afterwards`, async () => {
    const image = craftImage(await tarOf([file('f', `of ${name}`)]));
    const { digest } = image[about];
    const liar = await registry(image, { digest, bytes: tell(image.blobs.get(digest) ?? Buffer.alloc(0)) });
    const from = ({ address }: { address: string }) => dag.container().from(`${address}/r@${image.manifest.digest}`);
    const error = await errorOf(from(liar).rootfs().entries());
    liar.close();
    expect(error).toMatch(/^GraphQLRequestError: cannot have 127\.0\.0\.1/);
    expect(error).toMatch(said);
    const honest = await registry(image, undefined);
    expect(await from(honest).file('/f').contents()).toBe(`of ${name}`);
    honest.close();
  });
}
