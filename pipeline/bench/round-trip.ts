// What the SDK itself takes of each call: it asks a server that answers at once, in a process of its own.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type Client, connect } from '@dagger.io/dagger';

const FILE = fileURLToPath(import.meta.url);

if (process.argv[1] === FILE) {
  const server = createServer((request, response) => {
    const answer = '{"data":{"container":{"withExec":{"sync":"an id"}}}}';
    request.resume().once('end', () => response.setHeader('content-type', 'application/json').end(answer));
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
}

/** Gives `work` a client of that server. */
export async function withInstantAnswers(work: (client: Client) => Promise<void>): Promise<void> {
  const server = fork(FILE);
  const { DAGGER_SESSION_PORT, DAGGER_SESSION_TOKEN } = process.env;
  try {
    const [port] = (await once(server, 'message')) as [number];
    Object.assign(process.env, { DAGGER_SESSION_PORT: String(port), DAGGER_SESSION_TOKEN: 'none' });
    await connect(work);
  } finally {
    Object.assign(process.env, { DAGGER_SESSION_PORT, DAGGER_SESSION_TOKEN });
    server.kill();
  }
}
