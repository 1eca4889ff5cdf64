// The recipes of what runs beside the service: nginx, Prometheus, Alertmanager, and a registry. Users, paths, ports and entry points are those of
// the images they stand in for; programs are Debian's, which are older.
import { parseLock } from './lock-file.ts';
import alertmanagerLock from './locks/alertmanager-debian13.json' with { type: 'json' };
import nginxLock from './locks/nginx-debian13.json' with { type: 'json' };
import prometheusLock from './locks/prometheus-debian13.json' with { type: 'json' };
import registryLock from './locks/registry-debian13.json' with { type: 'json' };
import { DEFAULT_CONF, ENTRYPOINT, NGINX_CONF } from './nginx-files.ts';
import { PATH, type Recipe } from './recipe.ts';
import * as steps from './steps.ts';

const NGINX = { uid: 101, gid: 101 };
const NOBODY = { uid: 65534, gid: 65534 };

/** The shell and the tools that scripts and health checks in these images find; all are one program. */
const APPLETS =
  '[ awk basename cat chmod chown cp cut date dirname echo env expr false find grep head hostname id kill ln ls mkdir mktemp mv ' +
  'nslookup printf ps pwd readlink rm rmdir sed seq sh sleep sort stat tail tee test timeout touch tr true uniq vi wc wget which xargs';

/** Debian without its essential packages: a C library, certificates, time zones, and busybox for the rest. */
export const small = (account: { name: string; uid: number; gid: number; home: string }): steps.Step[] => [
  steps.unpackDebian({ keep: steps.slim, status: 'file' }),
  ...APPLETS.split(' ').map((name) => steps.link(`usr/bin/${name}`, 'busybox')),
  steps.certificateBundle,
  steps.link('etc/localtime', '/usr/share/zoneinfo/Etc/UTC'),
  steps.write(
    'etc/passwd',
    `root:x:0:0:root:/root:/bin/sh\n${account.name}:x:${account.uid}:${account.gid}::${account.home}:/sbin/nologin\n`,
  ),
  steps.write('etc/group', `root:x:0:\n${account.name}:x:${account.gid}:\n`),
  steps.write('etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n'),
];

/** What the image has, in the words of the older version. */
const REGISTRY_CONFIG = `version: 0.1
log: { fields: { service: registry } }
storage: { cache: { blobdescriptor: inmemory }, filesystem: { rootdirectory: /var/lib/registry } }
http: { addr: ':5000', headers: { X-Content-Type-Options: [nosniff] } }
health: { storagedriver: { enabled: true, interval: 10s, threshold: 3 } }
`;

export const PLATFORM_RECIPES: readonly Recipe[] = [
  {
    reference: 'nginxinc/nginx-unprivileged:1.30.5-alpine',
    digest: 'sha256:4714e0b1b2577eaa1a6131d07c958b67f0eb68e6d0521e90c6e5287db8cf0bc5',
    lock: parseLock(nginxLock),
    layers: [
      {
        title: 'nginx on Debian 13',
        steps: [
          ...small({ name: 'nginx', ...NGINX, home: '/var/cache/nginx' }),
          steps.remove('etc/nginx/sites-available', 'etc/nginx/sites-enabled', 'etc/init.d', 'etc/logrotate.d'),
          steps.write('etc/nginx/nginx.conf', NGINX_CONF),
          steps.folder('etc/nginx/conf.d', { uid: NGINX.uid }),
          steps.write('etc/nginx/conf.d/default.conf', DEFAULT_CONF, { uid: NGINX.uid }),
          steps.write('docker-entrypoint.sh', ENTRYPOINT, { mode: 0o755 }),
          steps.folder('var/cache/nginx', NGINX),
          // Where nginx opens its error log before it has read a configuration.
          steps.folder('var/log/nginx'),
          steps.link('var/log/nginx/access.log', '/dev/stdout'),
          steps.link('var/log/nginx/error.log', '/dev/stderr'),
        ],
      },
    ],
    config: {
      User: String(NGINX.uid),
      ExposedPorts: { '8080/tcp': {} },
      Env: [PATH],
      Entrypoint: ['/docker-entrypoint.sh'],
      Cmd: ['nginx', '-g', 'daemon off;'],
      StopSignal: 'SIGQUIT',
    },
  },
  {
    reference: 'prom/prometheus:v3.15.0',
    digest: 'sha256:efd719c99d83b060d9daefdcf00360461adf279f45ef5391f8d111892118753e',
    lock: parseLock(prometheusLock),
    layers: [
      {
        title: 'Prometheus on Debian 13',
        steps: [
          ...small({ name: 'nobody', ...NOBODY, home: '/home' }),
          steps.remove('etc/init.d', 'etc/default', 'usr/lib/systemd'),
          steps.folder('prometheus', NOBODY),
        ],
      },
    ],
    config: {
      User: 'nobody',
      ExposedPorts: { '9090/tcp': {} },
      Env: [PATH],
      Entrypoint: ['/bin/prometheus'],
      Cmd: ['--config.file=/etc/prometheus/prometheus.yml', '--storage.tsdb.path=/prometheus'],
      Volumes: { '/prometheus': {} },
      WorkingDir: '/prometheus',
    },
  },
  {
    reference: 'prom/alertmanager:v0.34.1',
    digest: 'sha256:e9733bafb1bdef9b00e25a21f8f99dc26a22224bf16641ad754d1649f4c3357a',
    lock: parseLock(alertmanagerLock),
    layers: [
      {
        title: 'Alertmanager on Debian 13',
        steps: [
          ...small({ name: 'nobody', ...NOBODY, home: '/home' }),
          steps.remove('etc/init.d', 'etc/default', 'usr/lib/systemd'),
          steps.link('usr/bin/alertmanager', 'prometheus-alertmanager'),
          steps.link('etc/alertmanager/alertmanager.yml', '/etc/prometheus/alertmanager.yml'),
          steps.folder('alertmanager', NOBODY),
        ],
      },
    ],
    config: {
      User: 'nobody',
      ExposedPorts: { '9093/tcp': {} },
      Env: [PATH],
      Entrypoint: ['/bin/alertmanager'],
      Cmd: ['--config.file=/etc/alertmanager/alertmanager.yml', '--storage.path=/alertmanager'],
      Volumes: { '/alertmanager': {} },
      WorkingDir: '/alertmanager',
    },
  },
  {
    reference: 'registry:3.1',
    digest: 'sha256:85347ed2ecde64161c7a4788a4d7d3dcc9d6f86f7be95834022e3c6a423a945a',
    lock: parseLock(registryLock),
    layers: [
      {
        title: 'Distribution on Debian 13',
        steps: [
          ...small({ name: 'nobody', ...NOBODY, home: '/home' }),
          steps.remove('etc/init.d', 'usr/lib/systemd', 'etc/docker'),
          steps.link('usr/bin/registry', 'docker-registry'),
          steps.write('etc/distribution/config.yml', REGISTRY_CONFIG),
          steps.folder('var/lib/registry'),
        ],
      },
    ],
    config: {
      ExposedPorts: { '5000/tcp': {} },
      Env: [PATH],
      Entrypoint: ['/bin/registry'],
      Cmd: ['serve', '/etc/distribution/config.yml'],
      Volumes: { '/var/lib/registry': {} },
    },
  },
];
