// Whether what Docker applied is what the file asks for: one that does not hold is named, whatever the others say.
import { expect, test } from 'vitest';
import { appliedRows } from '../../../cli/platform/applied.ts';
import type { ConfiguredService, Inspected } from '../../../cli/platform/project.ts';
import { container } from './make.ts';

type Case = [
  name: string,
  asked: Partial<ConfiguredService>,
  is: Inspected,
  row: string,
  status: string,
  detail: string,
];
const limits = { cpus: 0.5, memory: '67108864', pids: 64 };
const rows: Case[] = [
  ['a root that can be written', { read_only: true }, container({}), 'read_only', 'failed', 'app: false, not true'],
  [
    'one that cannot',
    { read_only: true },
    container({ HostConfig: { ReadonlyRootfs: true } }),
    'read_only',
    'passed',
    'app true',
  ],
  ['capabilities that are kept', { cap_drop: ['ALL'] }, container({}), 'cap_drop', 'failed', 'app: nothing, not ALL'],
  ['no restart', { restart: 'unless-stopped' }, container({}), 'restart', 'failed', 'app: no, not unless-stopped'],
  [
    'half a processor',
    { deploy: { resources: { limits } } },
    container({ HostConfig: { NanoCpus: 500_000_000 } }),
    'limit of processors',
    'passed',
    'app 0.5',
  ],
  [
    'memory without end',
    { deploy: { resources: { limits } } },
    container({}),
    'limit of memory',
    'failed',
    'app: 0, not 67108864',
  ],
  [
    'processes without end',
    { deploy: { resources: { limits } } },
    container({}),
    'limit of processes',
    'failed',
    'app: null, not 64',
  ],
  [
    'a port for the world that was meant for the loopback address',
    { ports: [{ target: 9090, host_ip: '127.0.0.1' }] },
    container({ NetworkSettings: { Ports: { '9090/tcp': [{ HostIp: '0.0.0.0', HostPort: '9090' }] } } }),
    'ports on the loopback address',
    'failed',
    'app: 9090, not 9090 (loopback)',
  ],
  [
    'a port that is exposed and not published',
    { ports: [{ target: 8080 }] },
    container({
      NetworkSettings: { Ports: { '8080/tcp': [{ HostIp: '0.0.0.0', HostPort: '1' }], '8000/tcp': null } },
    }),
    'ports on the loopback address',
    'passed',
    'app 8080',
  ],
  [
    'a folder in memory with its owner',
    { tmpfs: ['/tmp', '/run:uid=101'] },
    container({ HostConfig: { Tmpfs: { '/tmp': '', '/run': 'uid=101' } } }),
    'tmpfs',
    'passed',
    'app /run:uid=101 /tmp',
  ],
];
for (const [name, asked, is, row, status, detail] of rows) {
  test(name, () => {
    const found = appliedRows(new Map([['app', { image: 'x', ...asked }]]), new Map([['app', is]]));
    expect(found.find((one) => one.name === `Docker applies: ${row}`)).toMatchObject({ status, detail });
  });
}

test('what nobody asks for has no row, and neither has a service that does not run', () => {
  const asking = new Map([['grafana', { image: 'x', read_only: true }]]);
  expect(appliedRows(new Map([['app', { image: 'x' }]]), new Map([['app', container({})]]))).toEqual([]);
  expect(appliedRows(asking, new Map())).toEqual([]);
});
