// The engine's own tools, fetched as a session does it, and run where there is no other file: whatever libraries a machine has, these need none of them.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Probe } from '../../../engine/commands/probe.ts';
import { packageFolder } from '../../../engine/store/store.ts';
import { installTools, TOOLS } from '../../../engine/tools/install.ts';
import { copyPackages, temporaryFolder } from '../support.ts';
import { tool } from '../tools.ts';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;
const folders: Record<string, string> = {};

const install = async (arch: 'x64' | 'arm64') => {
  const folder = join(await temporaryFolder('tools'), arch);
  await installTools({ folder, arch, packages: packageFolder(), offline: false, log: () => {} });
  return folder;
};

beforeAll(async () => {
  for (const arch of ['x64', 'arm64'] as const) folders[arch] = await install(arch);
});

test('both processors have all of them', () => {
  for (const arch of ['x64', 'arm64']) {
    const has = readdirSync(join(folders[arch] ?? '', 'bin')).sort();
    const wanted = [...TOOLS].filter((name) => arch === 'x64' || !name.endsWith('.avx2')).sort();
    expect(has).toEqual(wanted);
  }
});

const VERSION: Readonly<Record<string, string[]>> = { ip: ['-V'], nft: ['--version'] };

for (const name of TOOLS) {
  test(`${name} runs in a folder that holds nothing but the tools`, async () => {
    const root = await temporaryFolder('empty-root');
    mkdirSync(join(root, 'dev', 'shm'), { recursive: true });
    cpSync(folders[process.arch] ?? '', join(root, 'dev', 'shm', 't'), { recursive: true, verbatimSymlinks: true });
    mkdirSync(join(root, 'proc')); // some look up there what they are
    const own = ['--mount', '--pid', '--fork', `--mount-proc=${join(root, 'proc')}`];
    const namespaces = isRoot ? own : ['--user', '--map-root-user', ...own];
    const command = [`/dev/shm/t/bin/${name}`, ...(VERSION[name] ?? ['--version'])];
    const { stdout, stderr } = await run('unshare', [...namespaces, 'chroot', root, ...command]);
    // These two end before a pipe has got what they say.
    if (!/^pass?ta?/.test(name)) expect(stdout + stderr).toMatch(/\d/);
  });
}

test('on the other processor, each names our loader, and there are the same libraries', () => {
  const [here = '', other = ''] = process.arch === 'x64' ? [folders.x64, folders.arm64] : [folders.arm64, folders.x64];
  for (const name of readdirSync(join(other, 'bin'))) {
    const isOurs = readFileSync(join(other, 'bin', name)).includes('/dev/shm/t/lib/ld.so\0');
    expect([name, isOurs]).toEqual([name, name !== 'tini-static']);
  }
  const libraries = (folder: string) =>
    readdirSync(join(folder, 'lib')).filter((name) => !/^ld-linux|^libmvec/.test(name));
  expect(libraries(other)).toEqual(libraries(here));
});

test('a machine without a network, and without the packages, says which are missing', async () => {
  const packages = await temporaryFolder('no-packages');
  const installing = installTools({ folder: join(packages, 'tools'), packages, offline: true, log: () => {} });
  await expect(installing).rejects.toThrow(/34 packages are not in the cache, and the network is off: crun 1\.21/);
  expect(readdirSync(packages)).toEqual([]);
});

const ENGINE = fileURLToPath(new URL('../../../engine/bin/embedded-engine', import.meta.url));
const probe = async (cache: string) => {
  const { stdout, stderr } = await run(ENGINE, ['probe'], {
    env: { ...process.env, DRYDOCK_TOOLS: '', XDG_CACHE_HOME: cache },
  });
  return { stderr, probe: JSON.parse(stdout) as Probe };
};

describe('what was damaged is made again before it runs', () => {
  let tools = '';
  let cache = '';
  beforeAll(async () => {
    cache = await temporaryFolder('damaged');
    await copyPackages(cache);
    await probe(cache);
    const all = join(cache, 'drydock', 'tools');
    tools = join(all, readdirSync(all)[0] ?? '');
  });

  const DAMAGES = {
    altered: (file: string) => {
      const bytes = readFileSync(file);
      bytes[1000] = (bytes[1000] ?? 0) ^ 1;
      writeFileSync(file, bytes);
    },
    'cut off': (file: string) => truncateSync(file, 4096),
    empty: (file: string) => truncateSync(file),
    missing: (file: string) => rmSync(file),
    'not executable': (file: string) => chmodSync(file, 0o644),
    'a folder': (file: string) => {
      rmSync(file);
      mkdirSync(file);
    },
  };
  type Damage = keyof typeof DAMAGES;
  const all = Object.keys(DAMAGES) as Damage[];
  // The first three run before the engine does, the others only in it.
  const rows: [file: string, damages: Damage[]][] = [
    ['lib/ld.so', all],
    ['bin/unshare', all],
    ['lib/libc.so.6', ['cut off', 'empty', 'missing', 'a folder']],
    ['sums', ['cut off', 'empty', 'missing', 'a folder']],
    ['bin/crun', ['altered', 'not executable']],
    ['bin/mount', ['missing']],
    ['lib/libseccomp.so.2.6.0', ['altered']],
  ];
  for (const [file, damages] of rows) {
    for (const damage of damages) {
      test(`${file}, ${damage}`, async () => {
        const intact = readFileSync(join(tools, file));
        DAMAGES[damage](join(tools, file));
        const { stderr, probe: answer } = await probe(cache);
        expect(stderr).toMatch(/^note: the engine's tools in .* are damaged, and made again$/m);
        expect(answer.step).toBeNull();
        expect(readFileSync(join(tools, file)).equals(intact)).toBe(true);
      });
    }
  }

  test('tools of another version change places with them', async () => {
    const other = join(cache, 'drydock', 'tools', '0123456789abcdef-of-another');
    const intact = readFileSync(join(tools, 'bin/crun'));
    await installTools({ folder: other, packages: packageFolder(), offline: true, log: () => {} });
    // The whole of another release: its files, and sums that are right for each of them.
    writeFileSync(join(other, 'bin/crun'), '#!/bin/sh\n');
    const sum = createHash('sha256').update('#!/bin/sh\n').digest('hex');
    const sums = readFileSync(join(other, 'sums'), 'utf8');
    writeFileSync(join(other, 'sums'), sums.replace(/\w+(?= {2}bin\/crun$)/m, sum));
    renameSync(tools, `${tools}.aside`);
    renameSync(other, tools);
    renameSync(`${tools}.aside`, other);
    const { stderr, probe: answer } = await probe(cache);
    expect(stderr).toMatch(/^note: the engine's tools in .* are damaged, and made again$/m);
    expect(answer.step).toBeNull();
    expect(readFileSync(join(tools, 'bin/crun')).equals(intact)).toBe(true);
  });

  test('and what is whole is left alone', async () => {
    expect((await probe(cache)).stderr).not.toContain('damaged');
  });
});

test.runIf(isRoot)('a cache whose programs may not be run is one sentence (needs root, to mount it)', async () => {
  const cache = await temporaryFolder('noexec');
  const script = `${(await tool('mount')).join(' ')} -t tmpfs -o noexec none ${cache} && exec "$@"`;
  const command = ['--mount', 'sh', '-c', script, 'sh', ENGINE, 'probe'];
  const env = { ...process.env, DRYDOCK_TOOLS: '', XDG_CACHE_HOME: cache };
  await expect(run('unshare', command, { env })).rejects.toMatchObject({
    code: 3,
    stderr: expect.stringMatching(/^error: programs in .* cannot be started: .*EACCES\nhint: set XDG_CACHE_HOME/m),
  });
});

test('a relative path for the cache counts as none', async () => {
  const home = await temporaryFolder('home');
  await copyPackages(join(home, '.cache'));
  const env = { ...process.env, HOME: home, DRYDOCK_TOOLS: '', XDG_CACHE_HOME: 'relative' };
  const { stdout } = await run(ENGINE, ['probe'], { env, cwd: home });
  expect(JSON.parse(stdout)).toMatchObject({ step: null });
  expect(readdirSync(home)).toEqual(['.cache']);
});

test('a cache that cannot be made is one sentence', async () => {
  const file = join(await temporaryFolder('no-cache'), 'file');
  writeFileSync(file, '');
  const failing = probe(join(file, 'cache'));
  await expect(failing).rejects.toMatchObject({
    code: 3,
    stderr: expect.stringMatching(
      /^error: the engine's tools cannot be kept in .*: a part of the path is a file\nhint: set XDG_CACHE_HOME/m,
    ),
  });
});

test('nor can a store', async () => {
  const file = join(await temporaryFolder('no-store'), 'file');
  writeFileSync(file, '');
  const env = { ...process.env, DRYDOCK_TOOLS: folders[process.arch] ?? '', XDG_CACHE_HOME: join(file, 'cache') };
  await expect(run(ENGINE, ['probe'], { env })).rejects.toMatchObject({
    code: 3,
    stderr: expect.stringMatching(
      /^error: the store at .* cannot be used: a part of the path is a file\nhint: set XDG_CACHE_HOME/m,
    ),
  });
});
