// The one result model. Everything a person or a program reads about a run is rendered from it; out/result.json is it.
//
// Version 1. A field may be added within a version; one that is renamed, removed or means something else raises it.
// Times are ISO 8601 in UTC, durations seconds, paths relative to the output folder and with forward slashes.
import type { Noted } from './compose/model.ts';
import type { Confinement } from './confinement.ts';
import type { ErrorCode } from './errors.ts';
import type { DatabaseFacts, GateVerdict, Outcome } from './gate/decide.ts';
import type { FindingKind, Severity } from './gate/finding.ts';
import type { ScannerFacts } from './gate/record.ts';

export const SCHEMA_VERSION = 1;

/** In the order in which they are shown. `install` is what the others need; it is never asked for by name. */
export const STAGES = [
  ...(['install', 'lint', 'test', 'build', 'sbom', 'scan', 'gate'] as const),
  ...(['publish', 'sign', 'verify', 'rollback', 'smoke', 'promote'] as const),
] as const;
export type StageName = (typeof STAGES)[number];
export type AskedStage = Exclude<StageName, 'install'>;

/**
 * `skipped`: not asked for, or an earlier stage failed that it needs (see `reason`).
 * `not evaluated`: data or a tool cannot be had here. Loud; with `--strict` the run fails.
 */
export type Status = 'passed' | 'failed' | 'skipped' | 'not evaluated';

/** One command in one container. */
export type StepResult = {
  name: string;
  /** As a person would type it. */
  command: string;
  /** 128+n when signal n ended it. */
  exitCode: number;
  /** When the command ran and for how long: of a cached step, that was in an earlier run. */
  startedAt: string;
  seconds: number;
  /** Answered from the engine's cache: its recorded end lies before this run's start. */
  cached: boolean;
  /** Set where it is asked anew on every run, since the answer may have changed. */
  always?: true;
  /** Where its whole output is. */
  log: string;
  /** Of a failed step: the lines that say why. */
  firstErrors: string[];
  /** Of a scanner: what it wrote about its own confinement. */
  confinement?: Confinement;
};

export type TestCounts = { total: number; failed: number; skipped: number };
/** Percentages, 0 to 100. */
export type Coverage = { lines: number; statements: number; functions: number; branches: number };
export type SuiteResult = { name: string; tests: TestCounts; coverage: Coverage | null };

export type StageResult = {
  name: StageName;
  status: Status;
  /** Null of a stage that did not run. */
  startedAt: string | null;
  /** Of this run, on the clock. */
  seconds: number;
  /** Every step was, but for those that always run. */
  cached: boolean;
  steps: StepResult[];
  /** By test suite; only where tests ran. */
  suites: SuiteResult[];
  /** Why it has this status, when the steps alone don't say it. */
  reason: string | null;
  /** What a person needs to know beside that, a sentence each. */
  details: string[];
};

/** An image that was assembled here because no registry could be reached. Nothing built on one is published. */
export type StandIn = { image: string; pin: string; recipe: string };

export type ImageResult = {
  digest: string;
  mediaType: string;
  bytes: number;
  platforms: { platform: string; digest: string; appLayer: { digest: string; bytes: number } }[];
  /** The program that put it together, by version. */
  assembler: string;
  base: string;
  standIn: boolean;
  file: string;
};

/** A finding that counts, as a person reads it in ten seconds. */
export type BlockingRow = {
  severity: Severity;
  kind: FindingKind;
  id: string;
  /** `lodash 4.17.4`, or `.github/workflows/ci.yml:3`. */
  thing: string;
  title: string;
  url: string | null;
  /** Where it comes from: the base image, the chain of dependencies, or the file. */
  from: string;
  fixedIn: string | null;
  /** Where in the repository; null for what only the image has. */
  place: { file: string; line: number | null } | null;
};

/** What the gate decided; the whole of it is out/verdict.json. */
export type GateResult = {
  status: GateVerdict['status'];
  reasons: string[];
  warnings: string[];
  blocking: BlockingRow[];
  /** How many findings came out how. */
  outcomes: Partial<Record<Outcome, number>>;
  database: DatabaseFacts | null;
  /** Where policy and VEX were read. */
  policyFrom: string;
  /** Files of the policy that differ from the base branch's. */
  policyChanges: string[];
  /** Packages by the category of their licence; reported, never gated. */
  licences: Record<string, number>;
  rehearsal: boolean;
};

/** One thing that the deployment was to prove. */
export type SmokeRow = { name: string; status: Exclude<Status, 'skipped'>; seconds: number; detail: string };

/** What came of deploying docker-compose.yml with the image that was built. */
export type SmokeResult = {
  /** The digest of what was deployed. */
  image: string;
  /** Services of the engine's session, or containers of Docker Compose. */
  runtime: 'session' | 'compose';
  rows: SmokeRow[];
  /** Keys of docker-compose.yml that were not enforced. */
  noted: Noted[];
};

/** What was delivered, to whom, and what was said of it there. */
export type DeliveryResult = {
  /** `ghcr.io/acme/app` */
  image: string;
  digest: string;
  /** The registry is this machine's own. */
  rehearsal: boolean;
  /** Blobs and bytes, by whether they had to be sent; null where nothing was pushed. */
  pushed: { sent: { blobs: number; bytes: number }; there: { blobs: number; bytes: number } } | null;
  /** What the tags pointed at before. */
  previous: string | null;
  /** Those that point at it now. */
  tags: string[];
  /** What was signed, or was verified. */
  statements: string[];
};

/** The file that runs stages of this run again, without a network. */
export type CapsuleResult = { file: string; bytes: number; stages: StageName[]; thin: boolean };

/** What the working copy was. Null where git could not say; `reason` then says why. */
export type SourceFacts = {
  commit: string | null;
  branch: string | null;
  dirty: boolean | null;
  reason: string | null;
};

export type EngineFacts = {
  kind: 'dagger' | 'embedded' | 'session';
  why: string;
  /** Set where steps could see and disturb each other: why, and what would isolate them. Nothing that was built so is published. */
  notIsolated?: { reason: string; hint: string };
};

/** What came of one service, where a run is of several: the whole of it is the report in the folder of its name. */
export type PartResult = Pick<
  RunResult,
  'verdict' | 'exitCode' | 'image' | 'gate' | 'smoke' | 'delivery' | 'capsule'
> & {
  name: string;
};

export type RunError = { code: ErrorCode; message: string; hint: string };

export type RunResult = {
  schemaVersion: typeof SCHEMA_VERSION;
  tool: { name: 'drydock'; version: string };
  function: string;
  startedAt: string;
  finishedAt: string;
  seconds: number;
  /** Null in the Dagger module, which cannot know what runs it. */
  engine: EngineFacts | null;
  source: SourceFacts;
  strict: boolean;
  verdict: 'passed' | 'failed' | 'error';
  exitCode: number;
  /** Set when the run could not be carried out, as opposed to carried out with a red result. */
  error: RunError | null;
  stages: StageResult[];
  image: ImageResult | null;
  gate: GateResult | null;
  smoke: SmokeResult | null;
  delivery: DeliveryResult | null;
  /** Null where nothing failed and none was asked for. */
  capsule: CapsuleResult | null;
  scanners: ScannerFacts[];
  standIns: StandIn[];
  /** Of a run of several services: each by itself. Stages, scanners and substitutes are those of all of them then; image, gate, smoke, delivery and capsule are theirs alone. */
  parts?: PartResult[];
};

/** What the stages hand to the report beside the model: texts by their path in the output folder. */
export type ReportTexts = ReadonlyMap<string, string>;

/** The path of a step's log in the output folder. */
export function logPath(stage: StageName, step: string): string {
  return `logs/${stage}-${step}.log`;
}
