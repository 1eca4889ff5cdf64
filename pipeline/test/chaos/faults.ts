// What else may happen to a store: its files change, its disk runs full, two use it at once, the clock jumps. Each is followed by right runs.
import { readFileSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { $ } from 'zx';
import { filesIn } from '../system/repository.ts';
import { mountDisk, unmountDisk } from '../system/tools.ts';
import { Scene } from './scene.ts';

type Fault = (scene: Scene, round: number) => Promise<void>;

const random = (most: number) => Math.floor(Math.random() * most);
const pick = <T>(all: readonly T[]): T => all[random(all.length)] as T;

/** A file that is cut off, or has another bit somewhere. */
function damage(file: string): void {
  const bytes = readFileSync(file);
  if (bytes.length === 0) return;
  const at = random(bytes.length);
  if (Math.random() < 0.5) truncateSync(file, at);
  else {
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
    writeFileSync(file, bytes);
  }
}

const altered: Fault = async (scene, round) => {
  const files = ['blobs', 'records', 'execs'].flatMap((kind) => filesIn(scene.store(kind)));
  for (let damaged = 0; damaged < 5; damaged += 1) damage(pick(files));
  // The same steps as the run before, so that what was damaged is asked for; then new ones.
  await scene.check(`altered ${Math.floor(round / 2)}`);
};

/** Of what steps run on: a run says what it has thrown away, or is right; so many can be thrown away, and not one more. */
const alteredLayers: Fault = async (scene, round) => {
  const files = filesIn(scene.store('layers')).filter((path) => path.includes('/fs/'));
  for (let damaged = 0; damaged < 10; damaged += 1) damage(pick(files));
  let said = '';
  for (let tries = 0; tries <= 10; tries += 1) {
    const ran = await scene.run(`layers ${round}`);
    if (ran.isRight) {
      scene.right += 1;
      return;
    }
    said = ran.said;
    if (!/is not what was made, and is thrown away/.test(said)) break;
  }
  scene.wrong.push(`altered layers: ${said.slice(-500)}`);
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

/** On a disk of its own, large enough for the engine and its tools, with a random rest of room: the run is right, or says in one sentence that the disk is full. */
const fullDisk: Fault = async ({ archive, cache, wrong }, round) => {
  const disk = `${cache}-full`;
  await $`mkdir -p ${disk}`;
  await mountDisk(disk, '160m');
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
    await unmountDisk(disk);
  }
};

/** Only root may mount a disk. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  'altered files': altered,
  'altered layers': alteredLayers,
  'two runs at once': twoAtOnce,
  'clock jumps': clockJumps,
  ...(process.getuid?.() === 0 ? { 'full disks': fullDisk } : {}),
};
