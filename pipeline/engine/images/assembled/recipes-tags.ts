// Recipes of public images that programs name by a tag: where no registry answers, a substitute is better than nothing, and says what it is.
import type { RunConfig } from '../../../src/oci/types.ts';
import { parseLock } from './lock-file.ts';
import busyboxLock from './locks/busybox-debian13.json' with { type: 'json' };
import debian12Lock from './locks/debian-12.json' with { type: 'json' };
import debian13Lock from './locks/debian-13.json' with { type: 'json' };
import nginxLock from './locks/nginx-rooted-debian13.json' with { type: 'json' };
import node22Lock from './locks/node-22.json' with { type: 'json' };
import node24Lock from './locks/node-24.json' with { type: 'json' };
import postgresLock from './locks/postgres-debian13.json' with { type: 'json' };
import python311Lock from './locks/python-3.11.json' with { type: 'json' };
import python313Lock from './locks/python-3.13.json' with { type: 'json' };
import redisLock from './locks/redis-debian13.json' with { type: 'json' };
import { ENTRYPOINT, NGINX_CONF } from './nginx-files.ts';
import { type LayerRecipe, PATH, type TagRecipe } from './recipe.ts';
import { essentialSetup, npmSetup, utc } from './recipes.ts';
import { small } from './recipes-platform.ts';
import * as steps from './steps.ts';
import {
  APT_SETTINGS,
  DPKG_SETTINGS,
  debianSources,
  NGINX_SERVER,
  NO_APK,
  POSTGRES_ENTRYPOINT,
  REDIS_ENTRYPOINT,
} from './tag-files.ts';

type Suite = 'bookworm' | 'trixie';

const NUMBERS = { bookworm: '12', trixie: '13' } as const;

/** Debian's essential packages and what was named beside them, set up as their maintainer scripts would. */
const rooted = (suite: Suite, more: steps.Account[], ...own: steps.Step[]): LayerRecipe => ({
  title: `Debian ${NUMBERS[suite]}`,
  steps: [
    steps.unpackDebian({ keep: steps.slim, status: 'file' }),
    ...essentialSetup,
    ...utc,
    steps.certificateBundle,
    ...own,
    steps.accounts(more),
  ],
});

/** With apt, which gets further packages in a step that has a network. */
const debian = (suite: Suite, more: steps.Account[] = []): LayerRecipe =>
  rooted(
    suite,
    more,
    steps.write('etc/apt/sources.list.d/debian.sources', debianSources(suite)),
    steps.write('etc/apt/apt.conf.d/01image', APT_SETTINGS),
    steps.write('etc/dpkg/dpkg.cfg.d/01image', DPKG_SETTINGS),
    ...['var/lib/apt/lists/partial', 'var/cache/apt/archives/partial'].map((path) => steps.folder(path)),
  );

const both = (name: string, versions: readonly string[]) => versions.flatMap((tag) => `${name}:${tag}`);

/** With the endings by which Docker's official images tell their bases apart. */
const withEnds = (name: string, versions: readonly string[], ends: readonly string[]) =>
  both(
    name,
    versions.flatMap((version) => ['', ...ends.map((end) => `-${end}`)].map((end) => `${version}${end}`)),
  );

const ALPINE = ['alpine', ...['3.20', '3.21', '3.22'].map((version) => `alpine${version}`)];

function node(major: string, lock: unknown, version: string): TagRecipe {
  const bases = ['slim', 'bookworm', 'bookworm-slim', 'trixie', 'trixie-slim', ...ALPINE];
  return {
    reference: `node:${major}`,
    tags: withEnds('node', major === '24' ? [major, 'lts'] : [major], bases).concat(
      major === '24' ? ['node', 'node:latest', 'node:slim', 'node:alpine'] : [],
    ),
    lock: parseLock(lock),
    layers: [
      debian('bookworm', [{ name: 'node', uid: 1000, home: '/home/node', shell: '/bin/bash' }]),
      {
        title: `Node ${major}`,
        steps: [
          steps.unpackNpm('node-linux-{cpu}', { 'bin/node': 'usr/local/bin/node', LICENSE: 'usr/local/LICENSE' }),
          steps.link('usr/local/bin/nodejs', '/usr/local/bin/node'),
        ],
      },
      {
        title: 'npm, corepack and Yarn',
        steps: [
          ...npmSetup,
          steps.unpackNpm('corepack', { './': 'usr/local/lib/node_modules/corepack/' }),
          steps.link('usr/local/bin/corepack', '../lib/node_modules/corepack/dist/corepack.js'),
          steps.unpackNpm('yarn', { './': 'opt/yarn/' }),
          ...['yarn', 'yarnpkg'].map((name) => steps.link(`usr/local/bin/${name}`, `/opt/yarn/bin/${name}`)),
        ],
      },
    ],
    config: { Env: [PATH, `NODE_VERSION=${version}`, 'YARN_VERSION=1.22.22'], Cmd: ['node'] },
  };
}

function python(version: string, suite: Suite, lock: unknown): TagRecipe {
  const [major = ''] = version.split('.');
  const isLatest = suite === 'trixie';
  return {
    reference: `python:${version}`,
    tags: withEnds('python', isLatest ? [version, major] : [version], [
      'slim',
      suite,
      `slim-${suite}`,
      ...ALPINE,
    ]).concat(isLatest ? ['python', 'python:latest', 'python:slim', 'python:alpine'] : []),
    lock: parseLock(lock),
    layers: [
      {
        ...debian(suite),
        title: `Python ${version} on Debian ${NUMBERS[suite]}`,
        steps: [
          ...debian(suite).steps,
          // Debian keeps pip from a Python that is its own: this one is the program's.
          steps.remove(`usr/lib/python${version}/EXTERNALLY-MANAGED`),
          ...['python', 'python3', `python${version}`].map((name) =>
            steps.link(`usr/local/bin/${name}`, `/usr/bin/python${version}`),
          ),
          ...['pip', 'pip3'].map((name) => steps.link(`usr/local/bin/${name}`, '/usr/bin/pip3')),
        ],
      },
    ],
    config: {
      Env: [PATH, 'LANG=C.UTF-8', `PYTHON_VERSION=${version}`, 'PIP_ROOT_USER_ACTION=ignore'],
      Cmd: ['python3'],
    },
  };
}

function plainDebian(suite: Suite, lock: unknown, more: readonly string[]): TagRecipe {
  const number = NUMBERS[suite];
  return {
    reference: `debian:${number}`,
    tags: [...more, ...withEnds('debian', [number, suite], ['slim'])],
    lock: parseLock(lock),
    layers: [debian(suite)],
    config: { Env: [PATH], Cmd: ['bash'] },
  };
}

const smallLayer = (title: string, account: Parameters<typeof small>[0], ...more: steps.Step[]): LayerRecipe => ({
  title,
  steps: [...small(account), steps.folder('tmp', { mode: 0o1777 }), steps.folder('root', { mode: 0o700 }), ...more],
});

/** What scripts expect of busybox and Alpine beside the few that images of services have. */
const MORE_APPLETS =
  'ar arch ascii ash base64 bunzip2 bzcat bzip2 cal chgrp chroot cmp cpio crc32 crontab dc dd df diff dos2unix du ed egrep ' +
  'expand expr factor fgrep fold free getopt groups gunzip gzip hexdump hostid httpd ifconfig install ionice ip ipcalc killall ' +
  'less logger lzcat md5sum mkfifo mknod more mount nc netstat nl nproc od paste patch pidof ping realpath renice reset rev ' +
  'setsid sha1sum sha256sum sha3sum sha512sum shred shuf stat strings stty sync tac tar taskset telnet time top traceroute tty ' +
  'umount uname uncompress unexpand unix2dos unlink unlzma unxz unzip uptime usleep uudecode uuencode watch whoami xxd xz xzcat ' +
  'yes zcat';

const NOBODY = { name: 'nobody', uid: 65534, gid: 65534, home: '/home' };
const NGINX = { name: 'nginx', uid: 101, gid: 101, home: '/nonexistent' };
const REDIS = { name: 'redis', uid: 999, gid: 1000, home: '/data' };
const PGDATA = '/var/lib/postgresql/data';
const PG_BIN = '/usr/lib/postgresql/17/bin';

const NGINX_CONFIG: RunConfig = {
  ExposedPorts: { '80/tcp': {} },
  Env: [PATH],
  Entrypoint: ['/docker-entrypoint.sh'],
  Cmd: ['nginx', '-g', 'daemon off;'],
  StopSignal: 'SIGQUIT',
};

export const TAG_RECIPES: readonly TagRecipe[] = [
  node('22', node22Lock, '22.23.3'),
  node('24', node24Lock, '24.21.0'),
  plainDebian('bookworm', debian12Lock, both('debian', ['oldstable', 'oldstable-slim'])),
  plainDebian('trixie', debian13Lock, ['debian', ...both('debian', ['latest', 'stable', 'stable-slim'])]),
  python('3.11', 'bookworm', python311Lock),
  python('3.13', 'trixie', python313Lock),
  {
    reference: 'busybox',
    tags: [
      ...['busybox', ...both('busybox', ['latest', 'stable', '1', '1.36', '1.37', 'glibc', 'musl', 'uclibc'])],
      ...['alpine', ...both('alpine', ['latest', 'edge', '3', '3.18', '3.19', '3.20', '3.21', '3.22', '3.23'])],
    ],
    lock: parseLock(busyboxLock),
    layers: [
      smallLayer(
        'busybox on Debian 13',
        NOBODY,
        ...MORE_APPLETS.split(' ').map((name) => steps.link(`usr/bin/${name}`, 'busybox')),
        steps.write('usr/sbin/apk', NO_APK, { mode: 0o755 }),
      ),
    ],
    config: { Env: [PATH], Cmd: ['sh'] },
  },
  {
    reference: 'nginx',
    tags: [
      'nginx',
      ...withEnds('nginx', ['1', 'stable', 'mainline', '1.28', '1.29'], ['alpine', 'alpine-slim', 'trixie']),
      ...both('nginx', ['latest', 'alpine', 'alpine-slim', 'trixie']),
    ],
    lock: parseLock(nginxLock),
    layers: [
      smallLayer(
        'nginx on Debian 13',
        NGINX,
        steps.remove('etc/nginx/sites-available', 'etc/nginx/sites-enabled', 'etc/init.d', 'etc/logrotate.d'),
        steps.write('etc/nginx/nginx.conf', `user root;\n${NGINX_CONF}`),
        steps.write('etc/nginx/conf.d/default.conf', NGINX_SERVER),
        steps.write('docker-entrypoint.sh', ENTRYPOINT, { mode: 0o755 }),
        ...['var/cache/nginx', 'var/log/nginx'].map((path) => steps.folder(path)),
        steps.link('var/log/nginx/access.log', '/dev/stdout'),
        steps.link('var/log/nginx/error.log', '/dev/stderr'),
      ),
    ],
    config: NGINX_CONFIG,
  },
  {
    reference: 'redis',
    tags: [
      'redis',
      ...withEnds('redis', ['8', '8.0', '7'], ['alpine', 'trixie', 'bookworm']),
      ...both('redis', ['latest', 'alpine']),
    ],
    lock: parseLock(redisLock),
    layers: [
      smallLayer(
        'Redis on Debian 13',
        REDIS,
        steps.remove('etc/init.d', 'etc/redis', 'usr/lib/systemd'),
        steps.folder('data', { uid: REDIS.uid, gid: REDIS.gid }),
        steps.write('usr/local/bin/docker-entrypoint.sh', REDIS_ENTRYPOINT, { mode: 0o755 }),
      ),
    ],
    config: {
      ExposedPorts: { '6379/tcp': {} },
      Env: [PATH],
      Entrypoint: ['docker-entrypoint.sh'],
      Cmd: ['redis-server'],
      Volumes: { '/data': {} },
      WorkingDir: '/data',
    },
  },
  {
    reference: 'postgres:17',
    tags: [
      'postgres',
      ...withEnds('postgres', ['17', '16'], ['alpine', 'trixie', 'bookworm']),
      ...both('postgres', ['latest', 'alpine']),
    ],
    lock: parseLock(postgresLock),
    layers: [
      {
        ...rooted(
          'trixie',
          [{ name: 'postgres', uid: 999, home: '/var/lib/postgresql', shell: '/bin/bash' }],
          steps.remove('usr/sbin/update-ca-certificates'),
          steps.folder('docker-entrypoint-initdb.d'),
          steps.folder('run/postgresql', { uid: 999, gid: 999, mode: 0o2775 }),
          steps.write('usr/local/bin/docker-entrypoint.sh', POSTGRES_ENTRYPOINT, { mode: 0o755 }),
        ),
        title: 'PostgreSQL 17 on Debian 13',
      },
    ],
    config: {
      ExposedPorts: { '5432/tcp': {} },
      Env: [`${PATH}:${PG_BIN}`, 'LANG=C.UTF-8', 'PG_MAJOR=17', `PGDATA=${PGDATA}`],
      Entrypoint: ['docker-entrypoint.sh'],
      Cmd: ['postgres'],
      StopSignal: 'SIGINT',
      Volumes: { [PGDATA]: {} },
    },
  },
];
