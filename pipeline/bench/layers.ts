// Measures what it costs that no layer is used unseen: to note what a new one holds, and to look at it where a step changed. Prints medians.
import { randomBytes, randomUUID } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { $ } from 'zx';
import { stampOf, takeManifest } from '../engine/store/manifest.ts';
import { storeFolder } from '../engine/store/store.ts';
import { makeBase } from '../test/system/conformance/base.ts';
import { openSession, sh } from '../test/system/engine-session.ts';

const ROUNDS = Number(process.env.BENCH_ROUNDS || 5);
const FILES = Number(process.env.BENCH_FILES || 20_000);
const FILE_BYTES = 4000;

const folder = await mkdtemp(join(tmpdir(), 'drydock-bench-layers-'));
const cache = join(folder, 'cache');
const layers = join(storeFolder({ XDG_CACHE_HOME: cache }), 'layers');

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

async function inRounds(work: () => Promise<number>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) times.push(await work());
  return median(times);
}

async function makeArchive(): Promise<string> {
  const files = join(folder, 'files');
  for (let index = 0; index < FILES; index += 1) {
    const group = join(files, `g${index % 200}`);
    if (index < 200) await mkdir(group, { recursive: true });
    await writeFile(join(group, `f${index}`), randomBytes(FILE_BYTES));
  }
  const archive = join(folder, 'files.tar');
  await $`tar --create --file ${archive} --directory ${files} .`;
  await rm(files, { recursive: true });
  return archive;
}

/** The container that holds the archive, and one session's answer to what is asked of it. */
async function inSession<T>(
  base: string,
  archive: string,
  work: (ask: (fields: string) => Promise<string>) => Promise<T>,
): Promise<T> {
  const session = await openSession({ XDG_CACHE_HOME: cache });
  try {
    const from = await session.from(base);
    const file = await session.ask(`{ host { file(path: ${JSON.stringify(archive)}) { id } } }`);
    return await work((fields) => from(`withFile(path: "/files.tar", source: ${JSON.stringify(file)}) { ${fields} }`));
  } finally {
    await session.close();
  }
}

const unpack = (round: string, fields: string) =>
  sh(`: ${round}; mkdir /files; tar -x -f /files.tar -C /files`, fields);
const folders = () => readdirSync(layers).map((id) => join(layers, id));

function print(figure: string, without: number, cost: number): void {
  const ms = (value: number) => value.toFixed(0).padStart(9);
  console.log(`${figure.padEnd(46)}${ms(without)}${ms(without + cost)}${(1 + cost / without).toFixed(2).padStart(8)}`);
}

try {
  await mkdir(cache);
  const base = await makeBase(folder);
  const archive = await makeArchive();
  await inSession(base, archive, (ask) => ask(sh('true')));
  console.log(`node ${process.version}; ${FILES} files of ${FILE_BYTES} bytes; medians of ${ROUNDS} rounds, in ms\n`);
  console.log(`${'figure'.padEnd(46)}${'without'.padStart(9)}${'with'.padStart(9)}${'ratio'.padStart(8)}`);

  let latest = '';
  const before = new Set(folders());
  const step = await inSession(base, archive, (ask) =>
    inRounds(() => {
      latest = randomUUID();
      return timed(() => ask(unpack(latest, 'stdout')));
    }),
  );
  const [made = ''] = folders().filter((path) => !before.has(path));
  const noting = await inRounds(() => timed(() => takeManifest(join(made, 'fs'))));
  print('a step that makes them', step - noting, noting);

  const changed = () =>
    timed(() => inSession(base, archive, (ask) => ask(unpack(latest, sh(`: ${randomUUID()}; ls /files | wc -l`)))));
  const looking = await inRounds(() => timed(() => stampOf(join(made, 'fs'))));
  const sameBoot = await inRounds(changed);
  print('a run in which one step on them changed', sameBoot - looking, looking);
  const firstInBoot = await inRounds(() => {
    for (const path of folders()) rmSync(join(path, 'stamp'), { force: true });
    return changed();
  });
  print('the same, the first in a boot', sameBoot - looking, firstInBoot - sameBoot + looking);
} finally {
  await rm(folder, { recursive: true, force: true });
}
