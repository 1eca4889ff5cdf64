// Keeps asking through nginx while the service is restarted, and holds one request in flight when it is told to end.
//
//   node restart.ts --out FILE --nginx URL --app URL --receiver URL --seconds N
//
// Sets the receiver's signal `loaded` once requests run; whoever restarts the service waits for it, and sets `restarted`.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { ask } from './ask.ts';
import { expectThat, optionsOf, pause, probe, reasonOf, runAsProgram, until } from './program.ts';

/** A status, or why there was none. */
export type Outcome = number | string;

/** How many good answers in a row show that all is well again. */
const WELL = 20;
/** What nginx says of a service that is not there. */
const AWAY: readonly Outcome[] = [502, 503, 504];

/** Throws unless every request was answered, and all that were refused were refused in the one time without a service. */
export function judge(outcomes: readonly Outcome[]): string {
  const cut = outcomes.filter((outcome) => typeof outcome === 'string');
  expectThat(cut.length === 0, `${cut.length} of ${outcomes.length} requests had no answer: ${cut[0]}`);
  const wrong = outcomes.find((outcome) => outcome !== 200 && !AWAY.includes(outcome));
  expectThat(wrong === undefined, `a request was answered ${wrong}`);
  const [first, last] = [outcomes.findIndex((one) => one !== 200), outcomes.findLastIndex((one) => one !== 200)];
  if (first < 0) return `${outcomes.length} requests, all answered 200`;
  const between = outcomes.slice(first, last + 1).filter((outcome) => outcome === 200).length;
  expectThat(between === 0, `${between} requests were answered 200 between refusals: it came and went`);
  return `${outcomes.length} requests, none cut off; ${last + 1 - first} were told ${outcomes[first]} while there was no service`;
}

async function load(url: string, isOver: () => boolean): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const isWell = () => outcomes.length >= WELL && outcomes.slice(-WELL).every((outcome) => outcome === 200);
  while (!isOver() || !isWell()) {
    outcomes.push(
      await ask(url).then(
        ({ status }) => status,
        (error) => reasonOf(error),
      ),
    );
    await pause(25);
  }
  return outcomes;
}

/** A request whose end is not sent yet. */
async function half(app: URL): Promise<Socket> {
  const socket = connect(Number(app.port), app.hostname);
  await once(socket, 'connect');
  socket.write(`GET /version HTTP/1.1\r\nHost: ${app.host}\r\nConnection: close\r\n`);
  return socket;
}

async function finish(socket: Socket): Promise<string> {
  const answer = text(socket);
  socket.write('\r\n');
  const [status = ''] = (await answer).split('\r\n');
  expectThat(/^HTTP\/1\.1 200 /.test(status), `it was answered ${JSON.stringify(status)}`);
  return status;
}

/** Once it takes no new requests, it was told to end. */
async function ending(app: URL, seconds: number): Promise<void> {
  await until(seconds, async () => {
    const status = await ask(`${app}health`).then(
      (answer) => answer.status,
      () => 0,
    );
    expectThat(status !== 200, 'it is still well');
  });
}

runAsProgram('restart.ts', async (args) => {
  const options = optionsOf(args, ...(['out', 'nginx', 'app', 'receiver', 'seconds'] as const));
  const [app, seconds] = [new URL(options.app), Number(options.seconds)];
  await probe(async (check) => {
    const end = performance.now() + seconds * 1000;
    let isRestarted = false;
    const outcomes = load(`${options.nginx}/`, () => isRestarted || performance.now() > end);
    const held = await half(app);
    held.on('error', () => {}); // it is told when the answer is read
    await ask(`${options.receiver}/signals/loaded`, { method: 'PUT' });
    await check('A request in flight is answered while the service ends', async () => {
      await ending(app, seconds);
      return await finish(held);
    });
    await check('A restart loses no request but while there is no service', async () => {
      await until(seconds, async () => {
        isRestarted = (await ask(`${options.receiver}/signals/restarted`)).status === 200;
        expectThat(isRestarted, 'it has not been restarted');
      });
      return judge(await outcomes);
    });
  }, options.out);
});
