// What Dagger has to do for this module at each call beyond what it does for an empty one: files, bytes, and CPU time to read its types and import it.
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addClient, makeModule } from '../test/module-folder.ts';
import { costOfProcess, median } from './cost.ts';

const ROUNDS = Number(process.env.BENCH_ROUNDS || 5);
const AIM = 0.3;
const folder = await mkdtemp(join(tmpdir(), 'drydock-bench-module-'));

const EMPTY = `import { func, object } from '@dagger.io/dagger';
@object()
export class Ci {
  @func()
  async empty(): Promise<string> { return ''; }
}
`;

type Module = { name: string; folder: string; files: string[] };

function emptyModule(): Module {
  const empty = join(folder, 'empty');
  mkdirSync(join(empty, 'src'), { recursive: true });
  writeFileSync(join(empty, 'src/index.ts'), EMPTY);
  const paths = { '@dagger.io/dagger': ['./sdk/index.ts'] };
  writeFileSync(
    join(empty, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { experimentalDecorators: true, paths } }),
  );
  return { name: 'empty', folder: empty, files: addClient(empty) };
}

function ourModule(): Module {
  const ours = join(folder, 'ours');
  return { name: 'ours', folder: ours, files: makeModule(ours) };
}

/** As the SDK's entrypoint does: both come after the import of the SDK, which every module pays. */
const INTROSPECTOR = new URL(
  '../../node_modules/@dagger.io/dagger/dist/src/module/introspector/index.js',
  import.meta.url,
);
const sdk = "await import('@dagger.io/dagger');";
const programs: [name: string, (files: string[]) => string][] = [
  ['types read', (files) => `${sdk} (await import('${INTROSPECTOR}')).scan(${JSON.stringify(files)}, 'ci', false)`],
  [
    'imported',
    (files) => `${sdk} await Promise.all(${JSON.stringify(files.slice(0, -1))}.map((file) => import(file)))`,
  ],
];

/** tsx keeps what it compiled below the folder of temporary files: a new one is cold. */
async function cpuOf(module: Module, program: string, isCold: boolean): Promise<number> {
  const compiled = join(folder, 'compiled', module.name);
  const file = join(module.folder, 'load.mjs');
  writeFileSync(file, program);
  const settings = ['--tsconfig', join(module.folder, 'tsconfig.json')];
  const words = [process.execPath, fileURLToPath(import.meta.resolve('tsx/cli')), ...settings, file];
  const cpu: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    if (isCold) rmSync(compiled, { recursive: true, force: true });
    mkdirSync(compiled, { recursive: true });
    cpu.push((await costOfProcess(words, { cwd: module.folder, env: { ...process.env, TMPDIR: compiled } })).cpu);
  }
  return median(cpu.slice(1));
}

function uploaded({ folder }: Module): { files: number; bytes: number } {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\/(sdk|node_modules)(\/|$)/.test(entry.parentPath))
    .map(({ parentPath, name }) => join(parentPath, name));
  return { files: paths.length, bytes: paths.reduce((sum, path) => sum + statSync(path).size, 0) };
}

const row = (name: string, empty: string, ours: string, rest = '') =>
  console.log(`${name.padEnd(22)}${empty.padStart(9)}${ours.padStart(9)}  ${rest}`.trimEnd());

try {
  const [empty, ours] = [emptyModule(), ourModule()];
  const [before, after] = [uploaded(empty), uploaded(ours)];
  console.log(`medians of ${ROUNDS}; beyond: what this module adds, ${AIM} s is the aim of both together, warm\n`);
  row('', 'empty', 'ours', '   ratio  beyond');
  row('files uploaded', String(before.files), String(after.files));
  row('kB uploaded', (before.bytes / 1000).toFixed(0), (after.bytes / 1000).toFixed(0));
  row('files read at a call', String(empty.files.length - 1), String(ours.files.length - 1));
  for (const [name, program] of programs) {
    for (const isCold of [true, false]) {
      const [least, most] = [
        await cpuOf(empty, program(empty.files), isCold),
        await cpuOf(ours, program(ours.files), isCold),
      ];
      const beyond = `${(most / least).toFixed(2).padStart(8)}${(most - least).toFixed(2).padStart(6)} s`;
      row(`${name}, ${isCold ? 'cold' : 'warm'}`, `${least.toFixed(2)} s`, `${most.toFixed(2)} s`, beyond);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
