// What the state of a container means, and which services are started with one that is asked for.
import { expect, test } from 'vitest';
import { judge, withNeeds } from '../../../cli/platform/health.ts';
import type { ConfiguredService } from '../../../cli/platform/project.ts';
import { container } from './make.ts';

const at = (second: number) => `2026-01-01T00:00:0${second}.000Z`;
const check = (Status: string, ...codes: number[]) => ({
  Status,
  Log: codes.map((ExitCode, index) => ({ End: at(index + 1), ExitCode, Output: '' })),
});

const rows: [name: string, found: Parameters<typeof judge>[0], verdict: object][] = [
  ['no container', undefined, { is: 'bad', why: expect.stringMatching(/^it was not started/) }],
  ['created, and left there', container({ State: { Status: 'created' } }), { is: 'bad' }],
  ['its check has not run', container({ State: { Health: check('starting') } }), { is: 'waiting' }],
  ['well at its second check', container({ State: { Health: check('healthy', 1, 0) } }), { is: 'healthy', seconds: 2 }],
  [
    'its check fails',
    container({ State: { Health: check('unhealthy', 1, 1) } }),
    { is: 'bad', why: 'its check failed' },
  ],
  ['it has no check', container({}), { is: 'healthy', seconds: 0 }],
  [
    'it has ended',
    container({ State: { Status: 'exited', ExitCode: 3 } }),
    { is: 'bad', why: 'it ended with exit code 3' },
  ],
  ['restarting', container({ State: { Status: 'restarting' }, RestartCount: 1 }), { is: 'waiting' }],
  [
    'it begins again and again',
    container({ State: { Status: 'restarting', ExitCode: 1 }, RestartCount: 3 }),
    { is: 'bad' },
  ],
];
for (const [name, found, verdict] of rows) test(name, () => expect(judge(found)).toMatchObject(verdict));

const service = (...needs: string[]): ConfiguredService => ({
  image: 'x',
  depends_on: Object.fromEntries(needs.map((name) => [name, {}])),
});
const services = new Map([
  ['app', service()],
  ['nginx', service('app')],
  ['prometheus', service('alertmanager')],
  ['alertmanager', service()],
]);
const needs: [asked: string[], started: string[]][] = [
  [['app'], ['app']],
  [['nginx'], ['app', 'nginx']],
  [
    ['prometheus', 'app'],
    ['app', 'prometheus', 'alertmanager'],
  ],
];
for (const [asked, started] of needs) {
  test(`with ${asked.join(' ')}`, () => expect(withNeeds(services, asked)).toEqual(started));
}
