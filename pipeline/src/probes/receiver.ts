// The one whom Alertmanager tells, in place of all who are told otherwise: keeps what it hears, and says it to who asks.
// It also keeps signals, by which probes that run side by side wait for each other.
//
//   node receiver.ts --port 9095
//
// GET /messages: all that was heard. PUT and GET /signals/NAME: set one, or see whether it is set (404 if not). GET /health.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { optionsOf, runAsProgram } from './program.ts';

export type Message = { path: string; authorization: string | null; body: unknown };

export function receiver(hear: (message: Message) => void = () => {}): Server {
  const messages: Message[] = [];
  const signals = new Set<string>();
  return createServer(async (incoming, outgoing) => {
    const path = incoming.url ?? '/';
    if (path === '/health') return answer(outgoing, 200, { status: 'ok' });
    if (path === '/messages') return answer(outgoing, 200, messages);
    if (path.startsWith('/signals/')) {
      if (incoming.method === 'PUT') signals.add(path);
      return answer(outgoing, signals.has(path) ? 200 : 404, {});
    }
    const message = await read(incoming);
    messages.push(message);
    hear(message);
    // PagerDuty says 202, others anything below 300.
    answer(outgoing, 202, {});
  });
}

async function read(incoming: IncomingMessage): Promise<Message> {
  const sent = await text(incoming);
  return { path: incoming.url ?? '/', authorization: incoming.headers.authorization ?? null, body: parsed(sent) };
}

/** Not all send JSON. */
function parsed(sent: string): unknown {
  try {
    return JSON.parse(sent);
  } catch {
    return sent;
  }
}

function answer(outgoing: ServerResponse, status: number, body: unknown): void {
  outgoing.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

runAsProgram('receiver.ts', async (args) => {
  receiver((message) => console.log(JSON.stringify(message))).listen(Number(optionsOf(args, 'port').port));
  process.on('SIGTERM', () => process.exit(0));
});
