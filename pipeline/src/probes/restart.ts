// Keeps asking through nginx while the service is restarted, and holds one request in flight when it is told to end.
//
//   node restart.ts --out FILE --nginx URL --app URL --path PATH --health PATH --receiver URL --seconds N
//
// Without nginx (an empty URL) nobody asks but for the one request: while a service is not there, nothing can be answered in its place.
// Sets the receiver's signal `loaded` once requests run; whoever restarts the service waits for it, and sets `restarted`.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { ask } from './ask.ts';
import { expectThat, optionsOf, pause, probe, reasonOf, runAsProgram, until } from './program.ts';

/** A status, or why there was none; and when it was asked for: a refusal may take as long as nginx tries to connect. */
export type Outcome = { answer: number | string; atMs: number };

/** How many good answers in a row show that all is well again. */
const WELL = 20;
/** What nginx says of a service that is not there. */
const AWAY: readonly unknown[] = [502, 503, 504];
/** Each worker of nginx asks for the service's address by itself, every two seconds; a third one is for the asking. */
const SETTLED_MS = 3000;

/** Throws unless every request was answered, and refused only until nginx could know that the service is back. */
export function judge(outcomes: readonly Outcome[], backMs: number): string {
  const cut = outcomes.filter(({ answer }) => typeof answer === 'string');
  expectThat(cut.length === 0, `${cut.length} of ${outcomes.length} requests had no answer: ${cut[0]?.answer}`);
  const refused = outcomes.filter(({ answer }) => answer !== 200);
  const wrong = refused.find(({ answer }) => !AWAY.includes(answer));
  expectThat(wrong === undefined, `a request was answered ${wrong?.answer}`);
  const late = refused.filter(({ atMs }) => atMs > backMs + SETTLED_MS).length;
  expectThat(late === 0, `${late} requests were refused more than ${SETTLED_MS / 1000} s after the service was back`);
  if (refused.length === 0) return `${outcomes.length} requests, all answered 200`;
  return `${outcomes.length} requests, none cut off; ${refused.length} were answered ${refused[0]?.answer} while there was no service`;
}

const isWell = (outcomes: readonly Outcome[]) =>
  outcomes.length >= WELL && outcomes.slice(-WELL).every(({ answer }) => answer === 200);

/** Until it is over and all is well again, or the time is. */
async function load(url: string, isOver: () => boolean, endMs: number): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  while (performance.now() < endMs && !(isOver() && isWell(outcomes))) {
    const atMs = performance.now();
    const answer = await ask(url).then(
      ({ status }) => status,
      (error) => reasonOf(error),
    );
    outcomes.push({ answer, atMs });
    await pause(25);
  }
  return outcomes;
}

/** A request whose end is not sent yet. */
async function half(app: URL, path: string): Promise<Socket> {
  const socket = connect(Number(app.port), app.hostname);
  await once(socket, 'connect');
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${app.host}\r\nConnection: close\r\n`);
  return socket;
}

async function finish(socket: Socket): Promise<string> {
  const answer = text(socket);
  socket.write('\r\n');
  const [status = ''] = (await answer).split('\r\n');
  expectThat(status !== '', 'it was cut off; on SIGTERM a service takes no more, and ends what it has begun');
  expectThat(/^HTTP\/1\.1 [2-4]\d\d /.test(status), `it was answered ${JSON.stringify(status)}`);
  return status;
}

/** Once it takes no new requests, it was told to end. */
async function ending(app: URL, path: string, seconds: number): Promise<void> {
  await until(seconds, async () => {
    const status = await ask(new URL(path, app).href).then(
      (answer) => answer.status,
      () => 0,
    );
    expectThat(status === 0 || status >= 500, 'it still takes requests');
  });
}

runAsProgram('restart.ts', async (args) => {
  const options = optionsOf(args, ...(['out', 'nginx', 'app', 'path', 'health', 'receiver', 'seconds'] as const));
  const [app, seconds] = [new URL(options.app), Number(options.seconds)];
  await probe(async (check) => {
    const end = performance.now() + seconds * 1000;
    let isRestarted = false;
    const isProxied = options.nginx !== '';
    const outcomes = isProxied ? load(`${options.nginx}/`, () => isRestarted, end) : [];
    const held = await half(app, options.path);
    held.on('error', () => {}); // it is told when the answer is read
    await ask(`${options.receiver}/signals/loaded`, { method: 'PUT' });
    await check('A request in flight is answered while the service ends', async () => {
      await ending(app, options.health, seconds);
      return await finish(held);
    });
    if (!isProxied) return;
    await check('A restart loses no request but while there is no service', async () => {
      await until(seconds, async () => {
        isRestarted = (await ask(`${options.receiver}/signals/restarted`)).status === 200;
        expectThat(isRestarted, 'it has not been restarted');
      });
      const back = performance.now();
      const all = await outcomes;
      expectThat(isWell(all), 'the service is back, and requests are not answered again');
      return judge(all, back);
    });
  }, options.out);
});
