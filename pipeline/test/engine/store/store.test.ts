// The store itself, with Node alone: what is whole is used, what a living session uses stays, and what is neither goes.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { verify } from '../../../engine/commands/verify.ts';
import { readExecRecord } from '../../../engine/store/execs.ts';
import { Flushes, monotonic } from '../../../engine/store/flushes.ts';
import { evictionSign, Lease, readLeases } from '../../../engine/store/leases.ts';
import { withLock } from '../../../engine/store/lock.ts';
import { seal } from '../../../engine/store/sealed.ts';
import { markOf, markPlace, sha256 } from '../../../engine/store/store.ts';
import { BOOT_ID, processName } from '../../../src/process-name.ts';
import { TYPESCRIPT } from '../../typescript.ts';
import { addExec, addLayer, openStore, temporaryRoot } from './stores.ts';

const blobOf = (content: string) => ({ digest: `sha256:${sha256(content)}`, size: content.length });

// ── Damage ────────────────────────────────────────────────────────────────────────────────────

test('a layer is there for the next session, and not before it is committed', async () => {
  const root = temporaryRoot();
  const first = openStore(root);
  expect(await first.hasLayer('a')).toBe(false);
  await addLayer(first, 'a');
  await first.close();
  expect(await openStore(root).hasLayer('a')).toBe(true);
});

test('whoever comes second with a layer finds the first one’s', async () => {
  const root = temporaryRoot();
  const [one, other] = [openStore(root), openStore(root)];
  await addLayer(one, 'a', 1);
  await addLayer(other, 'a', 2);
  expect(readFileSync(join(other.layerPath('a'), 'file')).length).toBe(1);
});

test('a new volume that two make at once is that of the first, who may be using it already', async () => {
  const root = temporaryRoot();
  const [one, other] = [openStore(root), openStore(root)];
  let first = 0;
  const second = await other.volume('new', async (aside) => {
    first = statSync(await one.volume('new', async (itsAside) => mkdirSync(itsAside))).ino;
    mkdirSync(aside);
  });
  expect(statSync(second).ino).toBe(first);
});

test('a layer that is damaged gives way to a new one', async () => {
  const root = temporaryRoot();
  await addLayer(openStore(root), 'a', 1);
  writeFileSync(join(root, 'layers/a/mark'), '');
  const store = openStore(root);
  await addLayer(store, 'a', 2);
  expect(readFileSync(join(store.layerPath('a'), 'file')).length).toBe(2);
});

test.each(['adoptBlob', 'keepBlob'] as const)('a blob of another size or content is thrown away (%s)', async (way) => {
  const store = openStore(temporaryRoot());
  const blob = blobOf('content');
  const adopt = async () => {
    const file = store.scratch('blob');
    writeFileSync(file, 'content');
    await store[way](file, blob.digest);
  };
  await adopt();
  expect(await store.verifyBlob(blob)).toBe(true);

  const cut = openStore(store.root);
  truncateSync(store.blobPath(blob.digest), 3);
  expect(await cut.hasBlob(blob)).toBe(false);
  expect(existsSync(store.blobPath(blob.digest))).toBe(false);

  await adopt();
  const altered = openStore(store.root);
  writeFileSync(store.blobPath(blob.digest), 'CONTENT');
  expect(await altered.hasBlob(blob)).toBe(true); // its size is all that is looked at where it is not read
  expect(await altered.verifyBlob(blob)).toBe(false);
  expect(existsSync(store.blobPath(blob.digest))).toBe(false);
});

test('bytes that are not what their digest says are refused', async () => {
  const store = openStore(temporaryRoot());
  const file = store.scratch('blob');
  writeFileSync(file, 'other');
  await expect(store.adoptBlob(file, blobOf('content').digest)).rejects.toThrow(/^expected sha256:/);
  expect(existsSync(file)).toBe(false);
});

test('a record that is no JSON counts as absent', async () => {
  const store = openStore(temporaryRoot());
  await store.keep('facts', 'key', { a: 1 });
  expect(store.record('facts', 'key')).toEqual({ a: 1 });
  for (const damage of ['', '{"a":1}', 'null', '\0\0']) {
    writeFileSync(join(store.root, 'records/facts/key'), damage);
    expect(store.record('facts', 'key')).toBeUndefined();
  }
});

const losses: [what: string, lose: (root: string) => void][] = [
  ['an output is cut off', (root) => truncateSync(join(root, 'execs/k/stdout'), 1)],
  ['an output is altered', (root) => writeFileSync(join(root, 'execs/k/stderr'), 'STDERR of k')],
  ['an output is missing', (root) => rmSync(join(root, 'execs/k/combined'))],
  ['the record is missing', (root) => rmSync(join(root, 'execs/k/result.json'))],
  ['the layer is missing', (root) => rmSync(join(root, 'layers/layer-k'), { recursive: true })],
];
for (const [what, lose] of losses) {
  test(`${what}: the command counts as not run, and can be kept again`, async () => {
    const root = temporaryRoot();
    const first = openStore(root);
    await addExec(first, 'k');
    expect(await readExecRecord(first, 'k')).toMatchObject({ exitCode: 0, layer: 'layer-k' });
    await first.close();
    lose(root);
    const second = openStore(root);
    expect(await readExecRecord(second, 'k')).toBeUndefined();
    expect(existsSync(join(root, 'execs/k'))).toBe(false);
    await addExec(second, 'k');
    expect(await readExecRecord(second, 'k')).toMatchObject({ exitCode: 0 });
  });
}

/** Two things of a store change places. */
function swap(root: string, one: string, other: string): void {
  renameSync(join(root, one), join(root, 'aside'));
  renameSync(join(root, other), join(root, one));
  renameSync(join(root, 'aside'), join(root, other));
}

test('what is found in the place of another counts as absent', async () => {
  const root = temporaryRoot();
  const first = openStore(root);
  for (const key of ['a', 'b', 'c', 'd']) await addExec(first, key);
  for (const key of ['a', 'b']) await first.keep('facts', key, key);
  await first.close();
  swap(root, 'execs/a', 'execs/b');
  swap(root, 'layers/layer-c', 'layers/layer-d');
  swap(root, 'records/facts/a', 'records/facts/b');
  const second = openStore(root);
  for (const key of ['a', 'b', 'c', 'd']) expect(await readExecRecord(second, key), key).toBeUndefined();
  for (const key of ['a', 'b']) expect(second.record('facts', key), key).toBeUndefined();
  await addExec(second, 'a');
  expect(await readExecRecord(second, 'a')).toMatchObject({ layer: 'layer-a' });
});

test('a layer whose content was told in another way is made again, and nothing is said', async () => {
  const root = temporaryRoot();
  const first = openStore(root);
  for (const id of ['a', 'b', 'c']) await addLayer(first, id);
  const mark = await markOf(root, 'a');
  writeFileSync(join(root, markPlace('a')), seal(markPlace('a'), { ...mark, content: 'tar (GNU tar) 1.13: 0123' }));
  // As versions wrote it that bound no mark to its layer.
  const text = JSON.stringify({ ...mark, content: '0123' });
  writeFileSync(join(root, markPlace('b')), `${sha256(text).slice(0, 32)}\n${text}\n`);
  expect(await verify(root)).toEqual([
    expect.stringMatching(/^no mark of their own .*: 2$/),
    '1 of 3 layers are as they were made',
  ]);
  const second = openStore(root);
  for (const id of ['a', 'b']) expect(await second.hasLayer(id)).toBe(false);
  expect(readdirSync(join(root, 'layers'))).toEqual(['c']);
});

test('layers that change places while a session holds them are told apart before they are read', async () => {
  const root = temporaryRoot();
  const first = openStore(root);
  for (const id of ['a', 'b']) await addLayer(first, id);
  const second = openStore(root);
  for (const id of ['a', 'b']) expect(await second.hasLayer(id)).toBe(true);
  swap(root, 'layers/a', 'layers/b');
  for (const id of ['a', 'b'])
    await expect(second.intact(id)).rejects.toThrow(`layer ${id} of the cache is not what was made`);
});

// ── Crashes ───────────────────────────────────────────────────────────────────────────────────

test('what this boot made is relied on; what an earlier one made, as far as it is known to be flushed', async () => {
  const root = temporaryRoot();
  mkdirSync(root);
  const before = { boot: BOOT_ID, at: monotonic() };
  const flushes = new Flushes(root);
  expect(flushes.isReliable(before)).toBe(true);
  expect(new Flushes(root, 'the next boot').isReliable(before)).toBe(false);
  await flushes.flush(join(root, 'aside'));
  const after = { boot: BOOT_ID, at: monotonic() };
  const next = new Flushes(root, 'the next boot');
  expect(next.isReliable(before)).toBe(true);
  expect(next.isReliable(after)).toBe(false);
  expect(next.isReliable({ boot: 'some boot', at: 0 })).toBe(false);
});

test('the record of a flush that is damaged says nothing', async () => {
  const root = temporaryRoot();
  mkdirSync(root);
  const before = { boot: BOOT_ID, at: monotonic() };
  await new Flushes(root).flush(join(root, 'aside'));
  for (const name of readdirSync(join(root, 'flushed'))) truncateSync(join(root, 'flushed', name), 40);
  expect(new Flushes(root, 'the next boot').isReliable(before)).toBe(false);
});

test('the work of a process that is gone is swept, that of a living one is not', async () => {
  const root = temporaryRoot();
  const living = openStore(root);
  living.scratchFolder();
  const { pid = 0 } = spawnSync('true');
  const [boot, namespace, own, start] = processName().split('-');
  const abandon = (name: string) => {
    writeFileSync(join(root, 'leases', name), '');
    mkdirSync(join(root, 'tmp', name));
    return name;
  };
  abandon(`${boot}-${namespace}-${pid}-1-0123abcd`);
  abandon(`${boot}-${namespace}-${own}-1-0123abcd`);
  abandon(`00000000-${namespace}-${own}-${start}-0123abcd`);
  abandon(`${pid}-0123abcd`);
  abandon('torn');
  const elsewhere = abandon(`${boot}-1-${pid}-1-0123abcd`);
  const earlierVersions = abandon(`${own}-0123abcd`);
  mkdirSync(join(root, 'tmp', 'without-a-lease'));
  await openStore(root).close();
  const left = [living.lease.name, elsewhere, earlierVersions].sort();
  expect(readdirSync(join(root, 'tmp')).sort()).toEqual(left);
  expect(readdirSync(join(root, 'leases')).sort()).toEqual(left);
});

test('a session leaves no work and no lease', async () => {
  const store = openStore(temporaryRoot());
  store.scratchFolder();
  await store.close();
  expect(readdirSync(join(store.root, 'tmp'))).toEqual([]);
  expect(readLeases(store.root)).toEqual([]);
});

// ── Sharing ───────────────────────────────────────────────────────────────────────────────────

test('what another session uses is not evicted, and is when it has ended', async () => {
  const root = temporaryRoot();
  const maker = openStore(root);
  await addExec(maker, 'used');
  await addExec(maker, 'unused');
  await maker.close();
  const user = openStore(root);
  await readExecRecord(user, 'used');
  const collector = openStore(root);
  const collected = await collector.collect(0);
  expect(collected.freed.execs).toMatchObject({ count: 1 });
  expect(readdirSync(join(root, 'execs'))).toEqual(['used']);
  expect(readdirSync(join(root, 'layers'))).toEqual(['layer-used']);
  expect(collected.left).toBe(collected.inUse);
  await user.close();
  await collector.collect(0);
  expect(readdirSync(join(root, 'execs'))).toEqual([]);
});

test('what a session looked for and did not find is its own when it comes', async () => {
  const root = temporaryRoot();
  const user = openStore(root);
  expect(await user.hasLayer('a')).toBe(false);
  await addLayer(user, 'a');
  await openStore(root).collect(0);
  expect(existsSync(user.layerPath('a'))).toBe(true);
});

test('a session that meets an eviction waits for its end before it looks', async () => {
  const root = temporaryRoot();
  const store = openStore(root);
  await addLayer(openStore(root), 'a');
  const order: string[] = [];
  let looking: Promise<unknown> = Promise.resolve();
  await withLock(root, async () => {
    writeFileSync(evictionSign(root), '');
    looking = store.hasLayer('a').then((found) => order.push(`found: ${found}`));
    // A second program in the queue for the same lock: when it is there, the session would long be done if it did not wait.
    await once(spawn('true'), 'exit');
    rmSync(join(root, 'layers/a'), { recursive: true });
    rmSync(evictionSign(root));
    order.push('evicted');
  });
  await looking;
  expect(order).toEqual(['evicted', 'found: false']);
});

test('the sign of an eviction that was killed holds nobody up', async () => {
  const root = temporaryRoot();
  const store = openStore(root);
  await addLayer(store, 'a');
  writeFileSync(evictionSign(root), '');
  expect(await openStore(root).hasLayer('a')).toBe(true);
  expect(existsSync(evictionSign(root))).toBe(false);
});

test('the lock is held by one at a time, and goes with a holder that is killed', async () => {
  const root = temporaryRoot();
  mkdirSync(root);
  let inside = 0;
  let most = 0;
  const work = () =>
    withLock(root, async () => {
      most = Math.max(most, ++inside);
      await once(spawn('true'), 'exit');
      inside -= 1;
    });
  await Promise.all([work(), work(), work()]);
  expect(most).toBe(1);

  const url = new URL('../../../engine/store/lock.ts', import.meta.url).pathname;
  const script = `import { withLock } from ${JSON.stringify(url)}; await withLock(${JSON.stringify(root)}, async () => { console.log('held'); await new Promise((done) => setTimeout(done, 600000)); });`;
  const holder = spawn(process.execPath, [...TYPESCRIPT, '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  const waiting = work();
  holder.kill('SIGKILL');
  await waiting;
  expect(most).toBe(1);
});

test('a lease names each thing once, and says whose it is', async () => {
  const root = temporaryRoot();
  mkdirSync(root);
  const lease = new Lease(root);
  for (const thing of ['layers/a', 'layers/b', 'layers/a']) await lease.use(thing);
  expect(readLeases(root)).toEqual([{ name: lease.name, isAlive: true, uses: ['layers/a', 'layers/b'] }]);
  lease.end();
});

// ── Budget and time ───────────────────────────────────────────────────────────────────────────

test('a session that has made the store too large evicts what was used least recently', async () => {
  const root = temporaryRoot();
  const first = openStore(root);
  for (const key of ['a', 'b', 'c']) await addExec(first, key, [], 200_000);
  await first.close();
  for (const [key, day] of [
    ['a', 3],
    ['b', 1],
    ['c', 2],
  ] as const) {
    const date = new Date(2020, 1, day);
    for (const path of [`execs/${key}`, `layers/layer-${key}`]) utimesSync(join(root, path), date, date);
  }
  const second = openStore(root, { budget: '750kB' });
  await addExec(second, 'd', [], 200_000);
  await second.close();
  expect(readdirSync(join(root, 'execs')).sort()).toEqual(['a', 'c', 'd']);
  expect(readdirSync(join(root, 'layers')).sort()).toEqual(['layer-a', 'layer-c', 'layer-d']);
  expect(readdirSync(join(root, 'tmp'))).toEqual([]);
});

test('a session that added next to nothing leaves that to a later one, for an hour', async () => {
  const root = temporaryRoot();
  const budget = '100MB';
  const execs = () => readdirSync(join(root, 'execs')).sort();
  const add = async (key: string, bytes: number) => {
    const store = openStore(root, { budget });
    await addExec(store, key, [], bytes);
    return store;
  };
  await (await add('a', 60_000_000)).close();
  for (const path of ['execs/a', 'layers/layer-a']) utimesSync(join(root, path), new Date(2020, 1), new Date(2020, 1));
  const large = await add('b', 60_000_000);
  await (await add('c', 10)).close();
  expect(execs()).toEqual(['a', 'b', 'c']);
  const before = new Date(Date.now() - 61 * 60 * 1000);
  utimesSync(join(root, 'collected'), before, before);
  await (await add('d', 10)).close();
  expect(execs()).toEqual(['b', 'c', 'd']);
  await large.close();
});

test('use is written down, though not each time', async () => {
  const root = temporaryRoot();
  const folder = join(root, 'layers/a');
  await addLayer(openStore(root), 'a');
  const { mtimeMs } = await touchedBy(root, folder, new Date(Date.now() - 10_000));
  expect(mtimeMs).toBeLessThan(Date.now() - 9_000); // fresh enough
  expect((await touchedBy(root, folder, new Date(2020, 1))).mtimeMs).toBeGreaterThan(Date.now() - 60_000);
  expect((await touchedBy(root, folder, new Date(2099, 1))).mtimeMs).toBeLessThanOrEqual(Date.now());
});

async function touchedBy(root: string, folder: string, before: Date) {
  utimesSync(folder, before, before);
  expect(await openStore(root).hasLayer('a')).toBe(true);
  return statSync(folder);
}

test('what an unfinished step left in the store is garbage', async () => {
  const root = temporaryRoot();
  const killed = openStore(root);
  await addLayer(killed, 'orphan', 10, 'a step that was never kept');
  await addExec(killed, 'kept');
  await killed.close();
  await openStore(root).collect(1e9);
  expect(readdirSync(join(root, 'layers'))).toEqual(['layer-kept']);
});
