// What a run is asked for: one shape for each kind of run, and what all of them share.
import type { Directory, File, GitRepository } from '@dagger.io/dagger';
import { STAGE_FUNCTIONS } from '../core/functions.ts';
import type { AskedStage, EngineFacts, SourceFacts } from '../core/model.ts';
import type { Timing } from '../core/times/budgets.ts';
import type { CapsuleOptions } from './capsule.ts';
import type { RunContext } from './context.ts';
import type { DatabaseOptions } from './database.ts';
import type { DeliveryOptions } from './delivery.ts';
import type { RollbackOptions } from './rollback.ts';
import type { Runtime } from './runtime.ts';
import type { VerifyOptions } from './verify.ts';

export type SharedRequest = {
  /** The name under which the run was asked for. */
  function: string;
  source: Directory;
  /** The tool's own programs for bytes and probes. */
  programs: Directory;
  /** What git tracks of it, and would leave out otherwise; null where there is no such thing. Not said: it is asked of `repo`. */
  tracked?: Directory | null;
  repo: GitRepository;
  /** What that is, where it is known already. */
  facts?: SourceFacts;
  images: Directory | undefined;
  /** For the images that stages use; an engine may ask mirrors itself. */
  mirrors: readonly string[];
  strict: boolean;
  /** For installs, by the names of variables; those that drydock.yaml names are taken. */
  secrets?: RunContext['secrets'];
  /** On the laptop only. */
  loopback?: RunContext['loopback'];
  /** Known on the laptop only. */
  engine?: EngineFacts;
  /** So is how long earlier runs took. */
  timing?: Timing;
  left?: RunContext['left'];
  /** Of a run again from a capsule: what its images were pinned to. */
  pins?: ReadonlyMap<string, string>;
  /** And npm's cache. */
  packages?: Directory | undefined;
};

/** Stages of the repository's packages, and of the image that is made of one. */
export type StagesRequest = SharedRequest & {
  kind: 'stages';
  asked: readonly AskedStage[];
  platforms: readonly string[];
  /** Of drydock.yaml; all of them, if none is named. */
  services?: readonly string[];
  /** What the stages behind build take. */
  scanning: ScanningOptions;
  /** The result.json of another run: its image has to be the one that is built. */
  compare?: File | undefined;
  delivery?: DeliveryOptions;
  /** Where smoke deploys, if not in the session. */
  runtime?: Runtime | undefined;
  /** Install all packages, whatever the stages need. */
  isInstalling?: boolean;
  /** Which stages go into a capsule; those that failed, if it is not said. Null: none, whatever happens. */
  capsule?: Pick<CapsuleOptions, 'stages' | 'thin'> | null;
  /** Gives the packages of the engine's own programs, for a capsule: asked for where one is written. */
  tools?: () => Promise<Directory | null>;
};

/** A recorded verdict is decided again, from nothing but the record. */
export type DecideRequest = SharedRequest & {
  kind: 'decide';
  verdict: File;
  /** By the policy of the source, not by the one that was recorded. */
  byOwnPolicy: boolean;
};

type VerifyRequest = SharedRequest & { kind: 'verify'; verification: VerifyOptions };

type RollbackRequest = SharedRequest & { kind: 'rollback'; rollback: RollbackOptions };

export type RunRequest = StagesRequest | DecideRequest | VerifyRequest | RollbackRequest;

export type ScanningOptions = {
  /** An image archive to look at, instead of building one. */
  image: File | undefined;
  database: DatabaseOptions;
  /** The base branch of a pull request: policy and VEX come from there. Empty outside of one. */
  base: string;
  baseline: File | undefined;
  rehearsal: boolean;
};

/** For functions that scan nothing. */
export const NO_SCANNING: ScanningOptions = {
  image: undefined,
  database: { folder: undefined, reference: '', service: undefined, mirrors: [] },
  base: '',
  baseline: undefined,
  rehearsal: false,
};

/** The stages that were asked for: of all kinds but one, they are what the kind is. */
export function askedIn(request: RunRequest): readonly AskedStage[] {
  if (request.kind === 'stages') return request.asked;
  return ASKED[request.kind];
}

const ASKED = {
  decide: ['gate'],
  verify: STAGE_FUNCTIONS.verify,
  rollback: STAGE_FUNCTIONS.rollback,
} satisfies Record<string, readonly AskedStage[]>;
