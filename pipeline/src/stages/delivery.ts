// Delivery as a whole: publish → sign → (smoke) → promote, from what this run made or from the folder of an earlier one.
import type { Directory, File, Secret, Service } from '@dagger.io/dagger';
import { type EarlierRun, type Evidence, faultsOf, standInsOf } from '../core/delivery/evidence.ts';
import { RELEASE_FILE, RELEASE_SCHEMA, type Release, renderRelease } from '../core/delivery/release.ts';
import type { SigningMode } from '../core/delivery/signing.ts';
import { engineUri, provenance, type StatementName } from '../core/delivery/statements.ts';
import { allTags, type Tags, tagsOf } from '../core/delivery/tags.ts';
import { nameOf, type Target } from '../core/delivery/target.ts';
import { PipelineError } from '../core/errors.ts';
import { parseRecord } from '../core/gate/verdict.ts';
import { isShared } from '../core/isolation.ts';
import type { RunResult, StageName, StageResult } from '../core/model.ts';
import { parseRun } from '../core/run-record.ts';
import type { RunContext } from './context.ts';
import { contentsIfAny } from './engine.ts';
import type { Found, Known } from './found.ts';
import { IMAGE_FILE } from './made.ts';
import { type Published, promote, publish } from './publish.ts';
import { DRY_REGISTRY, Registry, startDryRegistry } from './registry.ts';
import { modeOf, type Signed, type SigningOptions, sign } from './sign.ts';
import { parseTarget } from './target.ts';
import { timedStage } from './timed.ts';

export type TargetOptions = {
  registry: string;
  repository: string;
  /** The registry itself, where only the caller can reach it. */
  service: Service | undefined;
  username: string;
  token: Secret | undefined;
};

export type DeliveryOptions = TargetOptions & {
  /** git's name of what is delivered; empty for the branch that is checked out. */
  ref: string;
  /** The addresses of who built it and of the run, for the provenance; empty where there are none. */
  builder: string;
  invocation: string;
  signing: SigningOptions;
  /** Push to a registry of the run's own, which is gone afterwards. */
  dryRun: boolean;
  skipRollback: boolean;
  /** The report of a run of `ci`, to be delivered as it is. */
  run: Directory | undefined;
};

/** An earlier run of `ci`, read from its report. */
export type Recorded = {
  run: EarlierRun;
  archive: File;
  verdict: File;
  files: Map<string, File>;
};

/** What is known when something is to be delivered. Of this run; what an earlier one knew is in its record. */
export type Ready = Omit<Known, 'archive'> & {
  archive: File;
  digest: string;
  /** Of the substitutes that the archive was built on, as its labels have them. */
  labels: readonly string[];
};

export class Delivery {
  readonly recorded: Recorded | null;
  readonly skipRollback: boolean;
  readonly #context: RunContext;
  readonly #options: DeliveryOptions;
  readonly #target: Target;
  readonly #mode: SigningMode;
  #registry: Registry | undefined;
  /** Without those that a newer release has; known when it was pushed. */
  #tags: Tags | undefined;
  #dryRegistry: Service | undefined;

  private constructor(
    context: RunContext,
    options: DeliveryOptions,
    checked: { target: Target; mode: SigningMode; recorded: Recorded | null },
  ) {
    this.#context = context;
    this.#options = options;
    this.#target = checked.target;
    this.#mode = checked.mode;
    this.recorded = checked.recorded;
    this.skipRollback = options.skipRollback;
  }

  /** Checks all that can be checked before anything runs. Throws `BAD_OPTION` or `BAD_RELEASE`. */
  static async prepare(context: RunContext, options: DeliveryOptions): Promise<Delivery> {
    const target = parseTarget(options.dryRun ? DRY_REGISTRY : options.registry, options.repository);
    tagsOf({ commit: null, branch: null, dirty: null, reason: null }, options.ref);
    for (const name of ['builder', 'invocation'] as const) requireUri(name, options[name]);
    const mode = await modeOf(options.signing);
    const recorded = options.run === undefined ? null : await readRun(options.run);
    return new Delivery(context, options, { target, mode, recorded });
  }

  /** What the earlier run wrote is a part of this report. */
  get found(): Found {
    return { files: this.recorded?.files ?? new Map() };
  }

  /** The registry is this machine's own: a verdict that nobody vouches for is good enough there. */
  get isRehearsal(): boolean {
    return this.#target.isLoopback;
  }

  /** When the image of an earlier run was built, and from what, as the service will say it; null for one of this run. */
  recordedAs(digest: string): { commit: string; built: string; digest: string } | null {
    if (this.recorded === null) return null;
    const { source, startedAt } = this.recorded.run.result;
    return { commit: source.commit ?? '', built: startedAt, digest };
  }

  async publish(ready: Ready): Promise<Published & Found> {
    const { archive, digest } = ready;
    const evidence = this.#evidence(ready);
    const registry = await this.#open();
    const published = await publish(this.#context, { registry, archive, evidence, tags: this.#tagsOf(ready) });
    const { pushed, previous, tags } = published;
    this.#tags = tags;
    if (pushed === null) return published;
    return {
      ...published,
      delivery: {
        image: nameOf(this.#target),
        digest,
        rehearsal: this.#target.isLoopback,
        pushed: { sent: pushed.sent, there: pushed.there },
        previous: previous?.digest ?? null,
      },
    };
  }

  async sign(ready: Ready): Promise<Signed> {
    const { archive, digest } = ready;
    return await sign(this.#context, {
      registry: await this.#open(),
      archive,
      digest,
      mode: this.#mode,
      secrets: this.#options.signing,
      predicates: this.#predicates(ready),
    });
  }

  /** Writes the record, and moves the tags; unless something of it was not seen to work, and the registry is not our own. */
  async promote(ready: Ready, { stages, smoke, delivery }: Known): Promise<Found & { stage: StageResult }> {
    const { digest, gate } = ready;
    const seen = (['sign', 'smoke'] as const).map((name: StageName) => stages.get(name));
    const unseen = seen.find((stage) => stage?.status === 'not evaluated');
    if (unseen !== undefined && !this.#target.isLoopback) {
      const fault = `no tag was moved: ${unseen.name} was not evaluated: ${unseen.reason}`;
      return { stage: await timedStage(this.#context, 'promote', async () => ({ steps: [], fault })) };
    }
    const rows = smoke?.rows ?? [];
    const { source, startedAt } = this.#factsOf(ready);
    const { statements = [], previous = null } = delivery ?? {};
    const release: Release = {
      schemaVersion: RELEASE_SCHEMA,
      image: { name: nameOf(this.#target), digest, tags: allTags(this.#tags ?? this.#tagsOf(ready)) },
      source,
      built: startedAt,
      released: new Date(this.#context.startedMs).toISOString(),
      gate: { status: gate?.status ?? 'not evaluated', policyFrom: gate?.policyFrom ?? '' },
      smoke: {
        status: stages.get('smoke')?.status ?? 'skipped',
        passed: rows.filter(({ status }) => status === 'passed').length,
        rows: rows.length,
      },
      signed: this.#mode === null || statements.length === 0 ? null : { by: this.#mode, statements },
      previous,
      rehearsal: this.#target.isLoopback,
    };
    const stage = await promote(this.#context, { registry: await this.#open(), release });
    if (stage.status !== 'passed') return { stage };
    const texts = new Map([[RELEASE_FILE, renderRelease(release)]]);
    return { stage, texts, delivery: { tags: release.image.tags } };
  }

  /** Ends what was started for a dry run. */
  async close(): Promise<void> {
    await this.#dryRegistry?.stop();
  }

  async #open(): Promise<Registry> {
    if (this.#registry !== undefined) return this.#registry;
    if (this.#options.dryRun) this.#dryRegistry = await startDryRegistry(this.#context);
    const { username, token, service } = this.#options;
    const access = { username, token, service: this.#dryRegistry ?? service };
    this.#registry = new Registry(this.#context, { target: this.#target, ...access });
    return this.#registry;
  }

  /** Of the run that made what is delivered. */
  #factsOf({ source }: Ready): Pick<RunResult, 'source' | 'startedAt'> {
    return this.recorded?.run.result ?? { source, startedAt: new Date(this.#context.startedMs).toISOString() };
  }

  #tagsOf(ready: Ready): Tags {
    return tagsOf(this.#factsOf(ready).source, this.#options.ref);
  }

  #evidence({ digest, labels, gate, image, source: here, standIns, ...ready }: Ready): Evidence {
    const { recorded } = this;
    const stages = [...ready.stages.values()];
    if (recorded === null) {
      const built = image?.digest ?? null;
      return {
        digest,
        recorded: { built, judged: digest },
        faults: [],
        stages,
        gate,
        source: here,
        here,
        standIns: standIns.map((standIn) => standIn.image),
        isShared: isShared(this.#context.engine),
      };
    }
    const { result, verdict } = recorded.run;
    // The gate is decided again; what it says now is what counts.
    const before = result.stages.filter(({ name }) => !stages.some((stage) => stage.name === name));
    return {
      digest,
      recorded: { built: result.image?.digest ?? null, judged: verdict.inputs.image?.digest ?? null },
      faults: faultsOf(recorded.run),
      stages: [...before, ...stages],
      gate,
      source: result.source,
      here,
      standIns: standInsOf(recorded.run, labels),
      isShared: isShared(result.engine) || isShared(this.#context.engine),
    };
  }

  #predicates(ready: Ready): Map<StatementName, File | string> {
    const { source, startedAt } = this.#factsOf(ready);
    const result = this.recorded?.run.result;
    const image = result?.image ?? ready.image;
    const verdict = this.recorded?.verdict ?? ready.texts.get('verdict.json');
    const described = (this.recorded ?? ready).files.get('sbom.spdx.json');
    const stated: [StatementName, File | string | undefined][] = [
      ['signature', '{}'],
      ['sbom', described],
      [
        'provenance',
        JSON.stringify(
          provenance({
            source,
            function: result?.function ?? 'cd',
            platforms: (image?.platforms ?? []).map(({ platform }) => platform),
            // A substitute is not the image that it stands for.
            materials: image === null || image.standIn ? [] : [image.base],
            startedAt,
            finishedAt: result?.finishedAt ?? new Date().toISOString(),
            builder: this.#options.builder || engineUri(result?.engine?.kind),
            invocation: this.#options.invocation || null,
          }),
        ),
      ],
      ['verdict', verdict],
    ];
    return new Map(stated.filter((row): row is [StatementName, File | string] => row[1] !== undefined));
  }
}

function requireUri(name: 'builder' | 'invocation', text: string): void {
  if (text === '' || (/^https:\/\/\S+$/.test(text) && URL.canParse(text))) return;
  throw new PipelineError(
    'BAD_OPTION',
    `--${name} ${JSON.stringify(text)} is no https address`,
    'in GitHub Actions the workflow passes both; leave it out elsewhere',
  );
}

const KEPT = /^(image\.tar|scan\.(json|sarif)|junit\.xml|sbom(-[\w-]+)?\.(spdx|cdx)\.json)$/;

async function readRun(run: Directory): Promise<Recorded> {
  const entries = await run.entries();
  const lacks = ['result.json', IMAGE_FILE, 'verdict.json'].find((name) => !entries.includes(name));
  const hint = 'give the output folder of a finished run of `ci`';
  if (lacks !== undefined) throw new PipelineError('BAD_RELEASE', `the folder of --run has no ${lacks}`, hint);
  const [verdict, result] = [run.file('verdict.json'), run.file('result.json')];
  const files = entries.filter((name) => KEPT.test(name)).map((name) => [name, run.file(name)] as const);
  return {
    run: {
      verdict: parseRecord(await verdict.contents(), 'verdict.json of the run'),
      result: parseRun(await result.contents(), 'result.json of --run'),
      ended: await contentsIfAny(run, 'exit-code'),
    },
    archive: run.file(IMAGE_FILE),
    verdict,
    files: new Map(files),
  };
}
