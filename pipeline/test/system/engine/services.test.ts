// Services: ready when they are used, known by name, stopped as told; ports of the host for steps, and of services for the host.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type Container, NetworkProtocol, type Service } from '@dagger.io/dagger';
import { expect } from 'vitest';
import { failure, sdkSession, sh, web } from '../sdk-session.ts';
import { errorOf, type Row, refusal, testRows } from './rows.ts';

const t = sdkSession();
const { dag, base } = t;
const serving = (container: Container, options?: Parameters<Container['asService']>[0]) =>
  container.withExposedPort(8080).asService({ args: ['httpd', '-f', '-p', '8080', '-h', '/www'], ...options });
const page = (container: Container, text: string) => container.withNewFile('/www/index.html', text);
const ask = (address: string) => ['wget', '-qO-', `http://${address}/index.html`];

const rows: Row[] = [
  // ── what a service is ─────────────────────────────────────────────────────────────────
  [
    'the ports that it exposes',
    async () => {
      const ports = await web(t, '')
        .withExposedPort(53, { protocol: NetworkProtocol.Udp, description: 'names' })
        .asService()
        .ports();
      return Promise.all(
        ports.map(async (port) => [await port.port(), await port.protocol(), await port.description()]),
      );
    },
    [
      [8080, 'TCP', null],
      [53, 'UDP', 'names'],
    ],
  ],
  [
    'its endpoint: the first port, or the one that was asked for',
    async () => {
      const shop = web(t, '').asService().withHostname('shop');
      return [
        await shop.hostname(),
        await shop.endpoint(),
        await shop.endpoint({ port: 99 }),
        await shop.endpoint({ scheme: 'http' }),
      ];
    },
    ['shop', 'shop:8080', 'shop:99', 'http://shop:8080'],
  ],
  [
    'no endpoint without a port',
    () =>
      errorOf(
        base()
          .asService({ args: ['true'] })
          .endpoint(),
      ),
    refusal('port'),
  ],
  [
    'a name that is none',
    () => errorOf(web(t, '').asService().withHostname('a b\nc').hostname()),
    refusal('not a host name'),
  ],
  [
    'its command: with the entrypoint, with variables, with a mount, as a user, as the first process',
    () => {
      const entrypoint = page(base(), 'entrypoint ').withEntrypoint(['httpd', '-f']);
      const script = 'mkdir /www; echo $$ > /www/index.html; exec httpd -f -p 8080 -h /www';
      return base()
        .withServiceBinding('a', serving(entrypoint, { useEntrypoint: true, args: ['-p', '8080', '-h', '/www'] }))
        .withServiceBinding(
          'b',
          serving(page(base(), 'variable ').withEnvVariable('P', '8080'), {
            expand: true,
            args: ['httpd', '-f', '-p', '$P', '-h', '/www'],
          }),
        )
        .withServiceBinding(
          'c',
          serving(base().withMountedDirectory('/www', dag.directory().withNewFile('index.html', 'mount '))),
        )
        .withServiceBinding(
          'd',
          serving(base().withNewFile('/www/cgi-bin/id', cgi('id -u'), { permissions: 0o755 }).withUser('app')),
        )
        .withServiceBinding('e', serving(base(), { noInit: true, args: sh(script) }))
        .withExec(
          sh(
            'for name in a b c e; do wget -qO- http://$name:8080/index.html; done; wget -qO- http://d:8080/cgi-bin/id',
          ),
        )
        .stdout();
    },
    'entrypoint variable mount 1\n1000\n',
  ],
  [
    'its entrypoint before the arguments of its image, not before those that it was given',
    () => {
      const entered = page(base(), 'page ').withEntrypoint(['httpd', '-f', '-p', '8080']);
      const image = entered.withDefaultArgs(['-h', '/www']).asTarball();
      const given = page(base(), 'given ')
        .withEntrypoint(['false'])
        .withDefaultArgs(['httpd', '-f', '-p', '8080', '-h', '/www']);
      return base()
        .withServiceBinding('a', entered.withWorkdir('/www').withExposedPort(8080).asService())
        .withServiceBinding('b', dag.container().import_(image).withExposedPort(8080).asService())
        .withServiceBinding('c', given.withExposedPort(8080).asService())
        .withExec(sh('for name in a b c; do wget -qO- http://$name:8080/index.html; done'))
        .stdout();
    },
    'page page given ',
  ],
  [
    'no command at all',
    () => errorOf(base().withoutDefaultArgs().asService().start()),
    refusal('no service command has been set'),
  ],
  [
    'a port that only its image declares is not waited for',
    async () => {
      const image = base().withExposedPort(80).asTarball();
      const service = dag
        .container()
        .import_(image)
        .asService({ args: ['sleep', '100'] });
      await service.start();
      await service.stop();
      return service.ports();
    },
    [],
  ],
  [
    'a port that is exposed once more stays in its place',
    () =>
      web(t, '')
        .withExposedPort(9)
        .withExposedPort(8080, { description: 'again' })
        .asService()
        .withHostname('two')
        .endpoint(),
    'two:8080',
  ],

  // ── start and stop ────────────────────────────────────────────────────────────────────
  [
    'ready at once without a port, and with one whose check is skipped',
    async () => {
      const services = [base(), base().withExposedPort(9, { experimentalSkipHealthcheck: true })].map((container) =>
        container.asService({ args: ['sleep', '100'] }),
      );
      for (const service of services) await service.start();
      for (const service of services) await service.stop();
      return 'started and stopped';
    },
    'started and stopped',
  ],
  [
    'whose fault it is: that of the one that was bound, or of one that it needs itself',
    async () => {
      const dying = (seconds: number) => base().asService({ args: sh(`sleep ${seconds}; exit 42`) });
      const needs = base()
        .withServiceBinding('below', dying(1))
        .asService({ args: ['sleep', '30'] });
      const early = base()
        .withExposedPort(9)
        .asService({ args: ['false'] });
      const asked = (alias: string, service: Service) =>
        errorOf(base().withServiceBinding(alias, service).withExec(['sleep', '20']).sync());
      return [await asked('early', early), await asked('late', dying(1)), await asked('above', needs)];
    },
    [
      expect.stringMatching(/^ExecError: start \w+ \(aliased as early\): .*exit code: 1/),
      refusal('bound service \\w+ \\(aliased as late\\) exited: .*exit code: 42'),
      refusal(
        'bound service \\w+ \\(aliased as above\\) exited: bound service \\w+ \\(aliased as below\\) exited: .*exit code: 42',
      ),
    ],
  ],
  [
    'ready when its health check passes, in the service and as its user, not when its port opens',
    async () => {
      const web = base()
        .withNewFile('/etc/passwd', 'root:x:0:0::/:/bin/sh\nweb:x:7:7::/:/bin/sh\n')
        .withEnvVariable('READY', '/tmp/ready')
        .withUser('web')
        .withExposedPort(8080)
        .withDockerHealthcheck(['test -e $READY && echo $READY by $(id -u) >>/tmp/asked'], {
          shell: true,
          interval: '1m',
        })
        .asService({ args: sh('cd /tmp; (sleep 1; touch ready) & httpd -f -p 8080') });
      const ask = sh('for name in ready asked; do wget -qO- http://web:8080/$name; done');
      return base().withServiceBinding('web', web).withExec(ask).stdout();
    },
    '/tmp/ready by 7\n',
  ],
  [
    'a health check is as confined as the service itself',
    async () => {
      const facts = (file: string) =>
        `grep -E "^(Cap|NoNewPrivs|Seccomp|Uid|Groups)" /proc/self/status >${file}; for ns in /proc/self/ns/*; do readlink $ns; done >>${file}; cat /proc/self/oom_score_adj /proc/self/cgroup >>${file}`;
      const web = base()
        .withExposedPort(8080)
        // Put in place when it is complete: the check runs again while it is asked for.
        .withDockerHealthcheck(
          [`wget -qO /dev/null http://localhost:8080/own && { ${facts('/www/new')}; mv /www/new /www/asked; }`],
          {
            shell: true,
          },
        )
        .asService({ args: sh(`mkdir -p /www; ${facts('/www/own')}; exec httpd -f -p 8080 -h /www`) });
      const ask = sh(
        'for name in own asked; do wget -qO $name http://web:8080/$name; done; cmp own asked && wc -l <own',
      );
      return Number(await base().withServiceBinding('web', web).withExec(ask).stdout()) > 18;
    },
    true,
  ],
  [
    'a health check that fails: what it said, as often as it may, and nothing stays',
    async () => {
      const service = base()
        .withSecretVariable('S', dag.setSecret('checked', 'hunter2hunter2'))
        .withDockerHealthcheck(sh('echo no $S; echo why >&2; exit 3'), { interval: '100ms', retries: 2 })
        .asService({ args: ['sleep', '100'] });
      const { message, ...facts } = await failure(service.start());
      return [facts, message.includes('health check errored: exit code: 3')];
    },
    [{ name: 'ExecError', exitCode: 3, stdout: 'no ***', stderr: 'why' }, true],
  ],
  [
    'a health check that hangs is given up after its time',
    async () => {
      const service = base()
        .withDockerHealthcheck(['sleep', '100'], { timeout: '200ms', interval: '100ms', retries: 1 })
        .asService({ args: ['sleep', '100'] });
      const { exitCode, message } = await failure(service.start());
      return [exitCode, message.includes('health check errored: no answer within 0.2 s')];
    },
    [137, true],
  ],
  [
    'one that ends well, but before it is ready',
    () =>
      errorOf(
        base()
          .withExposedPort(9)
          .asService({ args: ['true'] })
          .start(),
      ),
    refusal('ended before it was ready'),
  ],
  [
    'one that dies says what it said, started or bound',
    async () => {
      const dying = base()
        .withExposedPort(9)
        .asService({ args: sh('echo working; echo broken >&2; exit 9') });
      const { message, ...facts } = await failure(dying.start());
      const bound = await failure(base().withServiceBinding('b', dying).withExec(['true']).sync());
      return [facts, message.includes('broken'), bound.name, bound.exitCode, bound.message.includes('broken')];
    },
    [{ name: 'ExecError', exitCode: 9, stdout: 'working\n', stderr: 'broken\n' }, true, 'ExecError', 9, true],
  ],
  [
    'one whose command is not there',
    async () => (await failure(serving(base(), { args: ['no-such-command'] }).start())).name,
    'ExecError',
  ],
  [
    'one whose container cannot be made',
    async () => {
      const { name, exitCode } = await failure(serving(base().withExec(sh('exit 4'))).start());
      return [name, exitCode];
    },
    ['ExecError', 4],
  ],
  [
    'one that goes while a step needs it: the step ends, and is told why',
    () => {
      const meeting = base().withMountedCache('/c', dag.cacheVolume('goes while it is needed'));
      const script =
        'rm -f /c/here; httpd -p 8080 -h /; until [ -e /c/here ]; do sleep 0.1; done; echo crashed; exit 7';
      const needing = meeting.withServiceBinding('db', serving(meeting, { args: sh(script) }));
      return errorOf(needing.withExec(sh('touch /c/here; sleep 60')).sync());
    },
    expect.stringMatching(/^GraphQLRequestError: .*db.* exit code: 7.*crashed/s),
  ],
  ['stopped, it may end its work', () => leftBehind(), 'ended'],
  ['killed, it may not', () => leftBehind({ kill: true }), 'killed'],
  [
    'told to stop and deaf to it, it is killed after its time of grace',
    async () => {
      const withVolume = base().withMountedCache('/c', dag.cacheVolume('deaf'));
      const script =
        'trap "echo told >> /c/state" TERM; echo runs > /c/state; while :; do sleep 0.1; date +%s%N > /c/beat; done';
      const service = withVolume.asService({ args: sh(script) });
      await service.start();
      await withVolume.withExec(sh('until test -s /c/beat; do sleep 0.05; done')).sync();
      await service.stop();
      const looked = withVolume.withExec(
        sh('cat /c/state; cat /c/beat > /beat; sleep 1; cmp -s /beat /c/beat && echo still'),
      );
      return looked.stdout();
    },
    'runs\ntold\nstill\n',
  ],

  // ── reached by steps ──────────────────────────────────────────────────────────────────
  [
    'by the name that it has without asking for one',
    async () => {
      const service = await web(t, 'unnamed').asService().start();
      const answer = await base()
        .withExec(ask(await service.endpoint()))
        .stdout();
      await service.stop();
      return answer;
    },
    'unnamed',
  ],
  [
    'on a port that only root may open elsewhere, as a user',
    () => {
      const low = page(base(), 'low')
        .withUser('app')
        .withExposedPort(80)
        .asService({ args: ['httpd', '-f', '-p', '80', '-h', '/www'] });
      return base().withServiceBinding('low', low).withExec(ask('low')).stdout();
    },
    'low',
  ],
  [
    'by a bound service, by its own name',
    async () => {
      const back = await web(t, 'from the back').asService().withHostname('back').start();
      const front = serving(
        base().withNewFile('/www/cgi-bin/get', cgi(ask('back:8080').join(' ')), { permissions: 0o755 }),
      );
      const answer = await base()
        .withServiceBinding('front', front)
        .withExec(['wget', '-qO-', 'http://front:8080/cgi-bin/get'])
        .stdout();
      await back.stop();
      return answer;
    },
    'from the back',
  ],
  [
    'one service for all who mean the same, by any alias',
    async () => {
      const one = () =>
        serving(base(), {
          args: sh('mkdir /www; cat /proc/sys/kernel/random/uuid > /www/index.html; exec httpd -f -p 8080 -h /www'),
        });
      const steps = ['1', '2', '3', '4', '5', '6'].map((alias) =>
        base()
          .withServiceBinding(`s${alias}`, one())
          .withExec(ask(`s${alias}:8080`))
          .stdout(),
      );
      return new Set(await Promise.all(steps)).size;
    },
    1,
  ],
  [
    'many services at once',
    () =>
      [0, 1, 2, 3, 4, 5]
        .reduce((step, index) => step.withServiceBinding(`s${index}`, web(t, `b${index}`).asService()), base())
        .withExec(sh('for i in 0 1 2 3 4 5; do wget -qO- http://s$i:8080/index.html; done'))
        .stdout(),
    'b0b1b2b3b4b5',
  ],
  [
    'what a step made with a service is used without it',
    () => {
      const made = base()
        .withServiceBinding('w', web(t, 'made').asService())
        .withExec(sh('wget -qO /f http://w:8080/index.html'));
      return base().withFile('/g', made.file('/f')).withExec(['cat', '/g']).stdout();
    },
    'made',
  ],

  // ── ports of the host, for steps ──────────────────────────────────────────────────────
  [
    'a port of the host under another number and an alias, and much of what it says',
    () =>
      withServer('x'.repeat(5_000_000), (port) =>
        base()
          .withServiceBinding('h', dag.host().service([{ backend: port, frontend: 80 }]))
          .withExec(sh('nc h 80 < /dev/null | wc -c'))
          .stdout(),
      ),
    '5000000\n',
  ],
  [
    'a port of the host under its own number and a name',
    () =>
      withServer('from the host', async (port) => {
        const service = await dag
          .host()
          .service([{ backend: port }], { host: '127.0.0.1' })
          .withHostname('host-service')
          .start();
        const isOwn = (await service.endpoint()) === `host-service:${port}`;
        const answer = await base()
          .withExec(sh(`nc host-service ${port} < /dev/null`))
          .stdout();
        await service.stop();
        return [isOwn, answer];
      }),
    [true, 'from the host'],
  ],
  [
    'datagrams',
    () =>
      withNameServer((port) =>
        base()
          .withServiceBinding('h', dag.host().service([{ backend: port, frontend: 53, protocol: NetworkProtocol.Udp }]))
          .withExec(sh('nslookup name.test h || true'))
          .stdout(),
      ),
    expect.stringContaining('NXDOMAIN'),
  ],
  ['no port of the host', () => errorOf(dag.host().service([]).start()), refusal('at least one port')],

  // ── ports of services, for the host ───────────────────────────────────────────────────
  [
    'a tunnel from the same port',
    async () => {
      const port = await freePort();
      const server = page(base(), 'native')
        .withExposedPort(port)
        .asService({ args: ['httpd', '-f', '-p', String(port), '-h', '/www'] });
      const tunnel = await dag.host().tunnel(server, { native: true }).start();
      const answers = [(await tunnel.endpoint()).endsWith(`:${port}`), await fetchText(port)];
      await tunnel.stop();
      return answers;
    },
    [true, 'native'],
  ],
  [
    'a tunnel from a port that was named, closed when it is stopped',
    async () => {
      const frontend = await freePort();
      const service = web(t, 'tunnelled').asService();
      const tunnel = await dag
        .host()
        .tunnel(service, { ports: [{ backend: 8080, frontend }] })
        .start();
      const ports = await Promise.all((await tunnel.ports()).map((port) => port.port()));
      const during = await fetchText(frontend);
      await tunnel.stop();
      return [ports.length === 1 && ports[0] === frontend, during, await fetchText(frontend).catch(() => 'closed')];
    },
    [true, 'tunnelled', 'closed'],
  ],
  [
    'a tunnel from a port that is taken',
    () =>
      withServer('', (frontend) =>
        errorOf(
          dag
            .host()
            .tunnel(web(t, '').asService(), { ports: [{ backend: 8080, frontend }] })
            .start(),
        ),
      ),
    refusal('is taken'),
  ],
  [
    'up: a tunnel for as long as the service runs',
    async () => {
      const frontend = await freePort();
      const service = web(t, 'up').asService();
      const isUp = service.up({ ports: [{ backend: 8080, frontend }] });
      const during = await answerOf(frontend, isUp);
      await service.stop();
      await isUp;
      return [during, await fetchText(frontend).catch(() => 'closed')];
    },
    ['up', 'closed'],
  ],
];
testRows(rows);

/** The body of a CGI script that answers with what a command says. */
function cgi(command: string): string {
  return `#!/bin/sh\necho\n${command}\n`;
}

/** What a service that works on when it is told to stop leaves in a volume. */
async function leftBehind(options?: Parameters<Service['stop']>[0]): Promise<string> {
  const withVolume = base().withMountedCache('/c', dag.cacheVolume(`stopped ${JSON.stringify(options ?? {})}`));
  const service = withVolume.asService({
    args: sh('trap "echo -n ended > /c/state; exit" TERM; echo -n killed > /c/state; while :; do sleep 0.05; done'),
  });
  await service.start();
  await withVolume.withExec(sh('until test -s /c/state; do sleep 0.05; done')).sync();
  await service.stop(options);
  return withVolume.withExec(['cat', '/c/state']).stdout();
}

/** While `use` runs, a port of the host's loopback says `text` to whoever connects. */
async function withServer<T>(text: string, use: (port: number) => Promise<T>): Promise<T> {
  const server = createServer((socket) => socket.end(text)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await use((server.address() as AddressInfo).port);
  } finally {
    server.close();
  }
}

/** While `use` runs, a name server on the host's loopback that knows no name. */
async function withNameServer<T>(use: (port: number) => Promise<T>): Promise<T> {
  const NO_SUCH_NAME = 0x8183;
  const server = createSocket('udp4').bind(0, '127.0.0.1');
  server.on('message', (query, from) => {
    query.writeUInt16BE(NO_SUCH_NAME, 2);
    server.send(query, from.port, from.address);
  });
  await once(server, 'listening');
  try {
    return await use(server.address().port);
  } finally {
    server.close();
  }
}

const freePort = () => withServer('', async (port) => port);

const fetchText = async (port: number) => (await fetch(`http://127.0.0.1:${port}/index.html`)).text();

/** The first answer on a port that is about to open. */
async function answerOf(port: number, opening: Promise<unknown>): Promise<string> {
  let isOver = false;
  opening.then(
    () => {
      isOver = true;
    },
    () => {
      isOver = true;
    },
  );
  for (;;) {
    const answer = await fetchText(port).catch(() => undefined);
    if (answer !== undefined || isOver) return answer ?? 'never opened';
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
