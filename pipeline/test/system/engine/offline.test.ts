// With the network off: services and the host's own ports as ever, and no way to anything else.
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { sdkSession, sh, web } from '../sdk-session.ts';
import { failed, hostAddresses, reached } from './attempts.ts';
import { errorOf, type Row, refusal, testRows } from './rows.ts';

const t = sdkSession({ DRYDOCK_OFFLINE: '1' });
const { dag, base } = t;

const rows: Row[] = [
  ['a step has no interface but loopback', () => base().withExec(['ls', '/sys/class/net']).stdout(), 'lo\n'],
  ['nor a name server', () => base().withExec(['cat', '/etc/resolv.conf']).stdout(), ''],
  ['but it may ping itself', () => failed(base(), ['ping -c 1 -W 2 127.0.0.1']), []],
  [
    'a bound service is reached, and nothing beyond it',
    async () => {
      const bound = base().withServiceBinding('w', web(t, 'bound').asService());
      return [
        await bound.withExec(['wget', '-qO-', 'http://w:8080/index.html']).stdout(),
        await bound.withExec(sh('ip route | grep default || echo none')).stdout(),
        await reached(bound, ['1.1.1.1 53', '169.254.169.254 80', 'example.com 80']),
      ];
    },
    ['bound', 'none\n', []],
  ],
  [
    'the host’s own addresses are not reached, but the port that was given is',
    async () => {
      const server = createServer((socket) => socket.end('given')).listen(0, '0.0.0.0');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const bound = base().withServiceBinding('h', dag.host().service([{ backend: port, frontend: 80 }]));
      const answers = [
        await bound.withExec(sh('nc h 80 < /dev/null')).stdout(),
        await reached(
          bound,
          hostAddresses().map((address) => `${address} ${port}`),
        ),
      ];
      server.close();
      return answers;
    },
    ['given', []],
  ],
  [
    'a service starts, is reached from the host, and stops',
    async () => {
      const tunnel = await dag.host().tunnel(web(t, 'tunnelled').asService()).start();
      const answer = await fetch(`${await tunnel.endpoint({ scheme: 'http' })}/index.html`);
      const text = await answer.text();
      await tunnel.stop();
      return text;
    },
    'tunnelled',
  ],
  [
    'another machine is no service of the host',
    () =>
      errorOf(
        dag
          .host()
          .service([{ backend: 80 }], { host: 'example.com' })
          .start(),
      ),
    refusal('the network is off'),
  ],
];
testRows(rows);
