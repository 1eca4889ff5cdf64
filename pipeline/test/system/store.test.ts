// The store of the embedded engine under damage, crashes, a full disk, a small budget and two sessions at once: the next run is right.
import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { readSealed, seal } from '../../engine/store/sealed.ts';
import { makeBase } from './conformance/base.ts';
import { ENGINE, type EngineSession, openSession, sh } from './engine-session.ts';
import { STORE } from './one-id.ts';
import { temporaryFolder } from './support.ts';
import { mountDisk, resizeDisk, unmountDisk } from './tools.ts';

const run = promisify(execFile);

let base: string;
let bundles: string;
beforeAll(async () => {
  const folder = await temporaryFolder('store-base');
  base = await makeBase(folder);
  // The engine is bundled once for all tests here.
  bundles = await temporaryFolder('store-bundles');
  await run(ENGINE, ['--version'], { env: { ...process.env, XDG_CACHE_HOME: bundles } });
});

let cache: string;
const opened: EngineSession[] = [];
beforeEach(async () => {
  cache = await temporaryFolder('store');
  await takeBundle(cache);
});
afterEach(async () => {
  for (const session of opened.splice(0)) await session.kill();
});

const takeBundle = (folder: string) => run('cp', ['-a', join(bundles, 'drydock'), join(folder, 'drydock')]);
const store = (...path: string[]) => join(cache, 'drydock', STORE, ...path);

async function open(env: Record<string, string> = {}): Promise<EngineSession> {
  const session = await openSession({ XDG_CACHE_HOME: cache, ...env });
  opened.push(session);
  return session;
}

/** One session from its start to its end, asked for one value of the base image's container. */
async function once(fields: string, env: Record<string, string> = {}): Promise<string> {
  const session = await open(env);
  const value = await (await session.from(base))(fields);
  await session.close();
  return value;
}

/** A program of the engine, to its end. */
async function engine(args: string[], env: Record<string, string> = {}) {
  const options = { env: { ...process.env, XDG_CACHE_HOME: cache, ...env } };
  const ran = await run(ENGINE, args, options).catch(
    (error) => error as { code: number; stdout: string; stderr: string },
  );
  return { code: 'code' in ran ? ran.code : 0, stdout: ran.stdout, stderr: ran.stderr };
}

const usage = async () => JSON.parse((await engine(['du', '--json'])).stdout);
const entries = (...path: string[]) => readdirSync(store(...path)).map((name) => store(...path, name));
const biggest = (files: string[]) => files.sort((a, b) => statSync(b).size - statSync(a).size)[0] as string;

/** Another bit somewhere in the middle; neither size nor time tells. */
function alter(file: string): void {
  const { atime, mtime } = statSync(file);
  const bytes = readFileSync(file);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] as number) ^ 1;
  writeFileSync(file, bytes);
  utimesSync(file, atime, mtime);
}

/** A step whose answer tells the times that it ran apart. */
const STEP = sh('cat /proc/sys/kernel/random/uuid | tee /id');

test('what nobody touched is found again', async () => {
  expect(await once(STEP)).toBe(await once(STEP));
});

const damages: [what: string, damage: () => void][] = [
  ['the outputs of a step are cut off', () => truncateSync(store('execs', only('execs'), 'stdout'), 5)],
  ['the outputs of a step are altered', () => alter(store('execs', only('execs'), 'stdout'))],
  ['the record of a step is altered', () => alter(store('execs', only('execs'), 'result.json'))],
  ['the record of a step is empty', () => truncateSync(store('execs', only('execs'), 'result.json'), 0)],
  ['the record of a step is missing', () => rmSync(store('execs', only('execs'), 'result.json'))],
  ['the layer of a step is missing', () => rmSync(stepLayer(), { recursive: true })],
  ['the files of a step’s layer are missing', () => rmSync(join(stepLayer(), 'fs'), { recursive: true })],
  ['the mark of a step’s layer is altered', () => alter(join(stepLayer(), 'mark'))],
];
for (const [what, damage] of damages) {
  test(`${what}: it runs again, once`, async () => {
    const first = await once(STEP);
    damage();
    const second = await once(STEP);
    expect(second).toMatch(/^[0-9a-f-]{36}\n$/);
    expect(second).not.toBe(first);
    expect(await once(STEP)).toBe(second);
    expect(await once(sh('cat /proc/sys/kernel/random/uuid | tee /id', 'file(path: "/id") { contents }'))).toBe(second);
  });
}

function only(folder: string): string {
  const [name, ...others] = readdirSync(store(folder));
  if (name === undefined || others.length > 0) throw new Error(`${folder} holds not one thing`);
  return name;
}

const stepLayer = () =>
  store('layers', readSealed<{ layer: string }>(store(), `execs/${only('execs')}/result.json`)?.layer ?? '');

const imageDamages: [what: string, damage: () => void][] = [
  ['the blob of a layer is cut off', () => truncateSync(biggest(entries('blobs/sha256')), 1000)],
  ['the blob of a layer is altered', () => alter(biggest(entries('blobs/sha256')))],
  ['every blob is altered', () => entries('blobs/sha256').forEach(alter)],
  [
    'every record is altered',
    () =>
      readdirSync(store('records'))
        .flatMap((kind) => entries('records', kind))
        .forEach(alter),
  ],
];
for (const [what, damage] of imageDamages) {
  test(`${what}: the image is taken in again, its bytes as they were`, async () => {
    const archive = async () => {
      const session = await open();
      const path = join(cache, 'out.tar');
      await (await session.from(base))(`export(path: ${JSON.stringify(path)})`);
      await session.close();
      return readFileSync(path);
    };
    const whole = await archive();
    damage();
    expect((await archive()).equals(whole)).toBe(true);
    damage();
    rmSync(store('layers'), { recursive: true }); // so that it has to be unpacked anew
    expect(await once(sh('echo right'))).toBe('right\n');
  });
}

test('power is lost before the disk was told: what may be half there is made again', async () => {
  const first = await once(STEP);
  forgetBoot();
  expect(await once(STEP)).toBe(first); // it had been flushed
  rmSync(store('flushed'), { recursive: true });
  const second = await once(STEP);
  expect(second).not.toBe(first);
  expect(await once(STEP)).toBe(second);
});

/** Everything is as if it had been made before the machine was started for the last time. */
function forgetBoot(): void {
  const remake = (place: string) => {
    const value = readSealed<{ made: { boot: string; at: number } }>(store(), place);
    if (value !== undefined)
      writeFileSync(store(place), seal(place, { ...value, made: { ...value.made, boot: 'earlier' } }));
  };
  for (const id of readdirSync(store('layers'))) remake(`layers/${id}/mark`);
  for (const key of readdirSync(store('execs'))) remake(`execs/${key}/result.json`);
  for (const boot of readdirSync(store('flushed')))
    writeFileSync(store('flushed/earlier'), seal('flushed/earlier', readSealed(store(), `flushed/${boot}`)));
}

test('kill -9 in the middle of a step: the next session finds a clean store, and sweeps it', async () => {
  const session = await open({ DRYDOCK_EVENTS: 'json' });
  const ask = await session.from(base);
  const answer = ask(sh('echo begun; sleep 600')).catch(() => {});
  while (!session.said().includes('started')) await new Promise((done) => session.process.stderr?.once('data', done));
  await session.kill();
  await answer;
  expect(readdirSync(store('tmp')).length).toBe(1);
  const { code, stdout } = await engine(['sweep']);
  expect(code).toBe(0);
  expect(stdout).toContain('removed 1 lease of sessions that were killed');
  expect(stdout).toContain('removed 1 folder of unfinished work');
  expect(readdirSync(store('tmp'))).toEqual([]);
  expect((await engine(['sweep'])).stdout).toBe('nothing was left behind\n');
  expect(await once(sh('echo right'))).toBe('right\n');
});

test('two sessions at once run the same step: both see one result', async () => {
  const sessions = [await open(), await open()];
  const answers = await Promise.all(sessions.map(async (session) => (await session.from(base))(STEP)));
  const files = await Promise.all(
    sessions.map(async (session) =>
      (await session.from(base))(sh('cat /proc/sys/kernel/random/uuid | tee /id', 'file(path: "/id") { contents }')),
    ),
  );
  for (const session of sessions) await session.close();
  const kept = await once(STEP);
  // Each caller keeps what it was told; from then on there is one answer, and the files belong to it.
  expect(answers).toContain(kept);
  expect(files).toContain(kept);
  expect((await engine(['gc'])).stdout).not.toContain('error');
  expect(await once(STEP)).toBe(kept);
});

test('gc --all takes nothing from a session that runs, and all once it has ended', async () => {
  const session = await open();
  const ask = await session.from(base);
  const first = await ask(STEP);
  await once(sh('head -c 3000000 /dev/zero > /unused'));
  const during = await engine(['gc', '--all']);
  expect(during.stdout).toMatch(/evicted \d+ execs/);
  expect(during.stdout).toContain('in use by 1 running session');
  expect(readdirSync(store('execs')).length).toBe(1);
  expect(await ask(sh('cat /proc/sys/kernel/random/uuid | tee /id', 'file(path: "/id") { contents }'))).toBe(first);
  expect(await ask(sh('cat /proc/sys/kernel/random/uuid | tee /id', `${sh('echo more')}`))).toBe('more\n');
  await session.close();
  // Of a version that is not in use here.
  mkdirSync(join(cache, 'drydock/tools/other/bin'), { recursive: true });
  writeFileSync(join(cache, 'drydock/tools/other/bin/crun'), '');
  await engine(['gc', '--all']);
  expect(readdirSync(join(cache, 'drydock')).filter((name) => /packages|bundles|tools/.test(name))).toEqual([]);
  expect((await usage()).counted).toBe(0);
  expect(await once(STEP)).not.toBe(first);
});

test('a session that ends leaves no more than the budget, and the most recently used stays', async () => {
  const megabytes = (name: string) => sh(`head -c 3000000 /dev/zero > /${name}; cat /proc/sys/kernel/random/uuid`);
  const old = await once(megabytes('old'));
  for (const path of [...entries('execs'), ...entries('layers')])
    utimesSync(path, new Date(2020, 1), new Date(2020, 1));
  const budget = { DRYDOCK_STORE_BUDGET: '10MB' };
  const first = await once(megabytes('first'), budget);
  const second = await once(megabytes('second'), budget);
  expect((await usage()).counted).toBeLessThan(10e6);
  expect(await once(megabytes('second'), budget)).toBe(second);
  expect(await once(megabytes('first'), budget)).toBe(first);
  expect(await once(megabytes('old'), budget)).not.toBe(old);
});

test('a clock that was ahead: nothing fails, and nothing stays for ever', async () => {
  const first = await once(STEP);
  const future = new Date(Date.now() + 400 * 24 * 60 * 60 * 1000);
  for (const path of [...entries('execs'), ...entries('layers')]) utimesSync(path, future, future);
  expect(await once(STEP)).toBe(first);
  for (const path of [...entries('execs'), ...entries('layers')]) utimesSync(path, future, future);
  await engine(['gc']);
  for (const path of [...entries('execs'), ...entries('layers')])
    expect(statSync(path).mtimeMs).toBeLessThanOrEqual(Date.now());
});

const CLOCK = fileURLToPath(new URL('clock.mjs', import.meta.url));
for (const clock of ['400', '-400', 'jumps']) {
  test(`a clock ${clock === 'jumps' ? 'that jumps' : `off by ${clock} days`} while a session runs: nothing is lost or evicted`, async () => {
    const wrong = { NODE_OPTIONS: `--import=${CLOCK}`, TEST_CLOCK: clock };
    const first = await once(STEP);
    const answers = sh('echo made under a wrong clock; cat /proc/sys/kernel/random/uuid');
    expect(await once(STEP, wrong)).toBe(first);
    const made = await once(answers, wrong);
    expect((await engine(['gc'], wrong)).code).toBe(0);
    expect([await once(STEP), await once(answers)]).toEqual([first, made]);
    // Put together anew under that clock, it starts as well.
    rmSync(join(cache, 'drydock/bundles'), { recursive: true });
    expect(await once(STEP, wrong)).toBe(first);
  });
}

/** Only root may mount a disk. */
const testAsRoot = test.runIf(process.getuid?.() === 0);

testAsRoot('a full disk: one sentence, nothing half-made, and the next run with room is right', async () => {
  rmSync(join(cache, 'drydock'), { recursive: true });
  await mountDisk(cache, '16m');
  const env = { DRYDOCK_STORE_BUDGET: '1GB' };
  const full = /^the disk is full: there is no room left at \S+; make room/;
  try {
    await takeBundle(cache);
    const session = await open(env);
    const ask = await session.from(base);
    expect(await ask(sh('echo before'))).toBe('before\n');
    // Whatever the step makes of it: by exit code, by ignoring it, and by what it says.
    await expect(ask(sh('head -c 40000000 /dev/zero > /big'))).rejects.toThrow(full);
    await expect(ask(sh('head -c 40000000 /dev/zero > /big; true'))).rejects.toThrow(full);
    await expect(ask(sh('head -c 40000000 /dev/zero'))).rejects.toThrow(full);
    expect(await ask(sh('echo after'))).toBe('after\n');
    await session.close();
    expect(readdirSync(store('tmp'))).toEqual([]);
    expect(readdirSync(store('execs')).length).toBe(2);

    // An image that is taken in where too little room is left.
    rmSync(store(), { recursive: true });
    const { bavail, bsize } = statfsSync(cache);
    writeFileSync(join(cache, 'ballast'), Buffer.alloc(bavail * bsize - 1_000_000));
    const poor = await open(env);
    await expect((await poor.from(base))(sh('echo pulled'))).rejects.toThrow(full);
    await poor.close();
    rmSync(join(cache, 'ballast'));
    expect(await once(sh('echo pulled'), env)).toBe('pulled\n');
    await resizeDisk(cache, '64m');
    expect(await once(sh('head -c 40000000 /dev/zero > /big; wc -c < /big'), env)).toBe('40000000\n');

    // Not even room for a session.
    writeFileSync(join(cache, 'ballast'), Buffer.alloc(1));
    await run('sh', ['-c', `head -c 100000000 /dev/zero > ${cache}/ballast`]).catch(() => {});
    const refused = await engine(['session'], env);
    expect([refused.code, refused.stderr]).toEqual([
      3,
      expect.stringMatching(/^error: the disk is full: .*\nhint: .*\n$/),
    ]);
    expect((await engine(['gc', '--all'], env)).code).toBe(0);
    expect(await once(sh('echo right'), env)).toBe('right\n');
  } finally {
    await Promise.all(opened.splice(0).map((session) => session.kill()));
    await unmountDisk(cache);
  }
});

test('a store of another format or with a damaged stamp is left alone, and gc --all makes the way free', async () => {
  await once(STEP);
  mkdirSync(join(cache, 'drydock/store-v1/layers/old/fs'), { recursive: true });
  expect((await engine(['du'])).stdout).toMatch(/store-v1: a store of another version \(v1\), left alone/);
  writeFileSync(store('format'), 'drydock store 99\n');
  const newer = await engine(['session']);
  expect([newer.code, newer.stderr]).toEqual([
    3,
    expect.stringMatching(/^error: the store at \S+ has format 99, this engine reads 2\nhint: .*gc --all/m),
  ]);
  writeFileSync(store('format'), '\0\0\0');
  const damaged = await engine(['session']);
  expect([damaged.code, damaged.stderr]).toEqual([
    3,
    expect.stringMatching(/^error: the store at \S+ does not say which version/m),
  ]);
  expect((await engine(['sweep'])).code).toBe(3);
  const cleared = await engine(['gc', '--all']);
  expect(cleared.code).toBe(0);
  expect(cleared.stdout.match(/^removed \S+store-v\d/gm)?.length).toBe(2);
  expect(existsSync(store())).toBe(false);
  expect(await once(sh('echo right'))).toBe('right\n');
});

const wrong: [args: string[], env: Record<string, string>, said: RegExp][] = [
  [['sesion'], {}, /^error: unknown command: sesion\nhint: did you mean session\?\n$/],
  [['gc', '--kep', '1GB'], {}, /^error: unknown word after gc: --kep\nhint: did you mean --keep\?\n$/],
  [['gc', '--keep', 'much'], {}, /^error: --keep is not a size: much\nhint: .+\n$/],
  [['session'], { DRYDOCK_STORE_BUDGET: 'much' }, /^error: DRYDOCK_STORE_BUDGET is not a size: much\nhint: .+\n$/],
  [['du'], { DRYDOCK_STORE_BUDGET: '-1' }, /^error: DRYDOCK_STORE_BUDGET is not a size: -1\nhint: .+\n$/],
];
for (const [args, env, said] of wrong) {
  test(`usage error: ${args.join(' ')} ${Object.entries(env).join('=')}`, async () => {
    const { code, stderr } = await engine(args, env);
    expect(stderr.replace(/^warning: .*\n/, '')).toMatch(said);
    expect(code).toBe(2);
  });
}
