// The platform's images as services of a session: where no registry answers, the substitutes. Commands, files and health checks are
// those of docker-compose.yml, as Docker Compose reads it.
import { join } from 'node:path';
import type { Container } from '@dagger.io/dagger';
import { beforeAll, expect, test } from 'vitest';
import { type PinName, pinned } from '../../../src/pins.ts';
import { sdkSession, sh } from '../sdk-session.ts';
import { ROOT } from '../support.ts';
import { compose } from './compose.ts';

const t = sdkSession();
const { dag } = t;
const image = (name: PinName) => dag.container().from(pinned(name));
const folder = (path: string) => dag.host().directory(join(ROOT, path));

let services: Record<string, { command: string[]; healthcheck: { test: string[] } }>;
beforeAll(async () => {
  const docker = await compose();
  services = JSON.parse((await docker(['config', '--format', 'json'], { APP_IMAGE: 'service:1' })).stdout).services;
});

/** What a script of another container prints, in the end: it is run again every half second until it succeeds. */
async function eventually(container: Container, script: string): Promise<string> {
  const again = `for i in $(seq 120); do (${script}) 2>/tmp/said && exit; sleep 0.5; done; cat /tmp/said; exit 1`;
  // What is asked of services is not what it was the last time.
  return await container.withEnvVariable('ASKED', crypto.randomUUID()).withExec(sh(again)).stdout();
}
const get = (address: string) => eventually(t.base(), `wget -qO- http://${address}`);

/** The health check of docker-compose.yml, from another container of the same image. */
async function isHealthy(name: 'nginx' | 'prometheus' | 'alertmanager'): Promise<void> {
  const [kind, ...command] = services[name]?.healthcheck.test ?? [];
  expect(kind).toBe('CMD');
  const args = command.map((word) => word.replace('127.0.0.1', name));
  await eventually(image(name), args.map((word) => `'${word}'`).join(' '));
}

const programs: [name: PinName, args: string[], said: RegExp][] = [
  ['nginx', ['sh', '-c', 'id -u; nginx -v 2>&1; pwd'], /^101\nnginx version: nginx\/1\.\d+\.\d+\n\/\n$/],
  [
    'prometheus',
    ['sh', '-c', 'id -u; /bin/prometheus --version; pwd'],
    /^65534\nprometheus, version [23]\.(.|\n)*\n\/prometheus\n$/,
  ],
  ['prometheus', ['/bin/promtool', '--version'], /^promtool, version [23]\./],
  [
    'alertmanager',
    ['sh', '-c', 'id -u; /bin/alertmanager --version; pwd'],
    /^65534\nalertmanager, version 0\.(.|\n)*\n\/alertmanager\n$/,
  ],
  ['alertmanager', ['/bin/amtool', '--version'], /^amtool, version 0\./],
];
test.for(programs)('%s: %j', async ([name, args, said]) => {
  expect(await image(name).withExec(args).stdout()).toMatch(said);
});

test('nginx as it comes serves a page', async () => {
  const plain = await image('nginx').asService({ useEntrypoint: true }).withHostname('plain').start();
  expect(await get('plain:8080')).toContain('nginx');
  await plain.stop();
});

test('nginx renders the template, and finds the service again at another address', async () => {
  const app = (text: string) =>
    t
      .base()
      .withNewFile('/www/index.html', text)
      .withExposedPort(8000)
      .asService({ args: ['httpd', '-f', '-p', '8000', '-h', '/www'] })
      .withHostname('app');
  const where = () =>
    eventually(t.base(), "nslookup app | awk '/^Name/ { found = 1 } found && /^Address/ { print $NF }'");
  const start = [
    "resolved() { awk -v key=$1 '$1 == key { print $2; exit }' /etc/resolv.conf; }",
    'export NGINX_RESOLVER=$(resolved nameserver) NGINX_UPSTREAM=app.$(resolved search)',
    'exec /docker-entrypoint.sh nginx -g "daemon off;"',
  ].join('\n');
  const nginx = await image('nginx')
    .withEnvVariable('NGINX_ENVSUBST_FILTER', '^NGINX_(RESOLVER|UPSTREAM|TRUSTED_PROXIES|STREAM_PATHS)$')
    .withEnvVariable('NGINX_TRUSTED_PROXIES', 'unix:')
    .withEnvVariable('NGINX_STREAM_PATHS', '(?!)')
    .withDirectory('/etc/nginx/templates', folder('nginx/templates'))
    .asService({ args: sh(start) })
    .withHostname('nginx')
    .start();
  await isHealthy('nginx');

  const first = await app('first').start();
  expect(await get('nginx:8080/index.html')).toBe('first');
  const before = await where();
  await first.stop();
  const another = await t
    .base()
    .asService({ args: ['sleep', '600'] })
    .withHostname('another')
    .start();
  const second = await app('second').start();
  expect(await eventually(t.base(), 'wget -qO- http://nginx:8080/index.html | grep second')).toBe('second\n');
  expect(await where()).not.toBe(before);
  await Promise.all([nginx, another, second].map((service) => service.stop()));
});

test('Prometheus and Alertmanager run with the shipped files, and alerts arrive', async () => {
  const alertmanager = await image('alertmanager')
    .withFile('/etc/alertmanager/config.yml', folder('monitoring/alertmanager').file('config.yml'))
    .asService({ useEntrypoint: true, args: services.alertmanager?.command ?? [] })
    .withHostname('alertmanager')
    .start();
  const prometheus = await image('prometheus')
    .withDirectory('/etc/prometheus', folder('monitoring/prometheus'))
    // An alert that was sent before Alertmanager was found is sent again at once.
    .asService({
      useEntrypoint: true,
      args: [...(services.prometheus?.command ?? []), '--rules.alert.resend-delay=1s'],
    })
    .withHostname('prometheus')
    .start();
  await Promise.all([isHealthy('alertmanager'), isHealthy('prometheus')]);
  const up = 'prometheus:9090/api/v1/query?query=up%7Bjob%3D%22alertmanager%22%7D';
  expect(await eventually(t.base(), `wget -qO- '${up}' | grep '"1"'`)).toContain('"job":"alertmanager"');
  const alerts = 'http://alertmanager:9093/api/v2/alerts';
  expect(await eventually(t.base(), `wget -qO- ${alerts} | grep Watchdog`)).toContain('"name":"dead-mans-switch"');
  await Promise.all([alertmanager, prometheus].map((service) => service.stop()));
});
