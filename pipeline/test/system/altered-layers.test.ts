// Layers of the store that were altered behind the engine's back: what is answered and exported is what was made, and one line says so.
import { execFile, execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  lutimesSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { stampOf } from '../../engine/store/manifest.ts';
import { readSealed, seal } from '../../engine/store/sealed.ts';
import { writeTar } from '../../src/oci/tar.ts';
import { makeBase } from './conformance/base.ts';
import { ENGINE, type EngineSession, openSession, sh } from './engine-session.ts';
import { STORE } from './one-id.ts';
import { temporaryFolder } from './support.ts';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;
const WARNING = /^warning: a layer of the cache was altered \(\S+\), and is made again$/m;

let base: string;
let cache: string;
const opened: EngineSession[] = [];
beforeAll(async () => {
  base = await makeBase(await temporaryFolder('altered-base'));
  cache = await temporaryFolder('altered');
});
afterEach(async () => {
  for (const session of opened.splice(0)) await session.kill();
});

const store = (...path: string[]) => join(cache, 'drydock', STORE, ...path);

/** A dependency that a step installs, the same each time, and a folder below a folder in it. */
const INSTALL = [
  'mkdir -p /dep/sub',
  'echo one > /dep/a; echo two > /dep/b; echo three > /dep/sub/c',
  'seq 1 40000 > /dep/large',
  'ln -s a /dep/link',
  'chmod 755 /dep/a',
  'find /dep -exec touch -h -d @1000000000 {} +',
].join('; ');
const installed = (fields: string) => sh(INSTALL, fields);

/** What may rest on the dependency. Each gives what it made of it. */
const USES: Readonly<Record<string, (session: EngineSession) => Promise<string>>> = {
  'a step': async (session) => {
    const look = `: ${Math.random()}; cd /dep; find . | sort | xargs ls -ld | tr -s " "; sha256sum a b link large sub/c /bin/busybox`;
    return (await session.from(base))(installed(sh(look)));
  },
  'an exported image': async (session) => {
    for (const kind of readdirSync(store('records')).filter((name) => name.startsWith('layer-blobs')))
      for (const id of readdirSync(store('records', kind)))
        if (id !== layerWith('bin')) rmSync(store('records', kind, id));
    const path = join(cache, 'out.tar');
    await (await session.from(base))(installed(`export(path: ${JSON.stringify(path)})`));
    const { stdout } = await run('sha256sum', [path]);
    return stdout;
  },
  'the content of a file': async (session) =>
    (await session.from(base))(installed('file(path: "/dep/a") { contents }')),
  'an exported folder': async (session) => {
    const path = join(cache, 'out');
    rmSync(path, { recursive: true, force: true });
    await (await session.from(base))(installed(`directory(path: "/dep") { export(path: ${JSON.stringify(path)}) }`));
    return execFileSync('sh', [
      '-c',
      'cd "$1"; find . | sort; sha256sum a b large sub/c; stat -c %a a',
      'sh',
      path,
    ]).toString();
  },
};

async function use(name: string): Promise<{ value: string; said: string }> {
  const session = await openSession({ XDG_CACHE_HOME: cache });
  opened.push(session);
  const value = await (USES[name] as (typeof USES)[string])(session);
  await session.close();
  return { value, said: session.said() };
}

/** The layer that itself has something at a path. */
function layerWith(path: string): string {
  const found = readdirSync(store('layers')).filter((id) =>
    lstatSync(store('layers', id, 'fs', path), { throwIfNoEntry: false }),
  );
  if (found.length !== 1) throw new Error(`${found.length} layers have ${path}`);
  return found[0] as string;
}
const inLayer = (path: string) => store('layers', layerWith(path), 'fs', path);

/** Leaves the times of a place, and of the folder that it is in, as they were. */
function keepingTimes(path: string, change: () => void): void {
  const before = [path, dirname(path)].map((place) => [place, lstatSync(place)] as const);
  change();
  for (const [place, { atime, mtime }] of before)
    if (lstatSync(place, { throwIfNoEntry: false })) lutimesSync(place, atime, mtime);
}

function flip(path: string): void {
  keepingTimes(path, () => {
    const bytes = readFileSync(path);
    const middle = bytes.length >> 1;
    bytes[middle] = (bytes[middle] as number) ^ 1;
    writeFileSync(path, bytes);
  });
}

/** Sets an attribute as whoever unpacks an archive may. */
async function setAttribute(folder: string, name: string, value: string): Promise<void> {
  const archive = join(cache, 'attribute.tar');
  const { mode, uid, gid, mtimeMs } = lstatSync(folder);
  const xattrs = new Map([[name, Buffer.from(value)]]);
  const entry = {
    path: './',
    type: 'directory',
    mode: mode & 0o7777,
    uid,
    gid,
    mtime: mtimeMs / 1000,
    xattrs,
  } as const;
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeTar([entry])) chunks.push(chunk);
  writeFileSync(archive, Buffer.concat(chunks));
  await run('tar', ['--extract', '--xattrs', '--xattrs-include=*', '-C', folder, '--file', archive]);
}

const DAMAGES: Readonly<Record<string, () => unknown>> = {
  'a bit of a dependency': () => flip(inLayer('dep/a')),
  'a bit of a large file': () => flip(inLayer('dep/large')),
  'a bit of the base image': () => flip(inLayer('bin/busybox')),
  'a file cut off': () => keepingTimes(inLayer('dep/a'), () => truncateSync(inLayer('dep/a'), 3)),
  'another mode': () => chmodSync(inLayer('dep/a'), 0o4755),
  'another time': () => utimesSync(inLayer('dep/a'), 5, 5),
  'another target of a link': () => {
    const link = inLayer('dep/link');
    keepingTimes(link, () => {
      rmSync(link);
      symlinkSync('b', link);
    });
  },
  'a file too many': () =>
    keepingTimes(inLayer('dep'), () => writeFileSync(join(inLayer('dep'), 'sub/more'), 'more\n')),
  'a file gone': () => {
    const file = inLayer('dep/b');
    keepingTimes(file, () => rmSync(file));
  },
  'two files swapped': () => {
    const folder = inLayer('dep');
    keepingTimes(join(folder, 'a'), () => {
      renameSync(join(folder, 'a'), join(folder, 'x'));
      renameSync(join(folder, 'b'), join(folder, 'a'));
      renameSync(join(folder, 'x'), join(folder, 'b'));
    });
  },
  'a folder that hides what is below it': () =>
    setAttribute(inLayer('dep'), `${isRoot ? 'trusted' : 'user'}.overlay.opaque`, 'y'),
  ...(isRoot
    ? {
        'another owner': () => chownSync(inLayer('dep/a'), 4711, 4711),
        'a mark that hides a file': () => run('mknod', [join(inLayer('dep/sub'), 'c2'), 'c', '0', '0']),
      }
    : {}),
};

/** Everything is as if it had been made, and altered, before the machine was started for the last time. */
async function forgetBoot(): Promise<void> {
  const remake = (file: string) => {
    const value = readSealed<{ made: { boot: string } }>(file);
    if (value !== undefined) writeFileSync(file, seal({ ...value, made: { ...value.made, boot: 'earlier' } }));
  };
  for (const id of readdirSync(store('layers'))) {
    remake(store('layers', id, 'mark'));
    writeFileSync(
      store('layers', id, 'stamp'),
      seal({ boot: 'earlier', stamp: await stampOf(store('layers', id, 'fs')) }),
    );
  }
  for (const key of readdirSync(store('execs'))) remake(store('execs', key, 'result.json'));
  const [latest = ''] = readdirSync(store('flushed')).filter((name) => name !== 'earlier');
  if (latest !== '') renameSync(store('flushed', latest), store('flushed', 'earlier'));
}

async function expectHealed(name: string, right: string): Promise<void> {
  const healed = await use(name);
  expect(healed.value).toBe(right);
  expect(healed.said.match(new RegExp(WARNING, 'gm'))).toHaveLength(1);
  expect((await use(name)).said).toBe('');
}

describe('what was altered is made again, and said', () => {
  let right: string;
  beforeAll(async () => {
    right = (await use('a step')).value;
  });
  for (const [what, damage] of Object.entries(DAMAGES))
    for (const boot of ['this boot', 'an earlier boot'])
      test(`${what}, in ${boot}`, async () => {
        await damage();
        if (boot === 'an earlier boot') await forgetBoot();
        await expectHealed('a step', right);
      });
});

for (const name of Object.keys(USES))
  test(`a bit of a dependency, and ${name} rests on it`, async () => {
    const right = (await use(name)).value;
    flip(inLayer('dep/a'));
    await expectHealed(name, right);
  });

describe('what nobody altered is never called that', () => {
  /** Files of the dependency's layer are shared with another: linked, not copied. */
  const shared = async (session: EngineSession) => {
    const ask = await session.from(base);
    const id = await ask(installed('directory(path: "/dep") { id }'));
    return ask(
      `withDirectory(path: "/copy", source: ${JSON.stringify(id)}) { ${sh(`: ${Math.random()}; cat /copy/a`)} }`,
    );
  };

  test('links, another boot, reading, two sessions at once and gc meanwhile', async () => {
    await use('a step');
    const sessions = await Promise.all([1, 2].map(() => openSession({ XDG_CACHE_HOME: cache })));
    opened.push(...sessions);
    expect(await Promise.all(sessions.map(shared))).toEqual(['one\n', 'one\n']);
    expect(lstatSync(inLayer('dep/a')).nlink).toBe(2);
    for (const session of sessions) await (USES['a step'] as (typeof USES)[string])(session);
    const gc = await engine('gc', '--verify');
    expect(gc).toMatch(/^verified \d+ things, .*: every byte is what was made$/m);
    for (const session of sessions) await session.close();
    expect(sessions.map((session) => session.said()).join('')).toBe('');
    await forgetBoot();
    for (const name of Object.keys(USES)) expect((await use(name)).said).toBe('');
    rmSync(store('layers', layerWith('copy')), { recursive: true });
    expect((await use('a step')).said).toBe('');
  });
});

const engine = async (...args: string[]) =>
  (await run(ENGINE, args, { env: { ...process.env, XDG_CACHE_HOME: cache } })).stdout;

test('gc --verify throws away what was altered, and says so; a session has no more to say then', async () => {
  const right = (await use('a step')).value;
  const id = layerWith('dep');
  flip(inLayer('dep/a'));
  const said = await engine('gc', '--verify');
  expect(said).toContain(`threw away one of the layers, which was altered: ${id}/dep/a\n`);
  expect(said).toMatch(/^verified \d+ things, .*: 1 altered; made again when next asked for$/m);
  expect(await engine('gc', '--verify')).toContain('every byte is what was made');
  expect(await use('a step')).toEqual({ value: right, said: '' });
});

test('a session is in the middle of its work when a layer is altered and another finds it', async () => {
  const right = (await use('a step')).value;
  const session = await openSession({ XDG_CACHE_HOME: cache });
  opened.push(session);
  const ask = await session.from(base);
  const volume = await session.ask('{ cacheVolume(key: "signs") { id } }');
  const script = `: ${Math.random()}; touch /signs/begun; until [ -e /signs/go ]; do sleep 0.1; done; cat /dep/a /dep/b`;
  const slow = ask(installed(`withMountedCache(path: "/signs", cache: ${JSON.stringify(volume)}) { ${sh(script)} }`));
  const signs = () => store('volumes', ...readdirSync(store('volumes')));
  while (!existsSync(store('volumes')) || !existsSync(join(signs(), 'begun')))
    await new Promise((resolve) => setTimeout(resolve, 50));
  flip(inLayer('dep/a'));
  expect((await use('a step')).value).toBe(right);
  writeFileSync(join(signs(), 'go'), '');
  expect(await slow).toBe('one\ntwo\n');
  await session.close();
});
