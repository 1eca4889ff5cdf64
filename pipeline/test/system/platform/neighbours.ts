// Real neighbours for the platform's tests, each at loopback addresses of its own: the service as its build makes it, nginx with
// the shipped template, a name server, Prometheus and Alertmanager with the shipped rules. All end with the test file.
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync, cpSync, openSync, readFileSync } from 'node:fs';
import { chmod, cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, vi } from 'vitest';
import { $ } from 'zx';
import { parseLock } from '../../../engine/images/assembled/lock-file.ts';
import alertmanagerLock from '../../../engine/images/assembled/locks/alertmanager-debian13.json' with { type: 'json' };
import nginxLock from '../../../engine/images/assembled/locks/nginx-debian13.json' with { type: 'json' };
import prometheusLock from '../../../engine/images/assembled/locks/prometheus-debian13.json' with { type: 'json' };
import { NGINX_CONF } from '../../../engine/images/assembled/nginx-files.ts';
import { answerFrom } from '../../../engine/run/dns.ts';
import { debianProgram, filesOf } from '../packages.ts';
import { ROOT, temporaryFolder } from '../support.ts';
import { withSharedFiles } from '../tools.ts';

// As Debian has them, which the substitute images hold as well.
export const PROMETHEUS = parseLock(prometheusLock);
export const ALERTMANAGER = parseLock(alertmanagerLock);
const nginx = () => debianProgram(parseLock(nginxLock), 'nginx');

/** A loopback address that nobody else has: the ports are those of the shipped files. */
export const address = () => `127.${randomInt(1, 255)}.${randomInt(256)}.${randomInt(1, 255)}`;

/** Replaces what must be there. */
function change(text: string, ...changes: readonly (readonly [from: string, to: string])[]): string {
  return changes.reduce((before, [from, to]) => {
    if (!before.includes(from)) throw new Error(`there is no ${JSON.stringify(from)} to change`);
    return before.replaceAll(from, to);
  }, text);
}

// ── programs ──────────────────────────────────────────────────────────────────────────────────────────────

export interface Program {
  /** What it has said so far. */
  readonly output: () => string;
  readonly stop: () => Promise<void>;
  /** Its exit code, once it has ended. */
  readonly ended: Promise<number | null>;
}

/** Tried until it holds: programs are ready when they are. */
export const eventually = <T>(holds: () => T | Promise<T>) => vi.waitFor(holds, { timeout: 60_000, interval: 50 });

const endings = new Set<() => unknown>();
/** To be done when the test file is over. */
export const atEnd = (ending: () => unknown) => endings.add(ending);
afterAll(async () => {
  await Promise.all([...endings].map((end) => end()));
});

type ProgramOptions = { cwd: string; env?: Readonly<Record<string, string>> };

async function start(command: string, args: readonly string[], { cwd, env = {} }: ProgramOptions): Promise<Program> {
  const log = join(cwd, `${randomInt(2 ** 32)}.log`);
  // A file, since a program may open its standard output by name, which a socket does not allow.
  const output = openSync(log, 'a');
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', output, output] });
  closeSync(output);
  await once(child, 'spawn');
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  const program: Program = {
    output: () => readFileSync(log, 'utf8'),
    async stop() {
      child.kill();
      await ended;
    },
    ended,
  };
  // Asked, not killed: nginx would leave its workers behind.
  atEnd(() => program.stop());
  return program;
}

// ── the service ───────────────────────────────────────────────────────────────────────────────────────────

let built: Promise<string> | undefined;

/** A copy of the service, compiled by its own build. */
function builtService(): Promise<string> {
  built ??= (async () => {
    const folder = await temporaryFolder('service');
    const source = join(ROOT, 'service');
    // Another test file may want the same at the same time.
    await $({ cwd: ROOT, quiet: true })`flock service/package.json npm run --silent prepare:service`;
    for (const name of ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'src'])
      await cp(join(source, name), join(folder, name), { recursive: true });
    await symlink(join(source, 'node_modules'), join(folder, 'node_modules'));
    await $({ cwd: folder, quiet: true })`npm run --silent build`;
    return folder;
  })();
  return built;
}

export async function startService(host: string, env: Readonly<Record<string, string>> = {}): Promise<Program> {
  const cwd = await builtService();
  return await start(process.execPath, ['dist/server.js'], { cwd, env: { PORT: '8000', HOST: host, ...env } });
}

// ── names ─────────────────────────────────────────────────────────────────────────────────────────────────

const DOMAIN = 'platform.internal';

/** Knows where the service is; by its full name only, as name servers of sessions do. */
export async function nameServer(): Promise<{ at: string; name: string; move: (to: string) => void }> {
  const host = address();
  const socket = createSocket('udp4');
  let app: string | undefined;
  const zone = {
    domain: DOMAIN,
    addressOf: (name: string) => (name === 'app' ? app : undefined),
    nameOf: () => undefined,
  };
  socket.on('message', (query, from) => {
    const answer = answerFrom(zone, query);
    if (answer !== undefined) socket.send(answer, from.port, from.address);
  });
  socket.bind(53_053, host);
  await once(socket, 'listening');
  atEnd(() => socket.close());
  return {
    at: `${host}:53053`,
    name: `app.${DOMAIN}`,
    move: (to) => {
      app = to;
    },
  };
}

// ── nginx ─────────────────────────────────────────────────────────────────────────────────────────────────

export interface Nginx extends Program {
  readonly host: string;
  readonly healthHost: string;
}

export type NginxOptions = {
  resolver: string;
  upstream: string;
  /** Networks of proxies, and paths of streams; none. */
  trusted?: string;
  streams?: string;
  /** What this nginx has else than the shipped one. */
  changes?: readonly (readonly [from: string, to: string])[];
};

/** nginx with the shipped template, from when it begins to start. */
export async function startNginx(options: NginxOptions): Promise<Nginx> {
  const { folder, host, healthHost, args } = await configureNginx(options);
  const program = await start(await nginx(), [...args, '-g', 'daemon off;'], { cwd: folder });
  return { ...program, host, healthHost };
}

/** Whether nginx takes the rendered template, and what it says of it. */
export async function checkNginx(options: NginxOptions): Promise<{ exitCode: number | null; said: string }> {
  const { folder, args } = await configureNginx(options);
  const { ended, output } = await start(await nginx(), [...args, '-t'], { cwd: folder });
  return { exitCode: await ended, said: output() };
}

/** The shipped template, rendered into the main configuration that the image has, with its paths moved into a folder. */
async function configureNginx({ resolver, upstream, trusted = 'unix:', streams = '(?!)', changes = [] }: NginxOptions) {
  const folder = await temporaryFolder('nginx');
  // Workers are another user.
  await chmod(folder, 0o755);
  await mkdir(join(folder, 'conf.d'));
  const [host, healthHost] = [address(), address()];
  const template = readFileSync(join(ROOT, 'nginx/templates/default.conf.template'), 'utf8');
  const main = change(
    NGINX_CONF,
    ['/tmp/', `${folder}/`],
    ['/var/log/nginx/', `${folder}/`],
    ['/etc/nginx/conf.d', `${folder}/conf.d`],
    ['/etc/nginx/mime.types', join(filesOf(await nginx()), 'etc/nginx/mime.types')],
  );
  const rendered = change(
    template,
    ['${NGINX_RESOLVER}', resolver],
    ['${NGINX_UPSTREAM}', upstream],
    ['${NGINX_TRUSTED_PROXIES}', trusted],
    ['${NGINX_STREAM_PATHS}', streams],
    ['listen      8080', `listen      ${host}:8080`],
    ['listen     8081', `listen     ${healthHost}:8081`],
    ...changes,
  );
  await writeFile(join(folder, 'nginx.conf'), main);
  await writeFile(join(folder, 'conf.d/default.conf'), rendered);
  return { folder, host, healthHost, args: ['-c', join(folder, 'nginx.conf'), '-p', folder, '-e', 'stderr'] };
}

// ── what watches ──────────────────────────────────────────────────────────────────────────────────────────

/** The shipped files, with these addresses, and with seconds where they have minutes to wait. */
export async function startPrometheus(targets: { app: string; alertmanager: string }): Promise<{ url: string }> {
  const folder = await temporaryFolder('prometheus');
  const host = address();
  cpSync(join(ROOT, 'monitoring/prometheus'), folder, { recursive: true });
  await edit(folder, 'prometheus.yml', [
    ['app:8000', `${targets.app}:8000`],
    ['alertmanager:9093', `${targets.alertmanager}:9093`],
    ['localhost:9090', `${host}:9090`],
    ['scrape_timeout: 5s', 'scrape_timeout: 1s'],
    ['interval: 15s', 'interval: 1s'],
  ]);
  await edit(folder, 'rules/slo.yml', [['interval: 1m', 'interval: 1s']]);
  // An alert that was sent before Alertmanager was found is sent again at once.
  const again = '--rules.alert.resend-delay=1s';
  const args = ['--config.file=prometheus.yml', '--storage.tsdb.path=data', `--web.listen-address=${host}:9090`, again];
  await start(await debianProgram(PROMETHEUS, 'prometheus'), args, { cwd: folder });
  return { url: `http://${host}:9090` };
}

export type AlertmanagerOptions = {
  /** What this one has else than the shipped one. */
  changes?: readonly (readonly [from: string, to: string])[];
  /** Files of credentials. */
  secrets?: Readonly<Record<string, string>>;
};

export async function startAlertmanager({ changes = [], secrets = {} }: AlertmanagerOptions = {}) {
  const folder = await temporaryFolder('alertmanager');
  const host = address();
  await cp(join(ROOT, 'monitoring/alertmanager/config.yml'), join(folder, 'config.yml'));
  await edit(folder, 'config.yml', [['/etc/alertmanager/secrets', join(folder, 'secrets')], ...changes]);
  await mkdir(join(folder, 'secrets'));
  for (const [name, text] of Object.entries(secrets)) await writeFile(join(folder, 'secrets', name), text);
  const args = ['--config.file=config.yml', `--web.listen-address=${host}:9093`, '--cluster.listen-address='];
  const [program = '', ...words] = await withSharedFiles(await debianProgram(ALERTMANAGER, 'prometheus-alertmanager'));
  await start(program, [...words, ...args, '--storage.path=data'], { cwd: folder });
  return { host, url: `http://${host}:9093` };
}

async function edit(folder: string, path: string, changes: readonly (readonly [string, string])[]): Promise<void> {
  const file = join(folder, path);
  await writeFile(file, change(readFileSync(file, 'utf8'), ...changes));
}
