// Making sure of the engine's programs, on a machine that is played: what is run, asked and said, and what it comes to.
import type * as ChildProcess from 'node:child_process';
import type * as Fs from 'node:fs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Consent, ensureRequirements } from '../../cli/requirements.ts';
import { type Refusal, toRefusal } from './make.ts';

const ALL = ['crun', 'tini-static', 'unshare', 'nsenter', 'mount', 'ip', 'pasta', 'nft', 'newuidmap', 'newgidmap'];

const machine = vi.hoisted(() => ({
  release: 'ID=debian\n' as string | null,
  programs: new Set<string>(),
  /** Exit code and output by the command's beginning. */
  answers: {} as Record<string, { code: number; says: string }>,
  answer: 'y',
  /** Programs that come with an install. */
  brings: [] as string[],
  ran: [] as string[],
  asked: [] as string[],
}));

vi.mock('node:fs', async (original) => {
  const real = await original<typeof Fs>();
  return {
    ...real,
    accessSync: (path: string) => {
      if (!machine.programs.has(path)) throw new Error(`ENOENT: ${path}`);
    },
    readFileSync: (path: string) => {
      if (path !== '/etc/os-release' || machine.release === null) throw new Error(`ENOENT: ${path}`);
      return machine.release;
    },
  };
});

vi.mock('node:child_process', async (original) => {
  const real = await original<typeof ChildProcess>();
  const spawn = (program: string, args: string[], options: ChildProcess.SpawnOptions) => {
    const command = [program, ...args].join(' ');
    machine.ran.push(command);
    const answer = Object.entries(machine.answers).find(([start]) => command.startsWith(start))?.[1];
    if (answer === undefined && / install /.test(command))
      for (const path of machine.brings) machine.programs.add(path);
    const { code, says } = answer ?? { code: 0, says: '' };
    if (code === 127) return real.spawn('/nowhere/sudo', [], options);
    return real.spawn('sh', ['-c', 'echo "$1"; exit "$2"', 'sh', says, String(code)], options);
  };
  return { ...real, spawn };
});

vi.mock('node:readline/promises', () => ({
  createInterface: () => ({
    question: async (question: string) => {
      machine.asked.push(question);
      return machine.answer;
    },
    close: () => {},
  }),
}));

beforeEach(() => {
  const dull = { release: 'ID=debian\n', answers: {}, answer: 'y', ran: [], asked: [], brings: ['/usr/bin/crun'] };
  Object.assign(machine, { ...dull, programs: new Set(ALL.slice(1).map((name) => `/usr/bin/${name}`)) });
  vi.spyOn(process, 'getuid').mockReturnValue(0);
});
afterEach(() => vi.restoreAllMocks());

async function ensure(over: Partial<Consent> = {}): Promise<{ said: string[]; refused: Refusal | null }> {
  const said: string[] = [];
  const consent = {
    yes: true,
    env: { PATH: '/opt/bin:/usr/bin' },
    canAsk: false,
    say: (line: string) => said.push(line),
  };
  const refused = await ensureRequirements({ ...consent, ...over }).then(() => null, toRefusal);
  return { said, refused };
}

const INSTALL = 'apt-get install -y --no-install-recommends crun';

test('with everything there, nothing is run or said', async () => {
  machine.programs.add('/opt/bin/crun');
  expect(await ensure()).toEqual({ said: [], refused: null });
  expect(machine.ran).toEqual([]);
});

test('where there is runc, crun is not missed', async () => {
  machine.programs.add('/usr/bin/runc');
  expect(await ensure()).toEqual({ said: [], refused: null });
});

test('the folders of administrators are looked into', async () => {
  machine.programs.add('/usr/sbin/crun');
  expect(await ensure({ yes: false })).toEqual({ said: [], refused: null });
});

test('root does not need the programs of those who are not', async () => {
  machine.programs = new Set(ALL.slice(0, -2).map((name) => `/usr/bin/${name}`));
  expect((await ensure({ yes: false })).refused).toBeNull();
  vi.spyOn(process, 'getuid').mockReturnValue(1000);
  machine.answers = { sudo: { code: 1, says: '' } };
  expect((await ensure({ yes: false })).refused?.message).toBe('the embedded engine needs newuidmap, newgidmap');
});

const allowed: [name: string, consent: Partial<Consent>][] = [
  ['--yes', { yes: true }],
  ['CI', { yes: false, env: { PATH: '/usr/bin', CI: 'true' } }],
];
for (const [name, consent] of allowed) {
  test(`with ${name}, what is missing is installed, and that is said`, async () => {
    expect(await ensure(consent)).toEqual({ said: [`installing crun: ${INSTALL}`], refused: null });
    expect(machine.ran).toEqual(['apt-get update -qq', INSTALL]);
    expect(machine.asked).toEqual([]);
  });
}

test('without root, sudo installs', async () => {
  vi.spyOn(process, 'getuid').mockReturnValue(1000);
  expect(await ensure()).toEqual({ said: [`installing crun: sudo -n ${INSTALL}`], refused: null });
  expect(machine.ran).toEqual(['sudo -n true', 'sudo -n apt-get update -qq', `sudo -n ${INSTALL}`]);
});

const refusal = (message: string, hint: string): Refusal => ({ code: 'MISSING_PROGRAMS', exitCode: 3, message, hint });

test('without root and without a sudo, the command is named', async () => {
  vi.spyOn(process, 'getuid').mockReturnValue(1000);
  machine.answers = { sudo: { code: 127, says: '' } };
  expect((await ensure()).refused).toEqual(refusal('the embedded engine needs crun', `sudo ${INSTALL}`));
  expect(machine.ran).toEqual(['sudo -n true']);
});

for (const answer of ['y', ' YES ']) {
  test(`somebody is asked, and answers ${JSON.stringify(answer)}`, async () => {
    machine.answer = answer;
    expect((await ensure({ yes: false, canAsk: true })).refused).toBeNull();
    expect(machine.asked).toEqual([`The embedded engine needs crun. Run \`${INSTALL}\`? [y/N] `]);
    expect(machine.ran).toContain(INSTALL);
  });
}

for (const answer of ['', 'n', 'yesterday']) {
  test(`somebody is asked, and answers ${JSON.stringify(answer)}: nothing is run`, async () => {
    machine.answer = answer;
    const { refused } = await ensure({ yes: false, canAsk: true });
    expect(refused).toEqual(refusal('the embedded engine needs crun', INSTALL));
    expect(machine.ran).toEqual([]);
  });
}

for (const release of [null, 'ID=nixos\n']) {
  test(`nothing is run on a system of ${JSON.stringify(release)}`, async () => {
    machine.release = release;
    expect((await ensure()).refused).toEqual(refusal('the embedded engine needs crun', 'install crun'));
    expect(machine.ran).toEqual([]);
  });
}

test('an install that fails is told by its last lines', async () => {
  machine.answers = { [INSTALL]: { code: 100, says: 'one\ntwo\nE: three\nE: four' } };
  expect((await ensure()).refused).toEqual(
    refusal(`\`${INSTALL}\` failed: two E: three E: four`, 'run it by hand, and see what it says'),
  );
});

test('lists that cannot be had don’t matter if the install works', async () => {
  machine.answers = { 'apt-get update': { code: 100, says: 'E: no network' } };
  expect((await ensure()).refused).toBeNull();
});

test('a program that is still missing afterwards', async () => {
  machine.brings = [];
  expect((await ensure()).refused).toEqual(
    refusal('crun cannot be found, though the packages are installed', 'is PATH as it should be?'),
  );
});
