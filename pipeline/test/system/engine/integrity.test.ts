// Bytes of the cache that are not what was put there: nothing is answered, exported or decided on them, and they are made again.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { tarOf } from '../../oci/helpers.ts';
import { makeBase } from '../conformance/base.ts';
import { ENGINE, type EngineSession, openSession, sh } from '../engine-session.ts';
import { STORE } from '../one-id.ts';
import { temporaryFolder } from '../support.ts';
import { toolsFolder } from '../tools.ts';

let base: string;
let bundles: string;
let env: { DRYDOCK_TOOLS: string };
beforeAll(async () => {
  base = await makeBase(await temporaryFolder('integrity-base'));
  // The engine is bundled, and its tools are fetched, once for all tests here.
  bundles = await temporaryFolder('integrity-bundles');
  env = { DRYDOCK_TOOLS: await toolsFolder() };
  execFileSync(ENGINE, ['--version'], { env: { ...process.env, ...env, XDG_CACHE_HOME: bundles } });
});

let cache: string;
const opened: EngineSession[] = [];
beforeEach(async () => {
  cache = await temporaryFolder('integrity');
  cpSync(join(bundles, 'drydock'), join(cache, 'drydock'), { recursive: true, preserveTimestamps: true });
});
afterEach(async () => {
  for (const session of opened.splice(0)) await session.kill();
});

const layers = () => join(cache, 'drydock', STORE, 'layers');
/** The files of the one layer that has something at a path. */
function layerWith(path: string): string {
  const found = readdirSync(layers()).filter((id) => existsSync(join(layers(), id, 'fs', path)));
  expect(found.length).toBe(1);
  return join(layers(), found[0] as string, 'fs');
}

/** In a session of its own. */
async function ask(fields: string, more: Record<string, string> = {}): Promise<string> {
  const session = await openSession({ ...env, ...more, XDG_CACHE_HOME: cache });
  opened.push(session);
  try {
    return await (await session.from(base))(fields);
  } finally {
    await session.close();
  }
}

/** As it is after a start of the machine: what the file system knew of files then means nothing. */
const forgetBoot = () => {
  for (const id of readdirSync(layers())) rmSync(join(layers(), id, 'state'), { force: true });
};

/** Another bit somewhere in the middle; neither size nor time tells. */
function flip(path: string): void {
  const { atime, mtime } = statSync(path);
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
  writeFileSync(path, bytes);
  utimesSync(path, atime, mtime);
}

/** The two things of a folder that fit change places. */
function swap(folder: string, fits: (name: string) => boolean): void {
  const found = readdirSync(folder).filter(fits);
  expect(found.length).toBe(2);
  const [one = '', other = ''] = found;
  const at = (name: string) => join(folder, name);
  renameSync(at(one), at('aside'));
  renameSync(at(other), at(one));
  renameSync(at('aside'), at(other));
}

const MADE =
  'mkdir -p /made/sub; echo first >/made/a; echo other >/made/b; echo inner >/made/sub/c; ln -s a /made/l; ln /made/b /made/hard; touch /made/empty; uname >/made/u; rm -r /home; mkdir /home';
const onMade = (fields: string) => sh(MADE, fields);
const made = (script: string) => onMade(sh(script));
const LOOK = 'cd /made; find . /home | sort; cat a b sub/c l; stat -c "%a %s" a b';

/** As if the folder had not been touched. */
function keepTimes(folder: string): () => void {
  const { atime, mtime } = statSync(folder);
  return () => utimesSync(folder, atime, mtime);
}

/** What is new at a path is of the same owner, mode and age as what was there. */
function replaceAlike(path: string, make: (aside: string) => void): void {
  const { uid, gid, mode, atime, mtime } = statSync(path);
  const restoreTimes = keepTimes(dirname(path));
  const aside = `${path}.aside`;
  make(aside);
  chownSync(aside, uid, gid);
  chmodSync(aside, mode & 0o7777);
  rmSync(path, { recursive: true });
  renameSync(aside, path);
  utimesSync(path, atime, mtime);
  restoreTimes();
}

/** To send any packet, as capabilities(7) has it in a file: revision 2, effective; permitted is CAP_NET_RAW. */
const CAPABILITY = Buffer.from('0100000200200000000000000000000000000000', 'hex');

/** Puts the same file there once more, with an attribute that only root may give and only tar can. */
async function addCapability(path: string): Promise<void> {
  const { uid, gid, mode, mtimeMs } = statSync(path);
  const entry = {
    path: basename(path),
    type: 'file',
    mode: mode & 0o7777,
    uid,
    gid,
    content: readFileSync(path),
  } as const;
  const archive = await tarOf([
    { ...entry, mtime: Math.floor(mtimeMs / 1000), xattrs: new Map([['security.capability', CAPABILITY]]) },
  ]);
  const restoreTimes = keepTimes(dirname(path));
  const options = ['--extract', '--xattrs', '--xattrs-include=*', '--numeric-owner', '--same-permissions'];
  execFileSync('tar', [...options, '-C', dirname(path)], { input: archive });
  restoreTimes();
}

type Damage = readonly [what: string, damage: (made: string) => unknown];

const AS_ROOT: Damage[] = [['a capability of a file', (at) => addCapability(join(at, 'u'))]];
const damages: Damage[] = [
  ['a bit of a file', (at) => flip(join(at, 'a'))],
  ['a file that is cut off', (at) => truncateSync(join(at, 'a'), 2)],
  ['a file that is longer', (at) => writeFileSync(join(at, 'a'), 'first\nmore\n')],
  ['a file that is gone', (at) => rmSync(join(at, 'sub/c'))],
  ['a file that is new', (at) => writeFileSync(join(at, 'sub/new'), 'x')],
  ['a folder that is gone', (at) => rmSync(join(at, 'sub'), { recursive: true })],
  ['the mode of a file', (at) => chmodSync(join(at, 'a'), 0o755)],
  ['the mode of a folder', (at) => chmodSync(join(at, 'sub'), 0o700)],
  [
    'a link that leads elsewhere',
    (at) => {
      rmSync(join(at, 'l'));
      symlinkSync('b', join(at, 'l'));
    },
  ],
  [
    'a link in the place of a file',
    (at) => {
      rmSync(join(at, 'b'));
      symlinkSync('a', join(at, 'b'));
    },
  ],
  [
    'two files that changed places',
    (at) => {
      renameSync(join(at, 'a'), join(at, 't'));
      renameSync(join(at, 'b'), join(at, 'a'));
      renameSync(join(at, 't'), join(at, 'b'));
    },
  ],
  [
    'a file in the place of a folder',
    (at) => {
      rmSync(join(at, 'sub'), { recursive: true });
      writeFileSync(join(at, 'sub'), '');
    },
  ],
  ['that a folder hides what is below it', (at) => replaceAlike(join(at, '../home'), (aside) => mkdirSync(aside))],
  [
    'a copy in the place of a hard link',
    (at) => replaceAlike(join(at, 'hard'), (aside) => cpSync(join(at, 'b'), aside)),
  ],
  ...(process.getuid?.() === 0 ? AS_ROOT : []),
  ['a copy of another file in its place', (at) => cpSync(join(at, 'b'), join(at, 'a'), { preserveTimestamps: true })],
];
describe.for([
  ['in the same boot', () => {}],
  ['in the next one', forgetBoot],
] as const)('%s', ([, prepare]) => {
  test.for(damages)('%s: nothing is answered of it, and the next session has it right', async ([, damage]) => {
    const right = await ask(made(LOOK));
    await damage(join(layerWith('made'), 'made'));
    prepare();
    await expect(ask(made(`${LOOK}; : again`))).rejects.toThrow(
      /^layer \w{40} of the cache is not what was made, and is thrown away; run it again/,
    );
    expect(await ask(made(`${LOOK}; : again`))).toBe(right);
  });

  test('a bit of the base image: the same', async () => {
    const right = await ask(sh('sha256sum /bin/busybox'));
    flip(join(layerWith('bin/busybox'), 'bin/busybox'));
    prepare();
    await expect(ask(sh('sha256sum /bin/busybox; : again'))).rejects.toThrow(/is not what was made/);
    expect(await ask(sh('sha256sum /bin/busybox; : again'))).toBe(right);
  });

  test('a file that is asked for without a step: the same', async () => {
    const file = onMade('file(path: "/made/a") { contents }');
    expect(await ask(file)).toBe('first\n');
    flip(join(layerWith('made'), 'made/a'));
    prepare();
    await expect(ask(file)).rejects.toThrow(/is not what was made/);
    expect(await ask(file)).toBe('first\n');
  });

  test('an export: the same', async () => {
    const to = join(await temporaryFolder('exported'), 'out');
    const folder = onMade(`directory(path: "/made") { export(path: ${JSON.stringify(to)}) }`);
    await ask(made('true'));
    flip(join(layerWith('made'), 'made/a'));
    prepare();
    await expect(ask(folder)).rejects.toThrow(/is not what was made/);
    expect(existsSync(to)).toBe(false);
    await ask(folder);
    expect(readFileSync(join(to, 'a'), 'utf8')).toBe('first\n');
  });

  test('two layers that changed places: each is made again', async () => {
    const asked = ['one', 'two'].map((name) =>
      sh(`mkdir /made; echo ${name} >/made/a`, 'file(path: "/made/a") { contents }'),
    );
    for (const fields of asked) await ask(fields);
    swap(layers(), (id) => existsSync(join(layers(), id, 'fs/made/a')));
    prepare();
    expect([await ask(asked[0] as string), await ask(asked[1] as string)]).toEqual(['one\n', 'two\n']);
  });

  test('two results that changed places: each is made again', async () => {
    for (const name of ['one', 'two']) await ask(sh(`echo ${name}`));
    swap(join(layers(), '../execs'), () => true);
    prepare();
    expect([await ask(sh('echo one')), await ask(sh('echo two'))]).toEqual(['one\n', 'two\n']);
  });

  test('what is as it was is found to be, whatever reads it or shares it', async () => {
    const right = await ask(made(LOOK));
    const at = layerWith('made');
    execFileSync('sh', ['-c', `cat ${at}/made/* >/dev/null 2>&1; find ${at} -type f -exec touch -a {} +`]);
    linkSync(join(at, 'made/a'), join(cache, 'shared'));
    rmSync(join(cache, 'shared'));
    prepare();
    expect(await ask(made(`${LOOK}; : again`))).toBe(right);
    expect(await ask(made(`${LOOK}; : and again`))).toBe(right);
  });
});

describe('a layer that is altered while a session runs', () => {
  const altered = async (fields: (to: string) => string) => {
    const to = join(await temporaryFolder('exported'), 'out');
    const session = await openSession({ ...env, XDG_CACHE_HOME: cache });
    opened.push(session);
    const asked = await session.from(base);
    await asked(made(LOOK));
    flip(join(layerWith('made'), 'made/a'));
    const answer = await asked(onMade(fields(to))).catch((error: Error) => error.message);
    await session.close();
    return { answer, to };
  };

  test.for([
    ['a folder', (to: string) => `directory(path: "/made") { export(path: ${JSON.stringify(to)}) }`],
    ['a file', (to: string) => `file(path: "/made/a") { export(path: ${JSON.stringify(to)}) }`],
    ['an image', (to: string) => `asTarball { export(path: ${JSON.stringify(to)}) }`],
    ['a folder of more than one layer', (to: string) => `directory(path: "/") { export(path: ${JSON.stringify(to)}) }`],
  ] as const)('%s of it is not exported', async ([, fields]) => {
    const { answer, to } = await altered(fields);
    expect(answer).toMatch(/is not what was made/);
    expect(existsSync(to)).toBe(false);
  });

  test('what steps made of it is not kept', async () => {
    const cat = sh('cat /made/a');
    expect((await altered(() => cat)).answer).not.toBe('first\n');
    expect(await ask(onMade(cat))).toBe('first\n');
  });
});

describe('a file that is asked for alone', () => {
  const exec = (script: string, inner: string) => `withExec(args: ["sh", "-c", "${script}"]) { ${inner} }`;

  test.for(['/top', '/d/two', '/d/e/f/deep'])('%s: altered after it was looked at', async (path) => {
    const file = exec(`mkdir -p /d/e/f; echo first >${path}`, `file(path: "${path}") { contents }`);
    for (const _ of ['made', 'read whole', 'looked at']) expect(await ask(file)).toBe('first\n');
    flip(join(layerWith(path), path));
    await expect(ask(file)).rejects.toThrow(/is not what was made/);
    expect(await ask(file)).toBe('first\n');
  });

  test('gone from the layer that is above another which has it, too', async () => {
    const file = exec('echo low >/both', exec('echo high >/both', 'file(path: "/both") { contents }'));
    for (const _ of ['made', 'read whole', 'looked at']) expect(await ask(file)).toBe('high\n');
    const has = (id: string, text: string) => {
      const path = join(layers(), id, 'fs/both');
      return existsSync(path) && readFileSync(path, 'utf8') === text;
    };
    rmSync(join(layers(), readdirSync(layers()).find((id) => has(id, 'high\n')) ?? '', 'fs/both'));
    await expect(ask(file)).rejects.toThrow(/is not what was made/);
    expect(await ask(file)).toBe('high\n');
  });
});

describe('a folder of two layers', () => {
  const LOW =
    'mkdir -p /d/sub /e/sub /n; echo low >/d/sub/low; echo false >/e/sub/low; echo aside >/n/a; ln -s /d /one; ln -s /one /two';
  const low = (inner: string) => sh(LOW, sh('echo high >/d/sub/high; touch /n/b', inner));
  const text = (path: string) => `file(path: "${path}") { contents }`;
  const inD = (inner: string) => `directory(path: "/d") { ${inner} }`;
  const filtered = (include: string, inner: string) => inD(`filter(include: ${include}) { ${inner} }`);

  const FORMS: [what: string, fields: string][] = [
    ['a file', text('/d/sub/low')],
    ['a file by way of two links', text('/two/sub/low')],
    ['a file by a way back', text('/n/../d/sub/low')],
    ['a file of a folder', inD(text('sub/low'))],
    ['a part of a folder', filtered('["sub/*"]', text('sub/low'))],
    ['a part of a folder, by its names', filtered('["sub/low", "sub/high"]', text('sub/low'))],
    ['a part of a folder, by any name', filtered('["**/low"]', text('sub/low'))],
    ['a part of a folder, by a way back', filtered('["./sub/../sub/low"]', text('sub/low'))],
  ];

  test.for(FORMS)('%s: altered after it was looked at', async ([, fields]) => {
    const asked = low(fields);
    for (const _ of ['made', 'read whole', 'looked at']) expect(await ask(asked)).toBe('low\n');
    flip(join(layerWith('d/sub/low'), 'd/sub/low'));
    await expect(ask(asked)).rejects.toThrow(/is not what was made/);
    expect(await ask(asked)).toBe('low\n');
  });

  test('a link on the way that leads elsewhere since it was looked at', async () => {
    const asked = low(text('/two/sub/low'));
    for (const _ of ['made', 'read whole', 'looked at']) expect(await ask(asked)).toBe('low\n');
    const link = join(layerWith('d/sub/low'), 'one');
    rmSync(link);
    symlinkSync('/e', link);
    await expect(ask(asked)).rejects.toThrow(/is not what was made/);
    expect(await ask(asked)).toBe('low\n');
  });

  test('what is beside a part that is read is not looked at for it, and still for what reads all', async () => {
    const part = low(filtered('["sub/*"]', text('sub/low')));
    for (const _ of ['made', 'read whole', 'looked at']) expect(await ask(part)).toBe('low\n');
    flip(join(layerWith('n/a'), 'n/a'));
    expect(await ask(part)).toBe('low\n');
    await expect(ask(low(sh('cat /d/sub/low; : again')))).rejects.toThrow(/is not what was made/);
  });
});

test('where tar is not GNU’s: bytes are looked at all the same, and what was made there is made again elsewhere', async () => {
  const right = await ask(made(LOOK));
  const programs = await temporaryFolder('programs');
  cpSync(join(layerWith('bin/busybox'), 'bin/busybox'), join(programs, 'tar'));
  const poor = { PATH: `${programs}:${process.env.PATH}` };
  expect(await ask(made(LOOK), poor)).toBe(right);
  flip(join(layerWith('made'), 'made/a'));
  forgetBoot();
  await expect(ask(made(`${LOOK}; : again`), poor)).rejects.toThrow(/is not what was made/);
  expect(await ask(made(`${LOOK}; : again`), poor)).toBe(right);
  flip(join(layerWith('made'), 'made/a'));
  forgetBoot();
  expect(await ask(made(`${LOOK}; : again`))).toBe(right);
});

test('gc --verify reads all, and throws away what is damaged', async () => {
  const right = await ask(made(LOOK));
  const gc = () =>
    execFileSync(ENGINE, ['gc', '--verify'], {
      encoding: 'utf8',
      env: { ...process.env, ...env, XDG_CACHE_HOME: cache },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  const all = Number(/^(\d+) of \1 layers are as they were made$/m.exec(gc())?.[1]);
  expect(all).toBeGreaterThan(1);
  flip(join(layerWith('made'), 'made/a'));
  expect(gc()).toMatch(
    new RegExp(`^layer \\w{40} was not what was made, and is thrown away\n${all - 1} of ${all} layers`),
  );
  expect(await ask(made(`${LOOK}; : again`))).toBe(right);
});
