// Starts each stage as soon as what it needs is there, once, and keeps what it found.
import type { Container, File } from '@dagger.io/dagger';
import { COMMAND } from '../command.ts';
import { REQUIRED } from '../core/delivery/evidence.ts';
import type { AskedStage, ImageResult, StageResult } from '../core/model.ts';
import { parseServiceManifest } from '../core/service.ts';
import { type PackageSet, PRODUCTION, packageSets, setOf, setsFor } from '../core/subject.ts';
import { skippedStage } from '../core/verdict.ts';
import type { Given } from './archive.ts';
import { type Built, build, IMAGE_FILE } from './build.ts';
import type { PackageContext } from './context.ts';
import { type DatabaseOptions, lookUp } from './database.ts';
import type { Delivery, Ready } from './delivery.ts';
import { type Gated, gate, replayGate } from './gate.ts';
import { install, nodeContainer } from './install.ts';
import { type Known, keepGate } from './known.ts';
import { lint } from './lint.ts';
import type { Installed } from './package.ts';
import type { Deciding } from './policy.ts';
import type { Published } from './publish.ts';
import type { Runtime } from './runtime.ts';
import { type Sboms, sbom } from './sbom.ts';
import { type Scanned, scan } from './scan.ts';
import { settled } from './settled.ts';
import type { Signed } from './sign.ts';
import { type Smoked, smoke } from './smoke.ts';
import type { Ran } from './step.ts';
import { test } from './test.ts';
import { timedStage } from './timed.ts';

/** All that stages take, checked before the first of them starts. */
export type PlanInputs = {
  platforms: readonly string[];
  /** The service's package.json. */
  manifest: string;
  strict: boolean;
  deciding: Deciding | null;
  database: DatabaseOptions;
  baseline: File | undefined;
  rehearsal: boolean;
  /** Where smoke deploys. */
  runtime: Runtime;
  /** All sets of packages are wanted, whatever the stages need. */
  isInstalling: boolean;
  /** An archive that was given, to be looked at instead of one that is built. */
  given: Shipped | null;
  delivery: Delivery | null;
  /** What another run built, to be held against what this one builds. */
  other: ImageResult | null;
};

/** The image that is described and scanned. */
export type Shipped = Given & { archive: File };

export class Plan {
  readonly #context: PackageContext;
  readonly #inputs: PlanInputs;
  readonly #known: Known;
  readonly #asked: readonly AskedStage[];
  readonly #sets: readonly PackageSet[];
  readonly #installed = new Map<string, Promise<Ran>>();
  readonly #begun = new Map<string, Promise<unknown>>();

  constructor(context: PackageContext, inputs: PlanInputs, known: Known, asked: readonly AskedStage[]) {
    this.#context = context;
    this.#inputs = inputs;
    this.#known = known;
    this.#asked = asked;
    const { subject } = context;
    const needed = new Set(
      (inputs.isInstalling ? (['install'] as const) : asked).flatMap((name) => setsFor(subject, name)),
    );
    this.#sets = packageSets(subject).filter(({ name }) => needed.has(name));
  }

  /** The packages of all stages that were asked for; undefined where none needs any. */
  install(): Promise<StageResult> | undefined {
    if (this.#sets.length === 0) return undefined;
    const node = nodeContainer(this.#context);
    for (const set of this.#sets) this.#installed.set(set.name, install(this.#context, node, set));
    return timedStage(this.#context, 'install', async () => {
      const ran = await settled([...this.#installed.values()]);
      for (const [index, { container }] of ran.entries()) {
        const set = this.#sets[index];
        if (set !== undefined) this.#known.materials.packages.set(set.name, container);
      }
      return { steps: ran.map(({ result }) => result), details: unreachable(ran) };
    });
  }

  /** Begin a stage, or join it; its result when it has ended. */
  async stage(name: AskedStage): Promise<StageResult> {
    // Those that have no method here are runs of their own.
    if (name === 'verify' || name === 'rollback') throw new Error(`${name} is no part of a plan`);
    return (await this[name]()).stage;
  }

  lint(): Promise<{ stage: StageResult }> {
    return this.#once('lint', async () => {
      const installed = await this.#allReady('lint');
      return installed === null ? lacking('lint', 'install') : { stage: await lint(this.#context, installed) };
    });
  }

  test(): Promise<{ stage: StageResult }> {
    return this.#once('test', async () => {
      const installed = await this.#allReady('test');
      if (installed === null) return lacking('test', 'install');
      const { stage, cases } = await test(this.#context, installed);
      this.#known.cases = cases;
      return { stage };
    });
  }

  build(): Promise<Pick<Built, 'stage'> & Partial<Built>> {
    return this.#once('build', async () => {
      const [service, production] = await Promise.all([
        this.#ready(setOf(this.#context.subject.service)),
        this.#ready(PRODUCTION),
      ]);
      if (!service || !production) return lacking('build', 'install');
      const { platforms, manifest, other } = this.#inputs;
      const built = await build(this.#context, { service, production, platforms, manifest, other });
      this.#known.image = built.image;
      this.#known.standIns.push(...built.standIns);
      if (built.archive !== null) this.#known.files.set(IMAGE_FILE, built.archive);
      return built;
    });
  }

  sbom(): Promise<Pick<Sboms, 'stage'> & Partial<Sboms>> {
    return this.#once('sbom', async () => {
      const shipped = await this.#shipped();
      if (shipped === null) return lacking('sbom', 'build');
      const { name } = parseServiceManifest(this.#inputs.manifest, this.#context.subject.service);
      const found = await sbom(this.#context, { ...shipped, name });
      for (const [path, file] of found.files) this.#known.files.set(path, file);
      this.#keepScanner(found);
      return found;
    });
  }

  scan(): Promise<Pick<Scanned, 'stage'> & Partial<Scanned>> {
    return this.#once('scan', async () => {
      const { deciding, database, strict } = this.#inputs;
      // Asked while the image is built: an answer takes as long as the network does.
      const isAsked = deciding !== null && database.folder === undefined;
      const lookedUp = isAsked ? lookUp(this.#context, database, deciding.parsed.database) : null;
      const [shipped] = await settled([this.#shipped(), lookedUp]);
      if (shipped === null || deciding === null) return lacking('scan', 'build');
      const found = await scan(this.#context, {
        ...shipped,
        deciding,
        database,
        lookedUp,
        strict,
        ecosystems: async () => (await this.sbom()).ecosystems ?? [],
      });
      this.#known.materials.database = found.used;
      if (found.report !== null) this.#known.texts.set('scan.json', found.report);
      this.#keepScanner(found);
      return found;
    });
  }

  gate(): Promise<Pick<Gated, 'stage'> & Partial<Gated>> {
    return this.#once('gate', async () => {
      const { deciding, baseline, rehearsal, delivery } = this.#inputs;
      if (delivery?.recorded) {
        const gated = await replayGate(this.#context, delivery.recorded.verdict, { day: 'today' });
        keepGate(this.#known, gated);
        return gated;
      }
      const [shipped, described, scanned] = await settled([this.#shipped(), this.sbom(), this.scan()]);
      if (shipped === null || deciding === null) return lacking('gate', 'build');
      if (!isWhole(scanned) || scanned.stage.status === 'failed') return lacking('gate', 'scan');
      if (!isWhole(described) || described.stage.status === 'failed') return lacking('gate', 'sbom');
      const scanners = [described.scanner, scanned.scanner].filter((scanner) => scanner !== null);
      const gated = await gate(this.#context, {
        image: shipped.image,
        scanned,
        scanners,
        ecosystems: described.ecosystems,
        sbomMissing: described.files.size > 0 ? null : described.stage.reason,
        deciding,
        baseline,
        rehearsal,
      });
      keepGate(this.#known, gated);
      return gated;
    });
  }

  publish(): Promise<Pick<Published, 'stage'> & Partial<Published>> {
    return this.#once('publish', async () => {
      const ready = await this.#toDeliver();
      return ready === null ? lacking('publish', 'build') : await this.#delivery.publish(ready);
    });
  }

  sign(): Promise<Pick<Signed, 'stage'> & Partial<Signed>> {
    return this.#once('sign', async () => {
      const [ready, published] = [await this.#toDeliver(), await this.publish()];
      if (ready === null || published.stage.status !== 'passed') return lacking('sign', 'publish');
      return await this.#delivery.sign(ready);
    });
  }

  promote(): Promise<{ stage: StageResult }> {
    return this.#once('promote', async () => {
      const [ready, signed, smoked] = [await this.#toDeliver(), await this.sign(), await this.smoke()];
      if (ready === null || isRed(signed.stage)) return lacking('promote', 'sign');
      if (isRed(smoked.stage)) return lacking('promote', 'smoke');
      const seen = { signed: signed.stage, smoked: smoked.stage, smoke: smoked.smoke ?? null };
      return { stage: await this.#delivery.promote(ready, seen) };
    });
  }

  smoke(): Promise<Pick<Smoked, 'stage'> & Partial<Smoked>> {
    return this.#once('smoke', async () => {
      const shipped = await this.#shipped();
      if (shipped === null) return lacking('smoke', 'build');
      const { delivery } = this.#inputs;
      const { digest } = shipped.image;
      if (delivery !== null && isRed((await this.sign()).stage)) return lacking('smoke', 'publish');
      const deployed = delivery?.deployed(digest) ?? {
        commit: this.#known.source.commit ?? '',
        built: new Date(this.#context.startedMs).toISOString(),
        digest,
      };
      const previous = delivery === null || delivery.skipRollback ? null : ((await this.publish()).previous ?? null);
      const { runtime } = this.#inputs;
      const smoked = await smoke(this.#context, { archive: shipped.archive, deployed, previous, runtime });
      this.#known.smoke = smoked.smoke;
      this.#known.standIns.push(...smoked.standIns);
      return smoked;
    });
  }

  get #delivery(): Delivery {
    const { delivery } = this.#inputs;
    if (delivery === null) throw new Error('nobody said where to deliver to');
    return delivery;
  }

  /** Everything that has to be known of an image before it leaves; null where there is none. */
  async #toDeliver(): Promise<Ready | null> {
    const asked = this.#asked.filter((name) => (REQUIRED as readonly string[]).includes(name));
    const [shipped, ...stages] = await settled([this.#shipped(), ...asked.map((name) => this.stage(name))]);
    if (shipped === null) return null;
    const { archive, image, labels } = shipped;
    return { archive, digest: image.digest, labels, gate: this.#known.gate, stages };
  }

  async #shipped(): Promise<Shipped | null> {
    const shipped = this.#inputs.given ?? (await this.#built());
    this.#known.materials.archive = shipped?.archive ?? null;
    return shipped;
  }

  async #built(): Promise<Shipped | null> {
    const { archive = null, image = null, standIns = [] } = await this.build();
    if (archive === null || image === null) return null;
    // What it says it was built on is the stand-in, not the image that the stand-in stands for.
    const base = standIns[0]?.recipe ?? image.base;
    const appLayers = [...new Set(image.platforms.map(({ appLayer }) => appLayer.digest))];
    const platforms = image.platforms.map(({ platform, digest }) => ({ platform, digest }));
    const labels = standIns.map(({ recipe }) => recipe);
    return { archive, image: { digest: image.digest, base, appLayers, platforms }, labels };
  }

  #keepScanner({ scanner, standIn }: Pick<Scanned, 'scanner' | 'standIn'>): void {
    if (scanner !== null) this.#known.scanners.push(scanner);
    if (standIn !== null) this.#known.standIns.push(standIn);
  }

  /** The packages that a stage's commands run with; null where one set could not be installed. */
  async #allReady(stage: AskedStage): Promise<Installed | null> {
    const ready = new Map<string, Container>();
    for (const name of setsFor(this.#context.subject, stage)) {
      const container = await this.#ready(name);
      if (container === null) return null;
      ready.set(name, container);
    }
    return (of) => ready.get(setOf(of)) as Container;
  }

  async #ready(name: string) {
    const ran = await this.#installed.get(name);
    return ran !== undefined && ran.result.exitCode === 0 ? ran.container : null;
  }

  #once<T>(key: string, begin: () => Promise<T>): Promise<T> {
    const begun = this.#begun.get(key) ?? begin();
    this.#begun.set(key, begun);
    return begun as Promise<T>;
  }
}

/** npm's words for a registry that it cannot reach, or for a cache that lacks something. */
const NO_NETWORK = /\b(ENOTFOUND|EAI_AGAIN|ENOTCACHED|ECONNREFUSED|ENETUNREACH|ETIMEDOUT)\b/;

function unreachable(ran: readonly Ran[]): string[] {
  const isCut = ran.some(({ result, log }) => result.exitCode !== 0 && NO_NETWORK.test(log));
  return isCut ? [`packages are missing, and cannot be fetched here; where they can be: ${COMMAND} warm`] : [];
}

/** What comes after it does not begin. */
function isRed({ status }: StageResult): boolean {
  return status === 'failed' || status === 'skipped';
}

function lacking(name: AskedStage, of: string): { stage: StageResult } {
  return { stage: skippedStage(name, `not reached: ${of} failed`) };
}

/** A stage that ran has all its results; one that was not reached has none. */
function isWhole<T extends { stage: StageResult }>(found: Pick<T, 'stage'> & Partial<T>): found is T {
  return found.stage.status !== 'skipped';
}
