// What else may happen to a store: its files change, its disk runs full, two use it at once, the clock jumps. Each is followed by right runs.
import {
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { $ } from 'zx';
import { filesIn } from '../system/repository.ts';
import { Scene } from './scene.ts';

type Fault = (scene: Scene, round: number) => Promise<void>;

const random = (most: number) => Math.floor(Math.random() * most);
const pick = <T>(all: readonly T[]): T => all[random(all.length)] as T;

/** A file cut off, or with another bit somewhere. */
function damageFile(file: string): void {
  const bytes = readFileSync(file);
  if (bytes.length === 0) return;
  const at = random(bytes.length);
  if (Math.random() < 0.5) truncateSync(file, at);
  else {
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
    writeFileSync(file, bytes);
  }
}

/** A blob, a record or the outputs of a step. */
const damage = (scene: Scene) =>
  damageFile(pick(['blobs', 'records', 'execs'].flatMap((kind) => filesIn(scene.store(kind)))));

const altered: Fault = async (scene, round) => {
  for (let files = 0; files < 5; files += 1) damage(scene);
  // The same steps as the run before, so that what was damaged is asked for; then new ones.
  await scene.check(`altered ${Math.floor(round / 2)}`);
};

/** What may happen to a place in a layer. */
const ALTERATIONS: readonly ((path: string) => void)[] = [
  (path) => lstatSync(path).isFile() && damageFile(path),
  (path) => chmodSync(lstatSync(path).isSymbolicLink() ? dirname(path) : path, random(0o1000)),
  (path) => rmSync(path, { recursive: true }),
  (path) => writeFileSync(join(dirname(path), `more-${random(1000)}`), 'more'),
  (path) => {
    rmSync(path, { recursive: true });
    symlinkSync('nowhere', path);
  },
];

const ALTERED_EACH = 20;

/** Files, links and folders of all layers, and what the store notes of them; the time stays as it was. */
const alteredLayers: Fault = async (scene, round) => {
  const name = `altered layers ${Math.floor(round / 2)}`;
  await scene.check(name);
  for (let count = 0; count < ALTERED_EACH; count += 1) {
    const layers = scene.store('layers');
    const path = join(layers, pick(readdirSync(layers, { recursive: true, encoding: 'utf8' })));
    const { atime, mtime } = lstatSync(path);
    pick(ALTERATIONS)(path);
    if (existsSync(path)) utimesSync(path, atime, mtime);
  }
  // The last step anew, on layers that were altered; what the program answers is of all of them.
  await scene.check(name, {}, String(random(1e9)));
};

/** Of what steps share nothing answers for the content but the steps: it may be lost, the next run is right. */
const alteredVolumes: Fault = async (scene, round) => {
  await scene.check(`volume ${round}`);
  for (const file of filesIn(scene.store('volumes'))) for (let count = 0; count < 5; count += 1) damageFile(file);
  await scene.check(`volume again ${round}`);
};

const twoAtOnce: Fault = async (scene, round) => {
  await Promise.all([scene.check(`two ${round}`), scene.check(`two ${round}`)]);
};

const CLOCK = fileURLToPath(new URL('../system/clock.mjs', import.meta.url));

const clockJumps: Fault = async (scene, round) => {
  const clock = pick(['jumps', '400', '-400']);
  await scene.check(`clock ${round}`, { NODE_OPTIONS: `--import=${CLOCK}`, TEST_CLOCK: clock });
  await scene.check(`clock ${round}`);
};

/** On a disk of its own with a random rest of room: the run is right, or says in one sentence that the disk is full. */
const fullDisk: Fault = async ({ archive, cache, wrong }, round) => {
  const disk = `${cache}-full`;
  await $`mkdir -p ${disk}`;
  await $`mount -t tmpfs -o size=24m drydock-chaos ${disk}`;
  const small = new Scene(disk, archive);
  try {
    await small.check(`full, before ${round}`);
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(join(disk, 'ballast'), Buffer.alloc(Math.max(0, bavail * bsize - random(2_000_000))));
    const { isRight, said } = await small.run(`full ${round}`);
    if (!isRight && !/the disk is full: /.test(said)) wrong.push(`full disk: ${said.slice(-500)}`);
    rmSync(join(disk, 'ballast'));
    await small.check(`full ${round}`);
    wrong.push(...small.wrong, ...small.leftovers().map((name) => `full disk: ${name} was left`));
  } finally {
    await $`umount ${disk}`;
  }
};

/** Only root may mount a disk. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  'altered files': altered,
  'altered layers': alteredLayers,
  'altered volumes': alteredVolumes,
  'two runs at once': twoAtOnce,
  'clock jumps': clockJumps,
  ...(process.getuid?.() === 0 ? { 'full disks': fullDisk } : {}),
};
