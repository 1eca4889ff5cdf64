// The platform on a real Docker Engine: `up`, what it answers, the smoke beside it, `down`, and what is wrong with machine and files.
// Images are the embedded engine's, loaded into Docker; where one can be had nowhere (Grafana's), it is said.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { $ } from 'zx';
import type { SmokeRow } from '../../../src/core/model.ts';
import { USUAL_FOLDERS } from '../../../src/program-folders.ts';
import { traces } from '../processes.ts';
import {
  command,
  copyOfRepository,
  type Environment,
  environment,
  type Ran,
  ROOT,
  resultOf,
  temporaryFolder,
  whileEdited,
} from '../support.ts';
import { type DockerEngine, hasDockerd, startDocker } from './engine.ts';

const SERVICES = ['app', 'nginx', 'prometheus', 'alertmanager'];
const QUICKLY = ['--image', 'out/image.tar', '--engine', 'embedded', '--offline'];

describe.runIf(hasDockerd)('on a Docker Engine (needs root and dockerd)', () => {
  let repository: string;
  let docker: DockerEngine;
  let before: ReturnType<typeof machine>;

  const machine = () => ({
    ...traces(),
    rules: $.sync({ nothrow: true, quiet: true })`iptables-save`.stdout.replace(/^#.*$|\[.*\]/gm, ''),
  });

  async function drydock(args: readonly string[], more: Environment = {}): Promise<Ran> {
    const [program, words] = command(args);
    const env = environment({ ...docker.env, ...more });
    const ran = await $({ cwd: repository, env, nothrow: true, quiet: true })`${program} ${words}`;
    return { exitCode: ran.exitCode, stdout: ran.stdout, stderr: ran.stderr, output: join(repository, 'out') };
  }

  /** An answer through nginx, on the port that is published. */
  async function ask(path: string): Promise<{ status: number; body: Record<string, unknown> }> {
    const script = `fetch('http://127.0.0.1:8080${path}').then(async (answer) => console.log(JSON.stringify({ status: answer.status, body: await answer.json() })))`;
    const { stdout, stderr } = await docker.inside(process.execPath, '-e', script);
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout);
  }

  /** What of a project is in Docker. */
  async function leftOf(project: string): Promise<string[]> {
    const [containers, networks] = await Promise.all([
      docker.docker('ps', '--all', '--format', '{{.Names}}'),
      docker.docker('network', 'ls', '--format', '{{.Name}}'),
    ]);
    return [...containers.split('\n'), ...networks.split('\n')].filter((name) => name.startsWith(project));
  }

  beforeAll(async () => {
    before = machine();
    [repository, docker] = await Promise.all([copyOfRepository('compose'), startDocker()]);
    const built = await drydock(['build', '--engine', 'embedded']);
    expect(built.exitCode, built.stdout).toBe(0);
  });
  afterAll(async () => {
    await docker.stop();
    expect(machine()).toEqual(before);
  });

  describe('up, smoke, down', () => {
    let up: Ran;
    let green: Ran;
    const rows = (): SmokeRow[] => resultOf(green).smoke?.rows ?? [];
    const named = (name: string) => rows().find((row) => row.name === name);

    beforeAll(async () => {
      up = await drydock(['up', ...SERVICES, '--engine', 'embedded']);
      expect(up.exitCode, up.stdout + up.stderr).toBe(0);
      const app = await docker.docker('ps', '--quiet', '--filter', 'name=drydock-app');
      green = await drydock(['smoke', '--runtime', 'compose', '--engine', 'embedded', '--verbose']);
      expect(await docker.docker('ps', '--quiet', '--filter', 'name=drydock-app')).toBe(app);
      // Docker unpacks half a gigabyte of images, on a disk that may be busy.
    }, 900_000);

    test('up builds, starts, waits until all is well, and says where it is', () => {
      expect(up.stdout).toMatch(/^ok {4}build /m);
      for (const name of SERVICES)
        expect(up.stdout).toMatch(new RegExp(`^ok    ${name} +healthy after [\\d.]+ s`, 'm'));
      expect(up.stdout).toMatch(/^ok {4}nginx .* · http:\/\/127\.0\.0\.1:8080$/m);
      expect(up.stderr).toBe('');
    });

    test('it answers through nginx, with the commit and the digest that were built', async () => {
      const commit = (await $({ cwd: repository })`git rev-parse HEAD`).stdout.trim();
      const digest = resultOf(green).image?.digest;
      expect(await ask('/version')).toMatchObject({ status: 200, body: { commit, digest } });
    });

    test('everything that can be had here holds by Docker Compose, too', () => {
      expect(green.exitCode, green.stdout).toBe(0);
      expect(resultOf(green).smoke).toMatchObject({ runtime: 'compose', noted: [] });
      expect(rows().filter(({ status }) => status === 'failed')).toEqual([]);
      const missing = rows().filter(({ status }) => status === 'not evaluated');
      for (const { name } of missing) expect(name).toMatch(/grafana/i);
      expect(rows().length - missing.length).toBeGreaterThanOrEqual(39);
    });

    const proved: [name: string, detail: RegExp][] = [
      ['/version through nginx', /^200, application\/json, sha256:/],
      ['Every dashboard’s query answers', /^\d\d queries$/],
      ['A request in flight is answered while the service ends', /^HTTP\/1\.1 200 OK$/],
      ['AppDown, firing, is sent to webhook', /alertname=AppDown .*severity=critical/],
      ['AppDown, resolved, is sent to pagerduty', /^resolve/],
      ['What runs is what was built', /^sha256:[0-9a-f]{64}$/],
      ['Docker applies: read_only', /app true.* prometheus true/],
      ['Docker applies: cap_drop', /app ALL/],
      ['Docker applies: limit of memory', /app 268435456/],
      ['Docker applies: limit of processes', /app 64/],
      ['Docker applies: ports on the loopback address', /9093 \(loopback\), nginx 8080, /],
      ['The service can write nothing, and has no capability', /^EROFS, capabilities 0+, no new privileges: 1$/],
      ['nginx finds the service at another address', /^(\S+) before, (?!\1 )\S+ after$/],
      ['What is killed is started again', /by its restart policy/],
    ];
    test.for(proved)('%s', ([name, detail]) => {
      expect(named(name)).toMatchObject({ status: 'passed', detail: expect.stringMatching(detail) });
    });

    test('nothing of the smoke stays, and every service’s log is kept', async () => {
      expect(await leftOf('drydock-smoke')).toEqual([]);
      expect(await docker.docker('volume', 'ls', '--quiet', '--filter', 'name=drydock-smoke')).toBe('');
      const logs = (await $({ cwd: green.output })`ls logs`).stdout;
      for (const name of SERVICES) expect(logs).toContain(`smoke-${name}.log`);
    });

    const daily: [name: string, args: string[], said: RegExp][] = [
      ['ps', ['ps', 'app'], /drydock-app-1 .*\(healthy\)/],
      ['logs', ['logs', '--tail', '50', 'app'], /"event":"listening"/],
      ['restart', ['restart', 'app'], /Container drydock-app-1 {2}Started/],
      ['config', ['config', '--images'], /^localhost\/drydock-service:built$/m],
    ];
    test.for(daily)('docker compose %s works, with .env and without', async ([, args, said]) => {
      for (const settings of [[], ['--env-file', '.env.example']]) {
        const how = $({ cwd: repository, env: environment(docker.env), nothrow: true, quiet: true });
        const { stdout, stderr, exitCode } = await how`docker compose ${[...settings, ...args]}`;
        expect(exitCode, stderr).toBe(0);
        expect(stdout + stderr).toMatch(said);
      }
    });

    test('nginx keeps serving when the service comes back at another address', async () => {
      const where = () =>
        docker.docker(
          'inspect',
          '--format',
          '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}',
          'drydock-app-1',
        );
      const old = await where();
      await docker.docker('stop', 'drydock-app-1');
      const image = await docker.docker('inspect', '--format', '{{.Config.Image}}', 'drydock-nginx-1');
      await docker.docker(
        'run',
        '--detach',
        '--name',
        'lodger',
        '--network',
        'drydock_devops',
        '--entrypoint',
        'sleep',
        image,
        '600',
      );
      await docker.docker('start', 'drydock-app-1');
      expect(await where()).not.toBe(old);
      await expect.poll(async () => (await ask('/health')).status, { timeout: 60_000, interval: 200 }).toBe(200);
      await docker.docker('rm', '--force', 'lodger');
    });

    test('down leaves no container and no network, and the data until that is to go as well', async () => {
      const first = await drydock(['down']);
      expect(first.stdout.split('\n')).toEqual([
        'stopped: alertmanager, app, nginx, prometheus',
        'removed: network drydock_devops',
        'still there: volumes drydock_alertmanager-data, drydock_grafana-data, drydock_prometheus-data; --volumes removes them',
        '',
      ]);
      expect(first.exitCode).toBe(0);
      expect(await leftOf('drydock')).toEqual([]);
      expect(await docker.docker('volume', 'ls', '--quiet')).toContain('drydock_prometheus-data');
      const second = await drydock(['down', '--volumes']);
      expect(second.stdout).toBe(
        'nothing was there to be stopped\nremoved: volume drydock_alertmanager-data, volume drydock_grafana-data, volume drydock_prometheus-data\n',
      );
      expect(await docker.docker('volume', 'ls', '--quiet')).not.toContain('drydock_prometheus-data');
    });
  });

  describe('what is wrong', () => {
    type Wrong = {
      args: readonly string[];
      env?: Environment;
      change?: (text: string) => string;
      exitCode: number;
      error: RegExp;
    };
    const rows: [name: string, wrong: Wrong][] = [
      [
        'a Docker Engine that does not answer',
        {
          args: ['up', ...QUICKLY],
          env: { DOCKER_HOST: 'unix:///nowhere.sock' },
          exitCode: 3,
          error:
            /^error: the Docker Engine does not answer: .*nowhere\.sock.*\nhint: start Docker, or name its socket with DOCKER_HOST/m,
        },
      ],
      [
        'the same, asked by smoke',
        {
          args: ['smoke', '--runtime', 'compose', ...QUICKLY],
          env: { DOCKER_HOST: 'unix:///nowhere.sock' },
          exitCode: 3,
          error: /^error: the Docker Engine does not answer: /m,
        },
      ],
      [
        'a service that is not there',
        {
          args: ['up', 'ngnix', ...QUICKLY],
          exitCode: 2,
          error: /^error: docker-compose\.yml has no service "ngnix"\nhint: did you mean nginx\?$/m,
        },
      ],
      [
        'an image that can be had nowhere',
        {
          args: ['up', ...QUICKLY],
          exitCode: 3,
          error:
            /^error: the image of grafana is not available: .*\nhint: start what is available: npx tsx pipeline\/ci\.ts up alertmanager app nginx prometheus; /m,
        },
      ],
      [
        'an archive that is none',
        {
          args: ['up', 'app', '--image', 'package.json', '--engine', 'embedded'],
          exitCode: 2,
          error: /^error: what --image names is not an OCI archive: /m,
        },
      ],
      [
        'an unknown key',
        {
          args: ['up', 'app', ...QUICKLY],
          change: (text) => text.replace('    depends_on:', '    depend_on:'),
          exitCode: 2,
          error: /^error: Docker Compose refuses docker-compose\.yml: .*depend_on.*\nhint: fix the file$/m,
        },
      ],
      [
        'an undefined variable',
        {
          args: ['up', 'app', ...QUICKLY],
          change: (text) => text.replace('${LOG_LEVEL:-info}', '${LOG_LEVEL:?say how much}'),
          exitCode: 2,
          error: /^error: Docker Compose refuses docker-compose\.yml: .*LOG_LEVEL.*say how much/m,
        },
      ],
      [
        'a service that ends at once: its last words',
        {
          args: ['up', 'app', ...QUICKLY],
          env: { LOG_LEVEL: 'loud' },
          exitCode: 1,
          error: /^error: not healthy: app; what was started is stopped again\nhint: /m,
        },
      ],
    ];
    test.for(rows)('%s', async ([, { args, env = {}, change, exitCode, error }]) => {
      const changes = change === undefined ? {} : { 'docker-compose.yml': change };
      const ran = await whileEdited(repository, changes, () => drydock(args, env));
      expect(ran.stderr).toMatch(error);
      expect(ran.exitCode).toBe(exitCode);
      if (env.LOG_LEVEL !== undefined) expect(ran.stdout).toContain('LOG_LEVEL is "loud"; allowed: info, warn, error');
      expect(await leftOf('drydock')).toEqual([]);
    });

    test('a service that is not healthy in a smoke: its last words, and nothing stays', async () => {
      const loud = { 'docker-compose.yml': (text: string) => text.replace('${LOG_LEVEL:-info}', 'loud') };
      const ran = await whileEdited(repository, loud, () => drydock(['smoke', '--runtime', 'compose', ...QUICKLY]));
      const row = resultOf(ran).smoke?.rows.find(({ name }) => name === 'app is healthy');
      const detail = expect.stringMatching(/^it ended \d times\nLOG_LEVEL is "loud"; allowed: info, warn, error/);
      expect(row, ran.stdout + ran.stderr).toMatchObject({ status: 'failed', detail });
      expect(ran.exitCode).toBe(1);
      expect(await leftOf('drydock')).toEqual([]);
    });

    test('no Docker at all, and Docker without Compose', async () => {
      const folder = await temporaryFolder('path');
      const link = async (...programs: string[]) => {
        for (const name of programs) await $({ cwd: folder })`ln -s $(command -v ${name}) ${name}`;
      };
      await link('bash', 'sh', 'git', 'ps');
      // Where they usually are, programs are found whatever PATH says.
      const isUsual = (name: string) => USUAL_FOLDERS.some((place) => existsSync(join(place, name)));
      if (!isUsual('docker')) {
        const none = await drydock(['down'], { PATH: folder });
        expect(none.stderr).toMatch(/^error: Docker is not installed\nhint: .*install Docker and its Compose plugin/);
        expect(none.exitCode).toBe(3);
      }
      await link('docker');
      const config = join(folder, 'config');
      await mkdir(config);
      // Where the plugin is installed for everybody, it is found.
      const installed =
        isUsual('docker-compose') ||
        (await $({ env: { PATH: folder, DOCKER_CONFIG: config }, nothrow: true })`docker compose version`).exitCode ===
          0;
      const without = await drydock(['down'], { PATH: folder, DOCKER_CONFIG: config });
      expect(without.exitCode).toBe(installed ? 0 : 3);
      if (!installed) expect(without.stderr).toMatch(/^error: Docker has no Compose plugin\nhint: /);
    });

    test('after a build, plain Docker Compose is the line that docs/platform.md has', async () => {
      const [line = ''] =
        /^docker tag .* docker compose up --detach$/m.exec(readFileSync(join(ROOT, 'docs/platform.md'), 'utf8')) ?? [];
      await docker.docker('image', 'rm', '--force', 'localhost/drydock-service:built');
      const how = $({ cwd: repository, env: environment(docker.env), nothrow: true, quiet: true });
      const ran = await how`sh -c ${`${line} app`}`;
      expect(ran.exitCode, ran.stderr).toBe(0);
      expect((await drydock(['down'])).stdout).toContain('stopped: app\n');
    });

    test('down says what keeps a network', async () => {
      expect((await drydock(['up', 'app', ...QUICKLY])).exitCode).toBe(0);
      const image = await docker.docker('inspect', '--format', '{{.Config.Image}}', 'drydock-app-1');
      const node = await docker.docker('inspect', '--format', '{{.Path}}', 'drydock-app-1');
      const guest = ['--name', 'guest', '--network', 'drydock_devops', '--entrypoint', node, image];
      await docker.docker('run', '--detach', ...guest, '-e', 'setTimeout(() => {}, 600_000)');
      const { stdout } = await drydock(['down']);
      expect(stdout).toContain('still there: network drydock_devops, to which guest is attached\n');
      await docker.docker('rm', '--force', 'guest');
      expect((await drydock(['down'])).stdout).toContain('removed: network drydock_devops\n');
    });

    test('a port in use: what was started is stopped', async () => {
      const holder = docker.inside(
        'timeout',
        '300',
        process.execPath,
        '-e',
        "require('node:net').createServer().listen(8080, '0.0.0.0')",
      );
      const ran = await drydock(['up', 'app', 'nginx', ...QUICKLY]);
      expect(ran.stderr).toMatch(/^error: port 8080 of this machine is in use\nhint: .*another port in \.env/);
      expect(ran.exitCode).toBe(3);
      expect(await leftOf('drydock')).toEqual([]);
      await holder.kill();
    });

    const interrupted: [name: string, args: readonly string[]][] = [
      ['up', ['up', 'app', 'nginx', ...QUICKLY]],
      ['smoke', ['smoke', '--runtime', 'compose', ...QUICKLY]],
    ];
    test.for(interrupted)('Ctrl-C ends %s, and what it started', async ([, args]) => {
      const [program, words] = command(args);
      const child = spawn(program, words, { cwd: repository, env: environment(docker.env), stdio: 'ignore' });
      const ended = once(child, 'exit');
      await expect.poll(() => leftOf('drydock'), { timeout: 280_000, interval: 100 }).not.toEqual([]);
      child.kill('SIGINT');
      expect((await ended)[0]).toBe(130);
      expect(await leftOf('drydock')).toEqual([]);
    });
  });
});
