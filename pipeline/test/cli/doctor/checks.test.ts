// What the doctor makes of a machine: one row of a test, one thing that is wrong with it.
import { expect, test } from 'vitest';
import { CHECKS, type CheckName, canRun, Rows } from '../../../cli/doctor/checks.ts';
import { type Facts, type Folder, OTHERS, type Trial } from '../../../cli/doctor/facts.ts';
import { renderRows, renderVerdict } from '../../../cli/doctor/render.ts';
import { DEBIAN, facts, features, folder, NOW, NPM, place, probe } from './make.ts';

const examine = (all: Facts) => new Rows().add(all);
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const notIsolated = {
  reason: 'unshare: unshare failed: Operation not permitted',
  hint: 'docker run --cap-add SYS_ADMIN IMAGE',
};

test('where all is well, no row is a wall or a warning, and none needs a fix', () => {
  const rows = examine(facts());
  expect(rows.map(({ check }) => check)).toEqual(Object.keys(CHECKS));
  expect(rows.filter(({ status }) => status === 'blocked' || status === 'warning')).toEqual([]);
  expect(rows.filter(({ fix }) => fix !== null)).toEqual([]);
  expect(canRun(rows)).toBe(true);
});

const engine = (kind: 'dagger' | 'embedded', why = 'asked for') => ({ kind, why });
const docker = [engine('dagger', 'Docker answers'), engine('embedded', 'the Dagger engine did not start')];
const tried = (over: Partial<Trial>): Trial => ({
  ...{ tried: ['version', 'image', 'step'], differs: [], diskFree: 0.5, canStep: true, seconds: 4.2, ...over },
});
const free = { users: '165536-231071', groups: '100000-165535' };
const refused = { message: 'this machine lacks crun', hint: 'sudo apt-get install crun' };
const unreachable = { name: 'node', fault: { message: 'registry.example cannot be reached', hint: 'use --mirror' } };
const limited = { name: 'node', fault: { message: 'registry.example answers 429', hint: 'log in with docker login' } };
const proxy = (value: string, name = 'HTTPS_PROXY') => ({ proxies: [{ name, value }] });
const login = (kind: 'password' | 'identity' | 'helper' | 'none' | 'broken') => ({
  credentials: { file: 'config.json', registries: [{ registry: 'ghcr.io', kind }] },
});

const APPARMOR = 'kernel.apparmor_restrict_unprivileged_userns';
const refusal = { message: 'users cannot make namespaces here', hint: 'run it as root' };
const noStep = { ...probe, step: { message: 'mount: overlay: no such device' } };

const disks = (freeBytes: number, over: Partial<Folder> = {}) => ({
  cache: folder('/cache', freeBytes, over),
  results: folder('/out', 50e9),
});

type Case = [name: string, over: Partial<Facts>, check: CheckName, status: string, found: RegExp, fix: RegExp | null];
const cases: Case[] = [
  [
    'no repository',
    { git: { message: '/x is not in a git repository', hint: 'clone it' } },
    'git',
    'blocked',
    /\/x is not/,
    /clone/,
  ],
  ['a working copy of another user', { git: OTHERS }, 'git', 'ok', /^another user’s: a run reads it/, null],
  ['no git', { git: null }, 'git', 'warning', /cannot name the commit/, /install git/],
  [
    'nothing committed',
    { git: { commit: null, committedMs: null, changes: 3, isShallow: false } },
    'git',
    'warning',
    /nothing is committed/,
    /git commit/,
  ],
  [
    'changes',
    { git: { commit: 'f'.repeat(40), committedMs: 0, changes: 2, isShallow: true } },
    'git',
    'ok',
    /^f{12}, 2 changed or new, a shallow clone$/,
    null,
  ],

  [
    'no engine at all',
    { engines: { message: 'nothing here can run containers', hint: 'start Docker' } },
    'engine',
    'blocked',
    /nothing here/,
    /start Docker/,
  ],
  ['Docker first', { engines: docker }, 'engine', 'ok', /^dagger, because Docker answers; else embedded$/, null],

  ['the embedded engine', {}, 'trial', 'unasked', /embedded one is/, null],
  ['Docker that nobody asked for', { engines: docker }, 'trial', 'unasked', /not tried/, /--engine dagger/],
  [
    'an engine that does all as expected',
    { engines: docker, trial: tried({}) },
    'trial',
    'ok',
    /^as expected: version, image, step \(4\.2 s\)$/,
    null,
  ],
  [
    'an engine that did not start',
    { engines: docker, trial: { message: 'the Dagger engine did not start: gone', hint: 'see docker info' } },
    'trial',
    'blocked',
    /did not start/,
    /docker info/,
  ],
  [
    'an engine of another version',
    { engines: docker, trial: tried({ differs: ['version: 0.18.2, not 0.21.8'] }) },
    'trial',
    'warning',
    /^version: 0\.18\.2, not 0\.21\.8; as expected: /,
    /--engine embedded/,
  ],
  [
    'what does not answer as an engine does',
    { engines: docker, trial: tried({ tried: [], differs: ['version: no answer for 20 s'], canStep: false }) },
    'trial',
    'blocked',
    /^version: no answer for 20 s$/,
    /--engine embedded/,
  ],
  [
    'an engine without images',
    { engines: docker, trial: tried({ differs: ['image: no route to host'], canStep: false }) },
    'trial',
    'blocked',
    /^image: no route to host/,
    /--engine embedded/,
  ],
  [
    'an engine on a disk that is nearly full',
    { engines: docker, trial: tried({ diskFree: 0.194 }) },
    'trial',
    'warning',
    /^only 19 % of its disk is free, so it may keep no cache: every run is cold/,
    /free a fifth/,
  ],

  ['programs', {}, 'programs', 'ok', /^crun version 1\.21, its own$/, null],
  [
    'no programs',
    { programs: refused, probe: null },
    'programs',
    'blocked',
    /lacks crun/,
    /^sudo apt-get install crun$/,
  ],
  ['… of which no more is said', { programs: refused, probe: null }, 'kernel', 'unasked', /above/, null],
  ['no programs of a fallback', { engines: docker, programs: refused }, 'programs', 'warning', /lacks crun/, /crun/],
  [
    'programs of an engine that is not used',
    { engines: [engine('dagger')], programs: null, probe: null },
    'programs',
    'unasked',
    /not used/,
    null,
  ],

  ['no hole that is known', {}, 'holes', 'ok', /^crun 1\.21: no hole known as of/, null],
  [
    'a hole of its own programs',
    { probe: { ...probe, holes: [{ found: 'crun 1.4: CVE-2022-27650', reachable: ['CVE-2022-27650'] }] } },
    'holes',
    'warning',
    /CVE-2022-27650/,
    /a newer drydock/,
  ],
  [
    'a hole of the machine’s',
    {
      probe: {
        ...probe,
        programs: "runc version 1.1.5, this machine's",
        holes: [{ found: 'runc 1.1.5: CVE-2024-21626', reachable: ['CVE-2024-21626'] }],
      },
    },
    'holes',
    'warning',
    /CVE-2024-21626/,
    /update them, unless the distribution/,
  ],
  ['holes of programs that do not start', { probe: null }, 'holes', 'unasked', /above/, null],
  [
    'no subordinate ids',
    { isRoot: false, ids: { users: 0, groups: 65_536, hasMapper: true, free } },
    'ids',
    'warning',
    /ada has 0 for users and 65536/,
    /usermod --add-subuids 165536-231071 --add-subgids 100000-165535 ada$/,
  ],
  [
    'none for a number that has no name',
    { isRoot: false, isNamed: false, user: '12345', ids: { users: 0, groups: 0, hasMapper: true, free } },
    'ids',
    'warning',
    /12345 has 0 for users/,
    /^run it as a user who has a name/,
  ],
  [
    'too few of them',
    { isRoot: false, ids: { users: 65_536, groups: 1000, hasMapper: true, free } },
    'ids',
    'warning',
    /1000 for groups/,
    /add-subgids/,
  ],
  [
    'enough of them',
    { isRoot: false, ids: { users: 65_536, groups: 100_000, hasMapper: true, free } },
    'ids',
    'ok',
    /^65536 for users, 100000/,
    null,
  ],
  [
    'enough of them, and nothing that maps them',
    { isRoot: false, ids: { users: 65_536, groups: 65_536, hasMapper: false, free } },
    'ids',
    'warning',
    /newuidmap and newgidmap are missing, .* a step has one user, who owns all files/,
    /uidmap/,
  ],

  [
    'AppArmor',
    { probe: { message: 'AppArmor keeps users from making namespaces here', hint: 'sudo sysctl x=0' } },
    'kernel',
    'blocked',
    /AppArmor/,
    /^sudo sysctl x=0$/,
  ],
  [
    'AppArmor, by its setting',
    { isRoot: false, probe: refusal, features: { ...features, forbiddenBy: [APPARMOR] } },
    'namespaces',
    'blocked',
    /^kernel\.apparmor_restrict_unprivileged_userns forbids them to users$/,
    /^sudo sysctl -w kernel\.apparmor_restrict_unprivileged_userns=0$/,
  ],
  [
    '… of which no more is said',
    { isRoot: false, probe: refusal, features: { ...features, forbiddenBy: [APPARMOR] } },
    'kernel',
    'unasked',
    /above/,
    null,
  ],
  [
    'a container that lets its users make none, with nothing that explains it', // docker exec --user
    { isRoot: false, probe: refusal },
    'namespaces',
    'unasked',
    /not known, since no step ran/,
    null,
  ],
  [
    '… of which the kernel’s row tells',
    { isRoot: false, probe: refusal },
    'kernel',
    'blocked',
    /users cannot make/,
    /root/,
  ],
  ['a step that does not run', { probe: noStep }, 'namespaces', 'unasked', /no step ran/, null],
  [
    'AppArmor that lets this engine pass',
    { isRoot: false, features: { ...features, forbiddenBy: [APPARMOR] } },
    'namespaces',
    'ok',
    /and so has the engine/,
    null,
  ],
  [
    'Debian’s setting',
    { isRoot: false, probe: refusal, features: { ...features, forbiddenBy: ['kernel.unprivileged_userns_clone'] } },
    'namespaces',
    'blocked',
    /unprivileged_userns_clone/,
    /unprivileged_userns_clone=1$/,
  ],
  [
    'no user namespaces for anybody',
    { probe: { ...probe, step: { message: 'crun: no space' } }, features: { ...features, userNamespaces: 0 } },
    'namespaces',
    'blocked',
    /allows no user namespaces/,
    /user\.max_user_namespaces=15000$/,
  ],
  [
    'a container without privileges',
    { probe: { ...probe, notIsolated } },
    'namespaces',
    'warning',
    /not isolated from each other.*: unshare: unshare failed: Operation not permitted$/,
    /^docker run --cap-add SYS_ADMIN /,
  ],
  ['… and its network', { probe: { ...probe, notIsolated } }, 'network', 'warning', /that of this machine/, null],
  [
    'a kernel without overlayfs',
    { probe: noStep, features: { ...features, hasOverlay: false } },
    'kernel',
    'blocked',
    /no such device; the kernel has no overlayfs$/,
    /^sudo modprobe overlay$/,
  ],
  [
    'a kernel without seccomp',
    { probe: noStep, features: { ...features, hasSeccomp: false } },
    'kernel',
    'blocked',
    /no seccomp$/,
    /CONFIG_SECCOMP_FILTER/,
  ],
  ['a step that does not run', { probe: noStep }, 'kernel', 'blocked', /no such device$/, /embedded-engine probe/],
  [
    'no control groups',
    { isRoot: false, probe: { ...probe, unlimited: ['the memory'] } },
    'limits',
    'warning',
    /not enforced: the memory of a step/,
    /as root/,
  ],
  [
    'no /dev/net/tun',
    { probe: { ...probe, network: { message: 'pasta says no tun', hint: 'sudo chmod 0666 /dev/net/tun' } } },
    'network',
    'blocked',
    /no tun/,
    /chmod/,
  ],
  ['no network asked for', { isOffline: true }, 'network', 'unasked', /--offline/, null],

  [
    'offline, and an empty cache',
    { isOffline: true, images: [] },
    'images',
    'blocked',
    /none in the cache/,
    /run once with a network/,
  ],
  [
    'offline, and a full one',
    { isOffline: true, images: [], probe: { ...probe, images: 2 } },
    'images',
    'ok',
    /2 images in the cache/,
    null,
  ],
  ['a rate limit', { images: [limited], packages: [] }, 'images', 'blocked', /node: .* 429/, /docker login/],
  [
    'no registry, and an image in the cache',
    { images: [unreachable], packages: [], probe: { ...probe, images: 1 } },
    'images',
    'warning',
    /cannot be reached; the cache has 1 image$/,
    /--mirror/,
  ],
  [
    'no registry that this machine reaches, and an engine that has the image',
    { images: [unreachable], packages: [], probe: null, engines: docker, trial: tried({}) },
    'images',
    'warning',
    /cannot be reached; the engine has the image that was tried$/,
    /--mirror/,
  ],
  [
    'no registry, but packages',
    { images: [unreachable] },
    'images',
    'warning',
    /substitutes can be assembled/,
    /--mirror/,
  ],
  [
    'no registry, and packages of one kind',
    { images: [unreachable], packages: [place(NPM), place(DEBIAN, false)] },
    'images',
    'blocked',
    /cannot be reached$/,
    /--mirror/,
  ],
  [
    'no registry, and an engine that was not tried',
    { images: [unreachable], packages: [], probe: null },
    'images',
    'warning',
    /once that starts$/,
    /--mirror/,
  ],
  [
    'no registry for an engine that has no substitutes',
    { engines: [engine('dagger')], probe: null, images: [unreachable] },
    'images',
    'blocked',
    /cannot be reached$/,
    /--mirror/,
  ],
  [
    'no packages',
    { packages: [place(NPM, false, null), place(DEBIAN)] },
    'packages',
    'warning',
    /npm\.example\/: no answer/,
    /npm_config_registry/,
  ],
  [
    'packages of an engine with its own network',
    { engines: [engine('dagger')], packages: [] },
    'packages',
    'unasked',
    /own network/,
    null,
  ],

  [
    'a proxy that Node does not use',
    proxy('http://proxy.example:3128'),
    'proxy',
    'warning',
    /^proxy\.example:3128 is used in steps/,
    /NODE_USE_ENV_PROXY=1/,
  ],
  [
    'a proxy that it does',
    { ...proxy('http://ada:secret@proxy.example:3128'), nodeUsesProxy: true },
    'proxy',
    'ok',
    /^proxy\.example:3128$/,
    null,
  ],
  [
    'a proxy on loopback',
    { ...proxy('http://localhost:3128'), nodeUsesProxy: true },
    'proxy',
    'warning',
    /no step can reach/,
    /another address/,
  ],
  [
    'a proxy without a scheme',
    proxy('ada:secret@proxy'),
    'proxy',
    'warning',
    /HTTPS_PROXY is not the address/,
    /http:\/\/host:port/,
  ],
  ['exceptions alone', proxy('localhost', 'NO_PROXY'), 'proxy', 'ok', /none/, null],

  [
    'certificates that are not there',
    { certificates: [{ name: 'SSL_CERT_FILE', path: '/no', count: null }] },
    'certificates',
    'warning',
    /SSL_CERT_FILE=\/no cannot be read/,
    /unset SSL_CERT_FILE/,
  ],
  [
    'a file without any',
    { certificates: [{ name: 'NODE_EXTRA_CA_CERTS', path: '/x', count: 0 }] },
    'certificates',
    'warning',
    /holds no certificate/,
    /NODE_EXTRA_CA_CERTS/,
  ],
  [
    'certificates',
    { certificates: [{ name: 'SSL_CERT_FILE', path: '/x', count: 3 }] },
    'certificates',
    'ok',
    /^3 in \/x$/,
    null,
  ],

  ['a password', login('password'), 'credentials', 'ok', /^ghcr\.io: user and password$/, null],
  ['an identity token', login('identity'), 'credentials', 'ok', /an identity token/, null],
  ['an entry that says nothing', login('none'), 'credentials', 'ok', /asked anonymously/, null],
  [
    'a key that is none',
    { secrets: [{ name: 'COSIGN_PRIVATE_KEY', flaw: 'is not a private key' }] },
    'credentials',
    'warning',
    /^COSIGN_PRIVATE_KEY is not a private key$/,
    /unset COSIGN_PRIVATE_KEY/,
  ],
  [
    'secrets for a delivery',
    { secrets: [{ name: 'GITHUB_TOKEN', flaw: null }] },
    'credentials',
    'ok',
    /^no login: registries are asked anonymously, GITHUB_TOKEN is set$/,
    null,
  ],
  ['a helper', login('helper'), 'credentials', 'warning', /only a Dagger engine asks/, /credsStore/],
  ['a broken entry', login('broken'), 'credentials', 'warning', /entry for ghcr\.io/, /docker login ghcr\.io/],
  [
    'a broken file',
    { credentials: { file: 'config.json', registries: { message: 'is not JSON', hint: 'docker login' } } },
    'credentials',
    'warning',
    /config\.json: is not JSON/,
    /docker login/,
  ],
  [
    'a variable of .npmrc',
    { npmVariables: ['NPM_TOKEN'] },
    'credentials',
    'warning',
    /wants NPM_TOKEN/,
    /export NPM_TOKEN/,
  ],

  ['a disk for a first run', { folders: disks(2.6e9) }, 'disk', 'ok', /^2\.6 GB free at \/cache$/, null],
  [
    'a small disk, and an empty cache',
    { folders: disks(0.3e9, { totalBytes: 0.5e9 }) },
    'disk',
    'blocked',
    /^0\.3 GB free at \/cache; a first run takes 2\.6 GB$/,
    /^export XDG_CACHE_HOME=/,
  ],
  [
    'a disk that is nearly full, and an empty cache, of which nothing can be freed',
    { folders: disks(1e9) },
    'disk',
    'blocked',
    /1\.0 GB free/,
    /^export XDG_CACHE_HOME=/,
  ],
  [
    'a disk that is nearly full, and a cache that is not empty',
    { folders: disks(1e9), probe: { ...probe, images: 2 } },
    'disk',
    'warning',
    /1\.0 GB free at \/cache; a first run takes 2\.6 GB$/,
    /engine gc/,
  ],
  [
    'a small disk, and a cache that is not empty',
    { folders: disks(1e9, { totalBytes: 2e9 }), probe: { ...probe, images: 2 } },
    'disk',
    'warning',
    /1\.0 GB free/,
    /^export XDG_CACHE_HOME=/,
  ],
  [
    'a small disk, and an engine that is elsewhere',
    { folders: disks(1e9), engines: [engine('dagger')], probe: null },
    'disk',
    'warning',
    /1\.0 GB free/,
    /^export XDG_CACHE_HOME=/,
  ],
  [
    'a full disk',
    { folders: disks(0), probe: { ...probe, images: 2 } },
    'disk',
    'blocked',
    /0\.0 GB free at \/cache/,
    /gc/,
  ],
  [
    'a full disk for results',
    { folders: { cache: folder('/cache', 50e9), results: folder('/b', 0) } },
    'disk',
    'blocked',
    /^0\.0 GB free at \/b$/,
    /--output DIR$/,
  ],
  [
    'a folder of somebody else',
    { folders: { cache: folder('/cache', 50e9), results: folder('/b', 50e9, { isWritable: false }) } },
    'disk',
    'blocked',
    /\/b may not be written/,
    /XDG_CACHE_HOME/,
  ],

  ['a clock that is ahead', { nowMs: NOW + 3 * DAY }, 'clock', 'warning', /^3 days ahead/, /set-ntp/],
  ['a clock that is behind', { nowMs: NOW - 7 * MINUTE }, 'clock', 'warning', /^7 min behind/, /set-ntp/],
  ['a clock that is a little off', { nowMs: NOW - MINUTE }, 'clock', 'ok', /right/, null],
  ['a clock with nobody to ask', { packages: [] }, 'clock', 'ok', /no server was there/, null],
  [
    'a clock before the last commit',
    { packages: [], nowMs: NOW - 5 * 60 * MINUTE },
    'clock',
    'warning',
    /5 h from now/,
    /set-ntp/,
  ],
];
for (const [name, over, check, status, found, fix] of cases) {
  test(`${check}: ${name}`, () => {
    const rows = examine(facts(over));
    const row = rows.find((one) => one.check === check);
    expect(row).toMatchObject({ status, found: expect.stringMatching(found) });
    if (fix === null) expect(row?.fix).toBeNull();
    else expect(row?.fix).toMatch(fix);
    if (status === 'blocked') expect(canRun(rows)).toBe(false);
  });
}

test('no row shows a secret', () => {
  const over = { ...proxy('http://ada:secret@proxy.example:3128'), ...login('password') };
  for (const more of [over, { ...over, ...proxy('secret@') }])
    expect(JSON.stringify(examine(facts(more)))).not.toContain('secret');
});

test('what is well takes a line, what is not says what it means and how to fix it', () => {
  const rows = examine(
    facts({ git: null, programs: { message: 'this machine lacks crun', hint: 'sudo apt-get install crun' } }),
  );
  const text = renderRows(rows, { hasColour: false }, false);
  expect(text).toContain('ok    disk          50.0 GB free at /cache\n');
  expect(text).toContain(
    `FAIL  programs      this machine lacks crun\n${' '.repeat(20)}an OCI runtime starts every step, others mount and connect it\n${' '.repeat(20)}fix: sudo apt-get install crun\n`,
  );
  expect(renderVerdict(rows)).toBe('\nthe pipeline cannot run here: programs; worth a look: git\n');
  expect(renderVerdict(examine(facts()))).toBe('\nthe pipeline can run here\n');
  for (const { means } of Object.values(CHECKS)) expect(renderRows(rows, { hasColour: false }, true)).toContain(means);
});

test('an answer with line breaks makes no row', () => {
  const [row] = examine(facts());
  if (row === undefined) throw new Error('there is a row');
  const text = renderRows(
    [{ ...row, status: 'warning', found: 'DENIED: no\nok    gate     all fine', fix: 'x\npassed in 1.0 s' }],
    { hasColour: false },
    true,
  );
  expect(text).not.toMatch(/^(?:ok|passed)/m);
});

test('a row is there as soon as its facts are, and never before one that stands above it', () => {
  const { git, nodeVersion, ...others } = facts();
  const rows = new Rows();
  expect(rows.add({ git })).toEqual([]);
  expect(rows.add({ nodeVersion }).map(({ check }) => check)).toEqual(['node', 'git']);
  expect(rows.isComplete).toBe(false);
  for (const [name, fact] of Object.entries(others).reverse()) rows.add({ [name]: fact });
  expect(rows.isComplete).toBe(true);
  expect(rows.all).toEqual(examine(facts()));
});
