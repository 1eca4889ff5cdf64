// Builds a Dockerfile: carries out what the plans of its stages say, each stage once and only when another needs it.

import { readDockerfile } from '../../src/dockerfile/read.ts';
import { OciError } from '../../src/oci/errors.ts';
import { newContainer, startedFrom } from '../api/container.ts';
import { fileIn } from '../api/content.ts';
import { execute } from '../api/exec.ts';
import { noteHistory } from '../api/like-dagger.ts';
import { HOST_PLATFORM, normalized } from '../api/platform.ts';
import { withFolder } from '../api/step.ts';
import { EngineError } from '../errors.ts';
import { NO_RIGHTS } from '../images/registry.ts';
import { resolveImage } from '../images/resolve.ts';
import { REFUSAL } from '../run/isolation.ts';
import type { Session } from '../session.ts';
import { readBytes } from '../store/bytes.ts';
import { fileFault } from '../store/faults.ts';
import type { Stack } from '../store/layers.ts';
import { emptyDir } from '../store/tree.ts';
import {
  type ContainerState,
  ContainerValue,
  type Content,
  type DirectoryValue,
  type Lazy,
  lazy,
  NO_SETTINGS,
  ready,
  type SecretValue,
  wholeTree,
} from '../values.ts';
import { contextOf } from './context.ts';
import { copyInto } from './copy.ts';
import { type Asked, planStage, type RunStep, type StagePlan, type Step } from './plan.ts';
import { located, type Stage, type Stages, stageFor, stagesOf } from './stages.ts';
import { mountsOf, type SourceFor, secretVariablesOf } from './step-mounts.ts';

export interface BuildOptions {
  readonly dockerfile: string;
  readonly platform: string | undefined;
  readonly target: string;
  readonly buildArguments: ReadonlyMap<string, string>;
  readonly secrets: readonly SecretValue[];
  readonly noInit: boolean;
}

export async function buildDockerfile(
  session: Session,
  directory: DirectoryValue,
  options: BuildOptions,
): Promise<ContainerState> {
  const { dockerfile, target, buildArguments } = options;
  const platform = options.platform === undefined ? HOST_PLATFORM : normalized(options.platform);
  const { bytes } = await fileIn(session, await directory.content(), dockerfile);
  const text = readBytes(bytes, dockerfile).toString();
  const request = { buildArguments, target, platform, hostPlatform: HOST_PLATFORM };
  const stages = told(dockerfile, () => stagesOf(readDockerfile(text), request));
  return (await new Build(session, directory, options, stages, platform).stage(stages.target)()).state;
}

interface BuiltStage {
  readonly plan: StagePlan;
  readonly state: ContainerState;
}

/** Variables that a build is given for its way out; steps see them, and no key has them. */
const PROXIES = /^(https?|ftp|no|all)_proxy$/i;

class Build {
  readonly #session: Session;
  readonly #directory: DirectoryValue;
  readonly #options: BuildOptions;
  readonly #stages: Stages;
  readonly #platform: string;
  readonly #context: Lazy<Content>;
  readonly #built = new Map<Stage, Lazy<BuiltStage>>();

  constructor(session: Session, directory: DirectoryValue, options: BuildOptions, stages: Stages, platform: string) {
    this.#session = session;
    this.#directory = directory;
    this.#options = options;
    this.#stages = stages;
    this.#platform = platform;
    this.#context = lazy(() => contextOf(session, directory, options.dockerfile));
  }

  stage(stage: Stage): Lazy<BuiltStage> {
    const make = () => this.#build(stage).catch((error) => this.#fail(error, stage.from));
    const built = this.#built.get(stage) ?? lazy(make);
    this.#built.set(stage, built);
    return built;
  }

  async #build(stage: Stage): Promise<BuiltStage> {
    const base = await this.#baseOf(stage);
    const { settings } = base.state;
    const variables = base.plan === undefined ? {} : { variables: base.plan.variables };
    const plan = told(this.#options.dockerfile, () => planStage(stage, { settings, ...variables }, this.#stages));
    const { original: _, imageRef: __, ...state } = base.state;
    return {
      plan,
      state: {
        ...state,
        settings: plan.settings,
        rootfs: lazy(() => this.#carryOut(stage, plan, base.state.rootfs)),
      },
    };
  }

  async #baseOf(stage: Stage): Promise<{ state: ContainerState; plan?: StagePlan }> {
    const other = stageFor(this.#stages.stages, stage, stage.base, { byNumber: false });
    if (other !== undefined) return this.stage(other)();
    const empty = await newContainer(stage.platform).state();
    if (stage.base === 'scratch') return { state: empty };
    return { state: startedFrom(empty, await resolveImage(this.#session, stage.base, empty.platform)) };
  }

  async #carryOut(stage: Stage, plan: StagePlan, base: Lazy<Stack>): Promise<Stack> {
    // Stages that are copied from are built side by side with this one.
    const sources = new Map<string, Promise<Content>>();
    for (const name of plan.steps.flatMap(sourcesOf)) {
      if (sources.has(name)) continue;
      const source = this.#source(stage, name);
      source.catch(() => {}); // told of where it is needed
      sources.set(name, source);
    }
    const sourceFor = (name: string | undefined) =>
      name === undefined || name === '' ? this.#context() : (sources.get(name) as Promise<Content>);
    let rootfs = await base();
    for (const [index, step] of plan.steps.entries())
      rootfs = await this.#step(rootfs, step, { sourceFor, stage, index }).catch((error) =>
        this.#fail(error, step.asked),
      );
    return rootfs;
  }

  /** Tells of a fault with the instruction that it came up in, unless that is known. */
  #fail(error: unknown, { line, keyword }: Asked): never {
    if (TOLD.has(error as Error)) throw error;
    throw tell(this.#sentence(error), `${this.#options.dockerfile}: line ${line}: ${keyword}`);
  }

  #sentence(error: unknown): unknown {
    if (error instanceof OciError) return new EngineError(error.message, error.hint, { cause: error });
    return fileFault(error, this.#session.store.root) ?? error;
  }

  async #source(stage: Stage, name: string): Promise<Content> {
    const other = stageFor(this.#stages.stages, stage, name);
    if (other !== undefined) return { stack: await (await this.stage(other)()).state.rootfs(), path: '/' };
    if (name === 'scratch') return wholeTree(emptyDir());
    const image = await resolveImage(this.#session, name, this.#platform);
    return { stack: await image.rootfs(), path: '/' };
  }

  async #step(rootfs: Stack, step: Step, around: Around): Promise<Stack> {
    switch (step.kind) {
      case 'folder':
        return withFolder(this.#session, rootfs, step.path, step.user);
      case 'copy':
        return copyInto(this.#session, rootfs, step, await around.sourceFor(step.from));
      case 'run':
        return this.#run(rootfs, step, around);
    }
  }

  async #run(rootfs: Stack, step: RunStep, around: Around): Promise<Stack> {
    if (!step.hasNetwork && REFUSAL !== undefined)
      throw new EngineError(`--network=none needs a network of the step's own: ${REFUSAL.reason}`, REFUSAL.hint);
    const { dockerfile, buildArguments, secrets, noInit } = this.#options;
    const state: ContainerState = {
      platform: around.stage.platform,
      settings: { ...NO_SETTINGS, env: step.env, user: step.user, workdir: step.workdir },
      rootfs: ready(rootfs),
      mounts: await mountsOf(this.#session, step, secrets, around.sourceFor),
      secretVariables: secretVariablesOf(step, secrets),
      volatileVariables: new Map([...buildArguments].filter(([name]) => PROXIES.test(name))),
      bindings: [],
      registryRights: NO_RIGHTS,
      hasOwnArgs: false,
    };
    const of = new ContainerValue(ready(state), state.platform);
    const args = { dockerfile, given: [...buildArguments].flat(), stage: around.stage.index, step: around.index };
    noteHistory(this.#session, of, { self: this.#directory, field: 'Directory.dockerBuild', args });
    const options = { of, args: step.args, expect: 'SUCCESS', noInit, hasNoNetwork: !step.hasNetwork } as const;
    return (await execute(this.#session, state, options)).rootfs;
  }
}

interface Around {
  readonly stage: Stage;
  readonly index: number;
  readonly sourceFor: SourceFor;
}

/** Faults that are told with their place. One comes up again in every stage that needs the one that it came up in. */
const TOLD = new WeakSet<Error>();

function tell(error: unknown, place: string): unknown {
  const placed = located(error, place);
  if (placed instanceof Error) TOLD.add(placed);
  return placed;
}

function told<T>(place: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw tell(error, place);
  }
}

function sourcesOf(step: Step): string[] {
  if (step.kind === 'copy') return step.from === undefined ? [] : [step.from];
  if (step.kind !== 'run') return [];
  return step.mounts.flatMap((mount) => ('from' in mount && mount.from !== '' ? [mount.from] : []));
}
