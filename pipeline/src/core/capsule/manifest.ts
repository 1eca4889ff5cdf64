// What a capsule says of itself: which stages of which run it holds, all that they read, and how they ended.
//
// Version 1. Anything that changes what a replay does raises the version; a capsule of another version is refused.
import { COMMAND } from '../../command.ts';
import { PipelineError, reasonOf } from '../errors.ts';
import type { EngineFacts, SourceFacts, StageName, StandIn, Status } from '../model.ts';
import { engineShape, sourceShape, standInShape } from '../run-record.ts';
import {
  amount,
  count,
  flag,
  listOf,
  objectOf,
  oneOf,
  optional,
  orNull,
  readJson,
  recordOf,
  type Shape,
  text,
} from '../shape.ts';
import { type Fingerprint, fingerprintShape } from './fingerprint.ts';
import { CAPTURED } from './needs.ts';

export const CAPSULE_VERSION = 1;
/** The first entry of a capsule. */
const MANIFEST_FILE = 'capsule.json';

export const SOURCE_FOLDER = 'source';
export const LOGS_FOLDER = 'logs';
/** npm's cache: one tar for all sets of packages. */
export const PACKAGES_FILE = 'packages.tar.br';
/** Packages of the embedded engine's own programs, each named by its sha256: the engine takes those that its lock names. */
export const TOOLS_FOLDER = 'tools';
export const IMAGE_INPUT = 'inputs/image.tar.br';
export const DATABASE_INPUT = 'inputs/database.tar.br';
export const VERDICT_INPUT = 'inputs/verdict.json';
export const imageFile = (name: string) => `images/${name}.tar.br`;

/** An entry of the archive. Paths are relative, with forward slashes. */
type CapsuleFile = {
  path: string;
  bytes: number;
  /** Of the bytes as they are in the archive, in hex; of a link, of its target. */
  sha256: string;
  executable: boolean;
  /** Where a symbolic link points; null for a file. */
  link: string | null;
};

export type CapsuleImage = {
  /** As in pins.ts. */
  name: string;
  pin: string;
  standIn: string | null;
  /** Left out of a thin capsule, or not to be had when it was made. */
  held: boolean;
};

/** A package of a lock file: `node_modules/lodash` at 4.17.21. */
export type CapsulePackage = { set: string; path: string; version: string; integrity: string };

type CapturedStep = { name: string; command: string; exitCode: number; seconds: number; log: string };
export type CapturedStage = {
  name: StageName;
  status: Status;
  reason: string | null;
  steps: CapturedStep[];
  /** Null of a stage that passed. */
  fingerprint: Fingerprint | null;
};

export type CapsuleManifest = {
  format: 'drydock-capsule';
  version: typeof CAPSULE_VERSION;
  tool: { name: 'drydock'; version: string };
  /** The function that ran, and what it was asked for. */
  function: string;
  arguments: { platforms: string[]; strict: boolean; rehearsal: boolean; base: string; service?: string };
  /** When the run began, in UTC. Shown, and the date of what a gate decides; no clock is set to it. */
  clock: string;
  engine: Pick<EngineFacts, 'kind' | 'why'> | null;
  source: SourceFacts;
  images: CapsuleImage[];
  packages: CapsulePackage[];
  standIns: StandIn[];
  /** Programs by version, as far as the run knows them. */
  tools: Record<string, string>;
  /** Hash of the vulnerability database; null where none was used. */
  database: string | null;
  /** Names only: what steps were given, and which secrets the run had. Values are never in a capsule. */
  environment: string[];
  secrets: string[];
  /** Those that a replay runs. */
  stages: CapturedStage[];
  files: CapsuleFile[];
};

const nullableText = orNull(text);
const file: Shape<CapsuleFile> = objectOf({
  path: text,
  bytes: count,
  sha256: text,
  executable: flag,
  link: nullableText,
});
const stage: Shape<CapturedStage> = objectOf({
  name: oneOf(CAPTURED),
  status: oneOf<Status>(['passed', 'failed', 'skipped', 'not evaluated']),
  reason: nullableText,
  steps: listOf<CapturedStep>(objectOf({ name: text, command: text, exitCode: count, seconds: amount, log: text })),
  fingerprint: orNull(fingerprintShape),
});
const manifest: Shape<CapsuleManifest> = objectOf<CapsuleManifest>({
  format: oneOf(['drydock-capsule']),
  version: oneOf([CAPSULE_VERSION]),
  tool: objectOf<CapsuleManifest['tool']>({ name: oneOf(['drydock']), version: text }),
  function: text,
  arguments: objectOf<CapsuleManifest['arguments']>({
    platforms: listOf(text),
    strict: flag,
    rehearsal: flag,
    base: text,
    service: optional(text),
  }),
  clock: text,
  engine: orNull(engineShape),
  source: sourceShape,
  images: listOf(objectOf<CapsuleImage>({ name: text, pin: text, standIn: nullableText, held: flag })),
  packages: listOf(objectOf<CapsulePackage>({ set: text, path: text, version: text, integrity: text })),
  standIns: listOf(standInShape),
  tools: recordOf(text),
  database: nullableText,
  environment: listOf(text),
  secrets: listOf(text),
  stages: listOf(stage),
  files: listOf(file),
});

/** The manifest of a capsule, or `BAD_CAPSULE`: a capsule is never trusted. */
export function parseManifest(json: string, named: string): CapsuleManifest {
  try {
    return readJson(json, manifest, ['version', CAPSULE_VERSION]);
  } catch (cause) {
    throw badCapsule(`${named} is no capsule that can be read here: of its ${MANIFEST_FILE}, ${reasonOf(cause)}`, {
      cause,
      hint: 'copy it once more, or replay it with the version of drydock that wrote it',
    });
  }
}

export function badCapsule(message: string, { cause, hint }: { cause?: unknown; hint?: string } = {}): PipelineError {
  return new PipelineError(
    'BAD_CAPSULE',
    message,
    hint ?? `copy it once more, or write another: ${COMMAND} capsule --stage STAGE`,
    {
      cause,
    },
  );
}
