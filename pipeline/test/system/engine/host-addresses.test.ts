// Addresses that lead to the host, though no list of its interfaces has them, as those of an idle interface are, or not yet when a session began.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sdkSession } from '../sdk-session.ts';
import { hostAddresses, reached } from './attempts.ts';

const { base } = sdkSession();

/** Of the network that documentation has for itself (RFC 5737). */
const [EARLY, LATE] = ['203.0.113.7', '203.0.113.129'];
/** All of a network leads to this machine, as a load balancer's does; an interface of it would be in the way of other tests. */
const route = (verb: 'add' | 'delete', network: string) =>
  execFileSync('ip', ['route', verb, 'local', network, 'dev', 'lo'], { stdio: 'pipe' });

describe.runIf(process.getuid?.() === 0)('on a machine with more addresses (needs root)', () => {
  let server: Server;
  const ports = () => [EARLY, LATE].map((address) => `${address} ${(server.address() as AddressInfo).port}`);
  beforeAll(async () => {
    route('add', '203.0.113.0/26');
    server = createServer((socket) => socket.on('error', () => {}).end('reached')).listen(0, '0.0.0.0');
    await once(server, 'listening');
  });
  afterAll(() => {
    server.close();
    for (const network of ['203.0.113.0/26', '203.0.113.128/26']) route('delete', network);
  });
  const answers = async (host: string) => {
    const socket = connect({ host, port: (server.address() as AddressInfo).port });
    await once(socket, 'connect');
    socket.destroy();
  };

  test('one that no interface has', async () => {
    await answers(EARLY);
    expect(hostAddresses()).not.toContain(EARLY);
    expect(await reached(base(), ports())).toEqual([]);
  });

  test('one that the machine gets while the session lasts', async () => {
    route('add', '203.0.113.128/26');
    await answers(LATE);
    expect(await reached(base().withEnvVariable('AGAIN', '1'), ports())).toEqual([]);
  });
});
