// Replays mixtures of two capsules, one that passed and one that failed, until one input is left that makes the difference.
import { cpSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  bisect,
  filesOfSet,
  mixLock,
  mixManifest,
  packageUnits,
  type Unit,
  unitsBetween,
} from '../../src/core/capsule/bisect.ts';
import { fingerprintOf, isSame } from '../../src/core/capsule/fingerprint.ts';
import { badCapsule, type CapturedStage } from '../../src/core/capsule/manifest.ts';
import { PipelineError } from '../../src/core/errors.ts';
import { asLines } from '../../src/core/safe-text.ts';
import { archiveOf } from '../../src/pins.ts';
import type { BisectInvocation } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import { inFolder } from './folder.ts';
import { isWithoutNetwork, runWithoutNetwork } from './no-network.ts';
import { type OpenCapsule, openCapsule, openManifest } from './open.ts';
import { type ReplayRun, withReplayEngine } from './run.ts';

/** 0 where one input was named; 1 where the two capsules do not behave as they were recorded. */
export async function bisectCapsules(invocation: BisectInvocation, terminal: Terminal): Promise<number> {
  const { files, options } = invocation;
  const failure = failureOf((await openManifest(files[1])).stages, files[1]);
  await openManifest(files[0]);
  if (!isWithoutNetwork()) return await runWithoutNetwork(files[1]);
  const say = (line: string) => void terminal.err.write(asLines([line]));
  return await inFolder(async (folder) => {
    const good = await openCapsule(files[0], join(folder, 'good'));
    const bad = await openCapsule(files[1], join(folder, 'bad'));
    const around = { folder, terminal, options, listener: () => {} };
    return await withReplayEngine(around, async (run) => {
      const trials = new Trials({ good, bad, folder, failure, run, say });
      terminal.out.write(`${await search(trials, good, bad, failure)}\n`);
      return trials.named ? 0 : 1;
    });
  });
}

/** Names the input in one line, or says why none can be named. */
async function search(trials: Trials, good: OpenCapsule, bad: OpenCapsule, failure: CapturedStage): Promise<string> {
  const units = unitsBetween(good.manifest, bad.manifest);
  const [a, b] = [basename(good.file), basename(bad.file)];
  if (units.length === 0) return `${a} and ${b} read the same: what differs is chance, or the machine`;
  if (await trials.fails([])) return `${a} fails as ${b} does: it is not a good one`;
  if (!(await trials.fails(units))) return `${b} does not fail as it was recorded: the failure comes and goes`;
  const found = await bisect(units, async (from) => await trials.fails(from));
  const inside = found.unit.kind === 'packages' ? await inPackages(trials, units, found.unit, good, bad) : found;
  trials.named = true;
  const alone = inside.isAlone ? '' : ', together with other changes';
  return `${inside.unit.shown} makes ${failure.name} fail${alone} (${trials.count} replays)`;
}

/** Which package of a set it is; the whole set, where packages cannot be told apart. */
async function inPackages(
  trials: Trials,
  units: readonly Unit[],
  set: Unit,
  good: OpenCapsule,
  bad: OpenCapsule,
): Promise<{ unit: Unit; isAlone: boolean }> {
  const packages = packageUnits(good.manifest, bad.manifest, set.name);
  // What came before it in the search stays as it was there.
  const before = units.slice(0, units.indexOf(set));
  const fails = async (from: readonly Unit[]) => await trials.fails([...before, ...from]);
  if (packages.length === 0 || !(await fails(packages))) return { unit: set, isAlone: before.length === 0 };
  return await bisect(packages, fails);
}

function failureOf(stages: readonly CapturedStage[], file: string): CapturedStage {
  const failed = stages.find(({ fingerprint }) => fingerprint !== null);
  if (failed !== undefined) return failed;
  throw badCapsule(`${basename(file)} holds no failure`, {
    hint: 'name the capsule that passed first, the one that failed second',
  });
}

type Around = {
  good: OpenCapsule;
  bad: OpenCapsule;
  folder: string;
  failure: CapturedStage;
  run: ReplayRun;
  say: (line: string) => void;
};

class Trials {
  named = false;
  count = 0;
  readonly #around: Around;
  readonly #packages: string | null;

  constructor(around: Around) {
    this.#around = around;
    this.#packages = mergePackages(around.good, around.bad, join(around.folder, 'packages'));
  }

  /** Whether it fails as recorded with these units from the bad capsule and all else from the good one. */
  async fails(units: readonly Unit[]): Promise<boolean> {
    const { good, folder, failure, run, say } = this.#around;
    const place = join(folder, `trial-${++this.count}`);
    try {
      const database = units.some(({ kind }) => kind === 'database') ? this.#around.bad.database : good.database;
      const capsule: OpenCapsule = {
        ...good,
        images: this.#images(units, join(place, 'images')),
        packages: this.#packages,
        database,
      };
      const source = this.#source(units, join(place, 'source'));
      const { result } = await run(capsule, { stages: [failure.name], source, isOther: false, images: null });
      if (result.error !== null) throw new PipelineError(result.error.code, result.error.message, result.error.hint);
      const stage = result.stages.find(({ name }) => name === failure.name);
      const isBad = stage !== undefined && isSame(fingerprintOf(stage, result.smoke), failure.fingerprint);
      say(
        `${isBad ? 'fails ' : 'passes'} with ${units.length === 0 ? 'nothing' : units.map(({ shown }) => shown).join(', ')} of the bad one`,
      );
      return isBad;
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  }

  #images(units: readonly Unit[], folder: string): string {
    const { good, bad } = this.#around;
    mkdirSync(folder, { recursive: true });
    for (const file of new Set([good, bad].flatMap(({ images }) => readdirSync(images)))) {
      const from = units.some((unit) => unit.kind === 'image' && archiveOf(unit.name) === file) ? bad : good;
      const archive = join(from.images, file);
      if (existsSync(archive)) linkSync(archive, join(folder, file));
    }
    return folder;
  }

  #source(units: readonly Unit[], folder: string): string {
    const { good, bad } = this.#around;
    cpSync(good.source, folder, { recursive: true, verbatimSymlinks: true });
    for (const { kind, name } of units) {
      if (kind === 'file') replace(bad.source, folder, name);
      if (kind === 'packages') for (const path of this.#filesOf(name)) replace(bad.source, folder, path);
    }
    const paths = units.filter(({ kind }) => kind === 'package');
    for (const set of new Set(paths.flatMap((unit) => unit.set ?? []))) {
      const own = paths.filter((unit) => unit.set === set).map(({ name }) => name);
      if (own.length > 0) this.#mixPackages(folder, set, own);
    }
    return folder;
  }

  #filesOf(set: string): Set<string> {
    const { good, bad } = this.#around;
    return new Set([good, bad].flatMap(({ manifest }) => filesOfSet(manifest, set)));
  }

  #mixPackages(folder: string, set: string, paths: readonly string[]): void {
    const { good, bad } = this.#around;
    for (const path of this.#filesOf(set)) {
      const [a, b] = [good, bad].map(({ source }) => readFileSync(join(source, path), 'utf8')) as [string, string];
      writeFileSync(join(folder, path), path.endsWith('lock.json') ? mixLock(a, b, paths) : mixManifest(a, b, paths));
    }
  }
}

/** As the one tree has it, also where it has none. */
function replace(from: string, to: string, path: string): void {
  rmSync(join(to, path), { force: true });
  if (!existsSync(join(from, path))) return;
  mkdirSync(dirname(join(to, path)), { recursive: true });
  cpSync(join(from, path), join(to, path), { verbatimSymlinks: true });
}

/** npm's cache of both: content has its hash for a name; in an index, the last line counts, which is to be the newer capsule's. */
function mergePackages(good: OpenCapsule, bad: OpenCapsule, folder: string): string | null {
  const byAge = [good, bad].sort((a, b) => a.manifest.clock.localeCompare(b.manifest.clock));
  const held = byAge.flatMap(({ packages }) => packages ?? []);
  if (held.length === 0) return null;
  for (const packages of held) {
    for (const entry of readdirSync(packages, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const from = join(entry.parentPath, entry.name);
      const to = join(folder, from.slice(packages.length + 1));
      mkdirSync(dirname(to), { recursive: true });
      if (!existsSync(to)) cpSync(from, to);
      else if (to.includes('/index-v5/')) writeFileSync(to, readFileSync(from), { flag: 'a' });
    }
  }
  return folder;
}
