// The small languages that assembling reads: ar, deb822, versions, apt's sources, .npmrc, and the locks themselves.
import { expect, test } from 'vitest';
import { aptMirrors, mirrorsFromVariable } from '../../../engine/images/assembled/apt-sources.ts';
import { decompress, readAr } from '../../../engine/images/assembled/deb.ts';
import {
  compareVersions,
  formatStanza,
  installedStanza,
  parseDependencies,
  parseStanzas,
} from '../../../engine/images/assembled/deb822.ts';
import { hasRecipe, recipeOf } from '../../../engine/images/assembled/index.ts';
import { resolveDebian } from '../../../engine/images/assembled/lock.ts';
import { parseLock } from '../../../engine/images/assembled/lock-file.ts';
import { npmAuthorization, npmRegistryOf, parseNpmrc } from '../../../engine/images/assembled/npmrc.ts';
import { RECIPES } from '../../../engine/images/assembled/recipes.ts';
import { TAG_RECIPES } from '../../../engine/images/assembled/recipes-tags.ts';
import { toSource } from '../../../engine/images/assembled/registries.ts';
import { mergedPath, slim } from '../../../engine/images/assembled/steps.ts';
import { WANTS } from '../../../engine/images/assembled/wants.ts';
import { readZip } from '../../../engine/images/assembled/zip.ts';
import { parseReference } from '../../../src/oci/registry.ts';
import { PINS, type PinName } from '../../../src/pins.ts';
import { ar, debianPin, lockOf, zip } from './packages.ts';

test('ar: members of odd and even size', () => {
  const archive = ar([
    ['one/', Buffer.from('abc')],
    ['two', Buffer.from('defg')],
  ]);
  expect([...readAr(archive, 'x.deb')].map(([name, bytes]) => [name, bytes.toString()])).toEqual([
    ['one', 'abc'],
    ['two', 'defg'],
  ]);
});

const brokenArs: [name: string, bytes: Buffer, fault: string][] = [
  ['another format', Buffer.from('PK\x03\x04'), 'is not an ar archive'],
  ['cut in a member', ar([['one', Buffer.alloc(100)]]).subarray(0, 90), 'is cut off'],
  ['cut in a header', ar([['one', Buffer.alloc(2)]]).subarray(0, 30), 'has a broken ar header at byte 8'],
];
for (const [name, bytes, fault] of brokenArs) {
  test(`ar: ${name}`, () => expect(() => readAr(bytes, 'x.deb')).toThrow(`x.deb ${fault}`));
}

const wheel = (comment = '') =>
  zip(
    [
      ['deflated', 0o755, Buffer.from('same '.repeat(100))],
      ['stored', 0o644, Buffer.from('as it is')],
    ],
    comment,
  );

test('zip: deflated and stored files, with a comment at the end', () => {
  expect([...readZip(wheel('a comment'), 'x.whl')].map(({ path, content }) => [path, content().toString()])).toEqual([
    ['deflated', 'same '.repeat(100)],
    ['stored', 'as it is'],
  ]);
});

const brokenZips: [name: string, bytes: Buffer, fault: string][] = [
  ['another format', Buffer.alloc(100), 'x.whl is not a zip archive'],
  ['cut at the end', wheel().subarray(0, -1), 'is cut off'],
  ['cut at the start', wheel().subarray(10), 'x.whl'],
  ['a changed byte of a stored file', withByte(wheel(), wheel().indexOf('as it is'), 0x41), 'its checksum'],
  ['a changed byte of a deflated file', withByte(wheel(), 40, 0xff), 'deflated of x.whl'],
  ['a directory that lies about a place', withByte(wheel(), wheel().indexOf('PK\x01\x02') + 42, 1), 'is not where'],
  ['an encrypted file', withByte(wheel(), wheel().indexOf('PK\x01\x02') + 8, 1), 'is encrypted'],
];
for (const [name, bytes, fault] of brokenZips) {
  test(`zip: ${name}`, () => expect(() => [...readZip(bytes, 'x.whl')].map(({ content }) => content())).toThrow(fault));
}

function withByte(bytes: Buffer, at: number, value: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at] = value;
  return changed;
}

test('a compression that is not known is refused by name', async () => {
  await expect(async () => {
    for await (const _ of decompress(Buffer.from('x'), 'lzma', 'data.tar.lzma of x'));
  }).rejects.toThrow('data.tar.lzma of x is compressed with lzma');
});

for (const ending of ['xz', 'gz']) {
  test(`broken ${ending} is a fault of the package`, async () => {
    await expect(async () => {
      for await (const _ of decompress(Buffer.from('not compressed at all'), ending, 'data.tar of x'));
    }).rejects.toThrow('data.tar of x cannot be decompressed');
  });
}

test('deb822: folded lines, comments and several stanzas survive', () => {
  const text = 'Package: a\nDescription: short\n long\n .\n more\n\n\n# comment\nPackage: b\nConffiles:\n /etc/b 1\n';
  const stanzas = parseStanzas(text);
  expect(stanzas.map((stanza) => stanza.get('Package'))).toEqual(['a', 'b']);
  expect(stanzas.map(formatStanza).join('\n')).toBe(text.replace('\n\n\n# comment\n', '\n\n'));
});

test('deb822: an installed stanza says so right after its name', () => {
  const [stanza = new Map()] = parseStanzas('Package: a\nVersion: 1\n');
  expect(formatStanza(installedStanza(stanza))).toBe('Package: a\nStatus: install ok installed\nVersion: 1\n');
});

test('dependencies: versions, architectures and alternatives', () => {
  expect(parseDependencies('libc6 (>= 2.36), a:any | b [amd64],\n c')).toEqual([['libc6'], ['a', 'b'], ['c']]);
  expect(parseDependencies('')).toEqual([]);
});

const versions: [older: string, newer: string][] = [
  ['1.0', '1.1'],
  ['1.9', '1.10'],
  ['1.0~rc1', '1.0'],
  ['1.0-1', '1.0-1+deb12u1'],
  ['1.0-1~bpo', '1.0-1'],
  ['9.9', '1:0.1'],
  ['1.0', '1.0+dfsg'],
  ['1.0a', '1.0+'],
  ['2.36-9+deb12u9', '2.36-9+deb12u14'],
];
for (const [older, newer] of versions) {
  test(`versions: ${older} < ${newer}`, () => {
    expect(Math.sign(compareVersions(older, newer))).toBe(-1);
    expect(Math.sign(compareVersions(newer, older))).toBe(1);
    expect(compareVersions(newer, newer)).toBe(0);
  });
}

const deb822Source = (more = '') =>
  `Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n${more}`;
const aptCases: [name: string, file: string, text: string, debian: string[], security: string[]][] = [
  [
    'deb822, security beside it',
    'debian.sources',
    deb822Source(
      '\nTypes: deb\nURIs: http://sec.example/debian-security\nSuites: bookworm-security\nComponents: main\n',
    ),
    ['http://mirror.example/debian'],
    ['http://sec.example/debian-security', 'http://mirror.example/debian-security'],
  ],
  ['a disabled stanza', 'debian.sources', deb822Source('Enabled: no\n'), [], []],
  [
    'one-line style with options and a comment',
    'sources.list',
    '# deb http://old.example/debian bookworm main\ndeb [arch=amd64 signed-by=/k.gpg] https://m.example/debian/ trixie main contrib # ours\ndeb-src https://m.example/debian trixie main',
    ['https://m.example/debian/'],
    ['https://m.example/debian-security/'],
  ],
  [
    'a mirror known by its key only',
    'x.list',
    'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] https://m.example/repository/apt stable main',
    ['https://m.example/repository/apt'],
    [],
  ],
  ['another vendor with a suite like ours', 'x.list', 'deb https://apt.vendor.example bookworm main', [], []],
  ['Ubuntu', 'sources.list', 'deb http://archive.example/ubuntu noble main', [], []],
  ['a disc', 'sources.list', 'deb cdrom:[Debian]/ bookworm main', [], []],
];
for (const [name, file, text, debian, security] of aptCases) {
  test(`apt sources: ${name}`, () =>
    expect(aptMirrors([{ name: file, text }])).toEqual({ debian, 'debian-security': security }));
}

const variables: [value: string, debian: string[], security: string[]][] = [
  ['http://m.example/debian', ['http://m.example/debian'], ['http://m.example/debian-security']],
  [
    'http://s.example/archive/debian/20261121T000000Z/',
    ['http://s.example/archive/debian/20261121T000000Z/'],
    ['http://s.example/archive/debian-security/20261121T000000Z/'],
  ],
  ['http://a.example/d, http://b.example/x-security', ['http://a.example/d'], ['http://b.example/x-security']],
  ['not an address', [], []],
];
for (const [value, debian, security] of variables) {
  test(`DRYDOCK_DEBIAN_MIRROR: ${value}`, () =>
    expect(mirrorsFromVariable(value)).toEqual({ debian, 'debian-security': security }));
}

test('npmrc: registries by scope, variables, quotes and comments', () => {
  const config = parseNpmrc(
    `; registry=http://no.example\nregistry = "https://r.example/npm/"\n@s:registry=https://s.example\n//r.example/npm/:_authToken=\${TOKEN}\n//r.example/:_auth=YTpi\n`,
    { TOKEN: 'secret' },
  );
  expect(npmRegistryOf(config, 'plain')).toBe('https://r.example/npm/');
  expect(npmRegistryOf(config, '@s/x')).toBe('https://s.example');
  expect(npmRegistryOf(new Map(), 'plain')).toBeUndefined();
  expect(npmAuthorization(config, 'https://r.example/npm')).toBe('Bearer secret');
  expect(npmAuthorization(config, 'https://r.example/other/')).toBe('Basic YTpi');
  expect(npmAuthorization(config, 'https://elsewhere.example/')).toBeUndefined();
});

test('a login in an address becomes a header', () => {
  expect(toSource('https://me:p%40ss@m.example/debian')).toEqual({
    url: 'https://m.example/debian/',
    headers: { authorization: `Basic ${Buffer.from('me:p@ss').toString('base64')}` },
  });
});

const paths: [path: string, isDirectory: boolean, merged: string][] = [
  ['bin/sh', false, 'usr/bin/sh'],
  ['lib64', true, 'usr/lib64'],
  ['lib64', false, 'lib64'],
  ['library/x', false, 'library/x'],
  ['usr/bin/x', false, 'usr/bin/x'],
];
for (const [path, isDirectory, merged] of paths) {
  test(`merged /usr: ${path}${isDirectory ? '/' : ''}`, () => expect(mergedPath(path, isDirectory)).toBe(merged));
}

const kept: [path: string, isKept: boolean][] = [
  ['usr/share/doc', true],
  ['usr/share/doc/bash', true],
  ['usr/share/doc/bash/copyright', true],
  ['usr/share/doc/bash/README', false],
  ['usr/share/doc/bash/x/copyright', false],
  ['usr/share/man/man1/bash.1.gz', false],
  ['usr/share/locale/de/LC_MESSAGES/x.mo', false],
  ['usr/share/zoneinfo/Etc/UTC', true],
];
for (const [path, isKept] of kept) test(`slim: ${path}`, () => expect(slim(path)).toBe(isKept));

test('lock: every fault of every pin is named', () => {
  const bad = lockOf([{ ...debianPin('a', Buffer.from('a')), sha256: 'short', path: '../up.deb' }]);
  expect(() => parseLock(bad)).toThrow('linux/amd64 debian a has no sound path, sha256');
  expect(() => parseLock({ recipe: 'x' })).toThrow('it has no platforms');
});

test('lock: dependencies are followed, an alternative that is there anyway is preferred', () => {
  const packages = new Map(
    (
      [
        ['essential', 'Essential: yes\nDepends: virtual | real'],
        ['real', 'Pre-Depends: lib (>= 1)'],
        ['lib', 'Depends: first | wanted, unwanted'],
        ['first', ''],
        ['wanted', ''],
        ['unwanted', ''],
      ] as const
    ).map(([name, fields]) => {
      const [stanza = new Map()] = parseStanzas(`Package: ${name}\n${fields}`);
      return [name, { pin: debianPin(name, Buffer.from(name)), stanza }];
    }),
  );
  const wants = {
    suite: 'bookworm',
    essential: true,
    packages: ['wanted'],
    dependencies: true,
    without: { unwanted: 'a reason' },
  } as const;
  expect(resolveDebian(wants, { packages }).map(({ name }) => name)).toEqual(['essential', 'lib', 'real', 'wanted']);
});

for (const { reference, digest, lock } of RECIPES) {
  test(`${reference} is pinned as its recipe says, and locked for both architectures`, () => {
    const pins = Object.values(PINS).map(
      (pin) => `${pin.image.replace(/^docker\.io\/(library\/)?/, '')}@${pin.digest}`,
    );
    expect(pins).toContain(`${reference}@${digest}`);
    expect(Object.keys(lock.platforms)).toEqual(['linux/amd64', 'linux/arm64']);
    expect(Object.keys(WANTS)).toContain(lock.recipe);
  });
}

for (const { reference, tags, lock } of TAG_RECIPES) {
  test(`${reference}, named by a tag: its names can be read, and it is locked for both architectures`, () => {
    for (const tag of tags) expect(parseReference(tag)).toMatchObject({ registry: 'docker.io' });
    expect(Object.keys(lock.platforms)).toEqual(['linux/amd64', 'linux/arm64']);
    expect(Object.keys(lock.images ?? {})).toEqual(['linux/amd64', 'linux/arm64']);
    expect(Object.keys(WANTS)).toContain(lock.recipe);
  });
}

test('no tag is of two images', () => {
  const tags = TAG_RECIPES.flatMap(({ tags }) => tags);
  expect(tags.filter((tag, index) => tags.indexOf(tag) !== index)).toEqual([]);
});

const named: [text: string, reference: string | undefined][] = [
  ['node:24', 'node:24'],
  ['docker.io/library/node:24-slim', 'node:24'],
  ['node', 'node:24'],
  ['python:3.11-slim-bookworm', 'python:3.11'],
  ['alpine', 'busybox'],
  ['debian:bookworm', 'debian:12'],
  [
    'node:24.21.0-bookworm-slim@sha256:0e0ff40c39bc087845bfb27465a0df4ea419520094bc35842ff83dd8cbe6f9b6',
    'node:24.21.0-bookworm-slim',
  ],
  [`node:24@sha256:${'0'.repeat(64)}`, undefined],
  ['ghcr.io/library/node:24', undefined],
  ['node:18', undefined],
];
test.for(named)('%s', async ([text, reference]) =>
  expect((await recipeOf(parseReference(text)))?.reference).toBe(reference),
);

const substitutes: [name: PinName, isThere: boolean][] = [
  ['node', true],
  ['nginx', true],
  ['prometheus', true],
  ['alertmanager', true],
  ['grafana', false],
];
for (const [name, isThere] of substitutes) {
  test(`recipe: ${name}`, () => expect(hasRecipe(PINS[name].digest)).toBe(isThere));
}
