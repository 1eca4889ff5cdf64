// The doctor on this machine, as it is, and with something taken away: what it says is there can be used, what it says is a wall is one.
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { $ } from 'zx';
import type { Row } from '../../cli/doctor/checks.ts';
import { ENGINE, openSession } from './engine-session.ts';
import { hasOneId } from './one-id.ts';
import { coldCache, command, type Environment, environment, ROOT, temporaryFolder } from './support.ts';
import { tool, toolsFolder } from './tools.ts';

const isRoot = process.getuid?.() === 0;

type Told = { exitCode: number | null; rows: Map<string, Row>; canRun: boolean; all: string };

/** `ci.ts doctor --json` with a cache that is empty; `before` begins the command line. */
async function doctor(before: readonly string[], args: readonly string[], env: Environment = {}): Promise<Told> {
  const cache = await temporaryFolder('doctor');
  const words = [...before, ...command(['doctor', '--json', '--engine', 'embedded', ...args]).flat()];
  const [program = '', ...rest] = words;
  const options = {
    cwd: ROOT,
    env: environment({ XDG_CACHE_HOME: cache, DRYDOCK_TOOLS: '', CI: '', ...env }),
    nothrow: true,
    quiet: true,
  };
  const { exitCode, stdout, stderr } = await $(options)`${program} ${rest}`;
  if (!stdout.startsWith('{')) throw new Error(`no answer (exit code ${exitCode}): ${stdout}${stderr}`);
  const { rows, canRun } = JSON.parse(stdout) as { rows: Row[]; canRun: boolean };
  return { exitCode, canRun, rows: new Map(rows.map((row) => [row.check, row])), all: stdout + stderr };
}

test('this machine, where the tests of the engine run, has what the engine needs', async () => {
  const { rows, canRun, exitCode } = await doctor([], []);
  const status = (check: string) => [check, rows.get(check)?.status];
  const needed = ['node', 'git', 'engine', 'programs', 'namespaces', 'kernel', 'network'];
  expect(needed.map(status)).toEqual(needed.map((check) => [check, 'ok']));
  expect(rows.get('ids')?.status).toBe(isRoot ? 'unasked' : hasOneId ? 'warning' : 'ok');
  if (!isRoot)
    expect(rows.get('limits')).toMatchObject({ status: 'warning', found: expect.stringContaining('not enforced') });
  expect([canRun, exitCode]).toEqual(rows.get('images')?.status === 'blocked' ? [false, 3] : [true, 0]);
});

const folders = (process.env.PATH ?? '').split(':');
test.for([
  [
    'without the folders of administrators, as ordinary users have it',
    folders.filter((one) => !/\/sbin\/?$/.test(one)),
  ],
  ['of one folder, as a container may have it', ['/usr/local/bin']],
  ['that names nothing', ['/nowhere']],
] as const)('a PATH %s is enough', async ([, path]) => {
  const { rows } = await doctor([], [], { PATH: path.join(':') });
  for (const check of ['git', 'programs', 'kernel', 'network']) expect(rows.get(check)).toMatchObject({ status: 'ok' });
});

test('nor does a script of the engine that is called by hand need more than Node', async () => {
  const path = await temporaryFolder('node-alone');
  symlinkSync(process.execPath, join(path, 'node'));
  const env = { ...process.env, PATH: path };
  const { stdout } = await $({ env, cwd: path })`/bin/sh -c ${`exec ${ENGINE} --version`}`;
  expect(stdout).toMatch(/^embedded-engine \d/);
});

test.runIf(isRoot)('without a runtime, and no way to fetch one: the one command (needs root, to hide it)', async () => {
  const mount = (await tool('mount')).join(' ');
  const hide = `for program in /usr/bin/runc /usr/sbin/runc /usr/bin/crun; do test ! -e $program || ${mount} --bind /dev/null $program; done`;
  const cache = await temporaryFolder('doctor-cache');
  const { rows, exitCode } = await doctor(
    ['unshare', '--mount', 'sh', '-c', `${hide}; exec "$@"`, 'sh'],
    ['--offline'],
    {
      XDG_CACHE_HOME: cache,
    },
  );
  expect(exitCode).toBe(3);
  expect(rows.get('programs')).toMatchObject({
    status: 'blocked',
    found: expect.stringMatching(/^the engine's own tools could not be fetched, and this machine lacks .*crun/),
    fix: expect.stringMatching(/install .*\bcrun\b/),
  });
  expect(rows.get('kernel')?.status).toBe('unasked');
});

test.runIf(isRoot)('without a network: said soon, with the way out (needs root, to cut it off)', async () => {
  const loopback = `${(await tool('ip')).join(' ')} link set lo up; exec "$@"`;
  const { rows, exitCode } = await doctor(['unshare', '--net', 'sh', '-c', loopback, 'sh'], []);
  expect(exitCode).toBe(3);
  // A bare machine has no programs of its own and cannot fetch any, which is all that it is told then.
  if (rows.get('programs')?.status === 'blocked') return;
  expect(rows.get('images')?.status).toBe('blocked');
  expect(rows.get('packages')?.status).toBe('warning');
  expect(rows.get('network')).toMatchObject({ status: 'blocked', fix: expect.stringContaining('--offline') });
  expect(rows.get('kernel')?.status).toBe('ok');
});

test.runIf(isRoot)(
  'without user namespaces: the setting that has them again (needs root, to forbid them)',
  async () => {
    // The limit of a namespace inside the machine's first one, so that nobody else has it.
    const forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"';
    const { rows, exitCode } = await doctor(['unshare', '--user', '--map-root-user', 'sh', '-c', forbid, 'sh'], []);
    expect(exitCode).toBe(3);
    expect(rows.get('namespaces')).toMatchObject({
      status: 'blocked',
      fix: 'sudo sysctl -w user.max_user_namespaces=15000',
    });
    expect(rows.get('kernel')?.status).toBe('unasked');
  },
);

// As Docker's filter of system calls does to whom `docker exec --user` starts (moby/profiles, seccomp/default.json).
test.runIf(isRoot)('a user whom a filter refuses namespaces: no row says that there are any (needs root)', async () => {
  const call = process.arch === 'arm64' ? { prctl: 167, unshare: 97 } : { prctl: 157, unshare: 272 };
  const filter = `
    my $filter = pack("SCCL" x 4, 0x20, 0, 0, 0, 0x15, 0, 1, ${call.unshare}, 0x06, 0, 0, 0x50001, 0x06, 0, 0, 0x7fff0000);
    my $program = pack("Sx6P", 4, $filter);
    syscall(${call.prctl}, 22, 2, $program) == 0 or die "prctl: $!";
    exec @ARGV`;
  const reading = ['--inh-caps=-all,+dac_read_search', '--ambient-caps=+dac_read_search'];
  const user = [...(await tool('setpriv')), '--reuid=41235', '--regid=41235', '--clear-groups', ...reading, '--'];
  const cache = await temporaryFolder('doctor-user');
  chmodSync(cache, 0o777);
  const { rows, exitCode } = await doctor([...(await tool('perl')), '-e', filter, '--', ...user], ['--offline'], {
    DRYDOCK_TOOLS: await toolsFolder(),
    XDG_CACHE_HOME: cache,
  });
  expect(exitCode).toBe(3);
  expect(rows.get('namespaces')?.status).toBe('unasked');
  expect(rows.get('kernel')).toMatchObject({
    status: 'blocked',
    found: expect.stringMatching(/^users cannot make namespaces here: .*Operation not permitted/),
  });
});

test.runIf(isRoot)('without a capability that every step needs: its name (needs root, to drop it)', async () => {
  const drop = [...(await tool('setpriv')), '--inh-caps=-all', '--bounding-set=-chown'];
  const { rows, exitCode } = await doctor(drop, ['--offline'], { DRYDOCK_TOOLS: await toolsFolder() });
  expect(exitCode).toBe(3);
  expect(rows.get('kernel')).toMatchObject({
    status: 'blocked',
    found: 'no step can run here: root lacks CAP_CHOWN',
    fix: expect.stringMatching(/^docker run --cap-add SYS_ADMIN .* IMAGE$/),
  });
  expect(rows.get('images')?.status).toBe('unasked');
});

test('with --offline, an empty cache is the only wall', async () => {
  const { rows, exitCode } = await doctor([], ['--offline'], { DRYDOCK_TOOLS: await toolsFolder() });
  const walls = [...rows.values()].filter(({ status }) => status === 'blocked');
  expect([exitCode, walls.map(({ check }) => check)]).toEqual([3, ['images']]);
});

describe('an engine that somebody else has started, which is how any but the embedded one is met', () => {
  let cache: Environment;
  beforeAll(async () => {
    cache = await coldCache();
  });

  async function trialOn(more: Environment): Promise<Row | undefined> {
    const session = await openSession({ ...cache, ...more });
    try {
      const { rows } = await doctor([], ['--engine', 'dagger'], { ...cache, ...session.environment });
      return rows.get('trial');
    } finally {
      await session.close();
    }
  }

  test.for([
    ['as it is', {}],
    ['like a Dagger Engine', { DRYDOCK_LIKE_DAGGER: '1' }],
  ] as const)('%s: it is tried, and does all that the stages want', async ([, like]) => {
    const trial = await trialOn(like);
    const [, tried = ''] = /as expected: (.*) \(/.exec(trial?.found ?? '') ?? [];
    expect(tried.split(', ').sort(), trial?.found).toEqual([
      ...['certificates', 'disk', 'folder', 'image', 'network', 'secret', 'service', 'step', 'version'],
    ]);
    expect(trial).not.toMatchObject({ status: 'blocked' });
  });

  test('one whose steps have no network is told from one that does all', async () => {
    const trial = await trialOn({ DRYDOCK_OFFLINE: '1' });
    expect(trial).toMatchObject({
      status: 'warning',
      found: expect.stringMatching(/^network: a step does not reach http/),
    });
  });
});

test('settings that are wrong are named, and no secret is shown', async () => {
  const folder = await temporaryFolder('doctor-home');
  mkdirSync(join(folder, 'docker'));
  const SECRET = ['swordfish', '55'].join('');
  const auth = (text: string) => ({ auth: Buffer.from(text).toString('base64') });
  const auths = { 'registry.example': auth(`ada:${SECRET}`), 'other.example': auth(`${SECRET} without a colon`) };
  writeFileSync(join(folder, 'docker/config.json'), JSON.stringify({ auths }));
  const { rows, all } = await doctor([], ['--offline'], {
    DOCKER_CONFIG: join(folder, 'docker'),
    HTTPS_PROXY: `http://ada:${SECRET}@127.0.0.1:3128`,
    NODE_EXTRA_CA_CERTS: join(folder, 'no-such.pem'),
  });
  expect(rows.get('credentials')).toMatchObject({ status: 'warning', fix: 'docker login other.example' });
  expect(rows.get('proxy')?.found).toMatch(/^HTTPS_PROXY is on this machine’s loopback/);
  expect(rows.get('certificates')?.found).toMatch(/no-such\.pem cannot be read$/);
  for (const text of [SECRET, Buffer.from(`ada:${SECRET}`).toString('base64')]) expect(all).not.toContain(text);
});
