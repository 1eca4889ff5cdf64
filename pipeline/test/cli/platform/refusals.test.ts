// What Docker Compose says when it fails, in the words of engines of different ages; told in one sentence, with a remedy.
import { expect, test } from 'vitest';
import { faultOf, refusalOf } from '../../../cli/platform/refusals.ts';

const said = (stderr: string) => ({ exitCode: 1, stdout: '', stderr });

const refusals: [name: string, stderr: string, code: string, message: string][] = [
  [
    'Docker 20.10, a port of another program',
    'Error response from daemon: driver failed programming external connectivity on endpoint drydock-nginx-1 (6f1b): Error starting userland proxy: listen tcp4 0.0.0.0:8080: bind: address already in use',
    'PORT_IN_USE',
    'port 8080 of this machine is in use',
  ],
  [
    'a port of another container',
    'Error response from daemon: driver failed programming external connectivity on endpoint drydock-nginx-1 (6f1b): Bind for 0.0.0.0:8080 failed: port is already allocated',
    'PORT_IN_USE',
    'port 8080 of this machine is in use',
  ],
  [
    'Docker 28',
    'Error response from daemon: failed to set up container networking: driver failed programming external connectivity on endpoint x: failed to bind host port for 127.0.0.1:9090:172.18.0.2:9090/tcp: address already in use',
    'PORT_IN_USE',
    'port 9090 of this machine is in use',
  ],
  [
    'Docker Desktop',
    'Error response from daemon: ports are not available: exposing port TCP 0.0.0.0:3000 -> 127.0.0.1:0: listen tcp 0.0.0.0:3000: bind: address already in use',
    'PORT_IN_USE',
    'port 3000 of this machine is in use',
  ],
  [
    'anything else',
    ' Container drydock-app-1  Creating\nError response from daemon: no such volume\n',
    'DEPLOY_FAILED',
    'Docker Compose failed: Error response from daemon: no such volume',
  ],
];
for (const [name, stderr, code, message] of refusals) {
  test(name, () => expect(refusalOf(said(stderr))).toMatchObject({ code, message }));
}

test('a file that is refused: its own words without the folder, and without warnings before them', () => {
  const stderr =
    'time="2026-01-01" level=warning msg="The \\"X\\" variable is not set."\nvalidating /home/me/docker-compose.yml: services.nginx Additional property depend_on is not allowed\n';
  expect(faultOf(said(stderr))).toMatchObject({
    code: 'BAD_COMPOSE',
    message:
      'Docker Compose refuses docker-compose.yml: docker-compose.yml: services.nginx Additional property depend_on is not allowed',
  });
});
