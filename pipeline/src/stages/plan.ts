// Starts each stage as soon as what it needs is there, once, and hands on what it found.
import type { Container, File } from '@dagger.io/dagger';
import { COMMAND } from '../command.ts';
import { REQUIRED } from '../core/delivery/evidence.ts';
import type { AskedStage, ImageResult, SourceFacts, StageResult } from '../core/model.ts';
import { type PackageSet, PRODUCTION, packageSets, setOf, setsFor } from '../core/package-sets.ts';
import { parseServiceManifest } from '../core/service.ts';
import { waitsFor } from '../core/stages.ts';
import { skippedStage } from '../core/verdict.ts';
import type { Given } from './archive.ts';
import { type Built, build } from './build.ts';
import type { PackageContext } from './context.ts';
import { type DatabaseOptions, lookUp } from './database.ts';
import type { Delivery, Ready } from './delivery.ts';
import { type Found, type Keep, together } from './found.ts';
import { type Gated, gate, replayGate } from './gate.ts';
import { nodeContainer } from './install.ts';
import { type Linted, lint } from './lint.ts';
import { type Prepared, prepare } from './locals.ts';
import type { Installed } from './package.ts';
import type { Deciding } from './policy.ts';
import type { Published } from './publish.ts';
import type { Runtime } from './runtime.ts';
import { type Sboms, sbom } from './sbom.ts';
import { type Scanned, scan } from './scan.ts';
import { settled } from './settled.ts';
import type { Signed } from './sign.ts';
import { type Smoked, smoke } from './smoke.ts';
import { type Tested, test } from './test.ts';
import { timedStage } from './timed.ts';

/** All that stages take, checked before the first of them starts. */
export type PlanInputs = {
  asked: readonly AskedStage[];
  platforms: readonly string[];
  /** The service's package.json; null where it needs none, and has none. */
  manifest: string | null;
  facts: Promise<SourceFacts>;
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

/** What each stage leaves beside its result. */
type Left = {
  lint: Linted;
  test: Tested;
  build: Built;
  sbom: Sboms;
  scan: Scanned;
  gate: Gated;
  publish: Published;
  sign: Signed;
  smoke: Smoked;
  promote: object;
};
type Planned = keyof Left;

/** A stage that was not reached leaves nothing but its result. */
type Outcome<Name extends Planned> = Found & { stage: StageResult } & Partial<Left[Name]>;

/** Another stage, begun or joined; what it left when it has ended. */
type Need = <Name extends Planned>(name: Name) => Promise<Outcome<Name>>;

export class Plan {
  readonly #context: PackageContext;
  readonly #inputs: PlanInputs;
  readonly #keep: Keep;
  readonly #sets: readonly PackageSet[];
  readonly #installed = new Map<string, Promise<Prepared>>();
  readonly #begun = new Map<string, Promise<unknown>>();

  /** What each stage does with what it needs. */
  readonly #stages: { readonly [Name in Planned]: (need: Need) => Promise<Outcome<Name>> } = {
    lint: async () => {
      const installed = await this.#allReady('lint');
      return installed === null ? lacking('lint', 'install') : await lint(this.#context, installed);
    },

    test: async () => {
      const installed = await this.#allReady('test');
      return installed === null ? lacking('test', 'install') : await test(this.#context, installed);
    },

    build: async () => {
      const { platforms, manifest, other } = this.#inputs;
      const { service } = this.#context.subject;
      if (service.project === null) return await build(this.#context, { packages: null, platforms, manifest, other });
      const [own, production] = await Promise.all([this.#ready(setOf(service)), this.#ready(PRODUCTION)]);
      if (!own || !production) return lacking('build', 'install');
      return await build(this.#context, { packages: { own, production }, platforms, manifest, other });
    },

    sbom: async (need) => {
      const shipped = await this.#shipped(need);
      if (shipped === null) return lacking('sbom', 'build');
      const { name } = parseServiceManifest(this.#inputs.manifest, this.#context.subject.service);
      return await sbom(this.#context, { ...shipped, name });
    },

    scan: async (need) => {
      const { deciding, database, strict } = this.#inputs;
      // Asked while the image is built: an answer takes as long as the network does.
      const isAsked = deciding !== null && database.folder === undefined;
      const lookedUp = isAsked ? lookUp(this.#context, database, deciding.parsed.database) : null;
      const [shipped] = await settled([this.#shipped(need), lookedUp]);
      if (shipped === null || deciding === null) return lacking('scan', 'build');
      const ecosystems = async () => (await need('sbom')).ecosystems ?? [];
      return await scan(this.#context, { ...shipped, deciding, database, lookedUp, strict, ecosystems });
    },

    gate: async (need) => {
      const { deciding, baseline, rehearsal, delivery } = this.#inputs;
      if (delivery?.recorded) return await replayGate(this.#context, delivery.recorded.verdict, { day: 'today' });
      const [shipped, described, scanned] = await settled([this.#shipped(need), need('sbom'), need('scan')]);
      if (shipped === null || deciding === null) return lacking('gate', 'build');
      if (!isWhole(scanned) || scanned.stage.status === 'failed') return lacking('gate', 'scan');
      if (!isWhole(described) || described.stage.status === 'failed') return lacking('gate', 'sbom');
      return await gate(this.#context, {
        image: shipped.image,
        scanned,
        scanners: [described.scanner, scanned.scanner].filter((scanner) => scanner !== null),
        ecosystems: described.ecosystems,
        sbomMissing: described.files.size > 0 ? null : described.stage.reason,
        deciding,
        baseline,
        rehearsal,
      });
    },

    smoke: async (need) => {
      const shipped = await this.#shipped(need);
      if (shipped === null) return lacking('smoke', 'build');
      const { delivery, facts, runtime } = this.#inputs;
      const { digest } = shipped.image;
      if (delivery !== null && isRed((await need('sign')).stage)) return lacking('smoke', 'publish');
      const { commit } = await facts;
      const built = new Date(this.#context.startedMs).toISOString();
      const deployed = delivery?.recordedAs(digest) ?? { commit: commit ?? '', built, digest };
      const previous = delivery === null || delivery.skipRollback ? null : ((await need('publish')).previous ?? null);
      const { service: backing } = this.#context.subject;
      return await smoke(this.#context, { archive: shipped.archive, deployed, previous, runtime, backing });
    },

    publish: async (need) => {
      const ready = await this.#toDeliver(need);
      return ready === null ? lacking('publish', 'build') : await this.#delivery.publish(ready);
    },

    sign: async (need) => {
      const [ready, published] = [await this.#toDeliver(need), await need('publish')];
      if (ready === null || published.stage.status !== 'passed') return lacking('sign', 'publish');
      return await this.#delivery.sign(ready);
    },

    promote: async (need) => {
      const ready = await this.#toDeliver(need);
      const [published, signed, smoked] = [await need('publish'), await need('sign'), await need('smoke')];
      if (ready === null || isRed(signed.stage)) return lacking('promote', 'sign');
      if (isRed(smoked.stage)) return lacking('promote', 'smoke');
      return await this.#delivery.promote(ready, together([published, signed, smoked]));
    },
  };

  constructor(context: PackageContext, inputs: PlanInputs, keep: Keep) {
    this.#context = context;
    this.#inputs = inputs;
    this.#keep = keep;
    const { subject } = context;
    const needed = new Set(
      (inputs.isInstalling ? (['install'] as const) : inputs.asked).flatMap((name) => setsFor(subject, name)),
    );
    this.#sets = packageSets(subject).filter(({ name }) => needed.has(name));
  }

  /** The packages of all stages that were asked for; undefined where none needs any. */
  install(): Promise<Found> | undefined {
    if (this.#sets.length === 0) return undefined;
    const node = nodeContainer(this.#context);
    for (const set of this.#sets) this.#installed.set(set.name, prepare(this.#context, node, set));
    return this.#kept('install', async () => {
      const packages = new Map<string, Container>();
      const stage = await timedStage(this.#context, 'install', async () => {
        const ran = await settled([...this.#installed.values()]);
        for (const [index, { name }] of this.#sets.entries()) packages.set(name, (ran[index] as Prepared).installed);
        return {
          steps: ran.flatMap(({ steps }) => steps),
          details: [...new Set(ran.flatMap(({ faults }) => faults)), ...unreachable(ran)],
        };
      });
      return { stage, packages };
    });
  }

  /** That all steps of ours run in an image that only replaces Node's, where it does. */
  standIn(): Promise<Found> {
    return this.#kept('node', async () => ({ standIns: await this.#context.images.standIns('node') }));
  }

  /** Begin a stage, or join it; what it left when it has ended. */
  async begin(name: AskedStage): Promise<Found & { stage: StageResult }> {
    if (name === 'verify' || name === 'rollback') throw new Error(`${name} is a run of its own`);
    return await this.#begin(name);
  }

  #begin<Name extends Planned>(name: Name): Promise<Outcome<Name>> {
    return this.#kept(name, () =>
      this.#stages[name](async (other) => {
        if (!waitsFor(name, other)) throw new Error(`${name} does not say that it needs ${other}`);
        return await this.#begin(other);
      }),
    );
  }

  get #delivery(): Delivery {
    const { delivery } = this.#inputs;
    if (delivery === null) throw new Error('no delivery target was given');
    return delivery;
  }

  /** Everything that has to be known of an image before it leaves; null where there is none. */
  #toDeliver(need: Need): Promise<Ready | null> {
    return this.#once('ready', async () => {
      const { asked, facts } = this.#inputs;
      const [shipped, source, ...found] = await settled([
        this.#shipped(need),
        facts,
        this.standIn(),
        ...REQUIRED.filter((name) => asked.includes(name)).map((name) => need(name)),
      ]);
      if (shipped === null) return null;
      const { archive, image, labels } = shipped;
      return { ...together([...found, { source }]), archive, digest: image.digest, labels };
    });
  }

  #shipped(need: Need): Promise<Shipped | null> {
    return this.#once('shipped', async () => {
      const shipped = this.#inputs.given ?? toShipped(await need('build'));
      if (shipped !== null) this.#keep({ archive: shipped.archive });
      return shipped;
    });
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
    return (await this.#installed.get(name))?.container ?? null;
  }

  #kept<T extends Found>(key: string, begin: () => Promise<T>): Promise<T> {
    return this.#once(key, async () => {
      const found = await begin();
      this.#keep(found);
      return found;
    });
  }

  #once<T>(key: string, begin: () => Promise<T>): Promise<T> {
    const begun = this.#begun.get(key) ?? begin();
    this.#begun.set(key, begun);
    return begun as Promise<T>;
  }
}

function toShipped({ archive = null, image = null, standIns = [] }: Partial<Built>): Shipped | null {
  if (archive === null || image === null) return null;
  // What it says it was built on is the substitute, not the image that the substitute stands for.
  const base = standIns[0]?.recipe ?? image.base;
  const appLayers = [...new Set(image.platforms.map(({ appLayer }) => appLayer.digest))];
  const platforms = image.platforms.map(({ platform, digest }) => ({ platform, digest }));
  return {
    archive,
    image: { digest: image.digest, base, appLayers, platforms },
    labels: standIns.map(({ recipe }) => recipe),
  };
}

/** A package manager's words for a registry that it cannot reach, or for a cache that lacks something. */
const NO_NETWORK =
  /\b(ENOTFOUND|EAI_AGAIN|ENOTCACHED|ECONNREFUSED|ENETUNREACH|ETIMEDOUT|ERR_PNPM_NO_OFFLINE_\w+)\b|in offline mode/;

function unreachable(ran: readonly Prepared[]): string[] {
  const isCut = ran.some(({ container, log }) => container === null && NO_NETWORK.test(log));
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
