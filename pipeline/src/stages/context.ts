// What every stage of one run shares: its source, its images, its clock, and where it says what happens.
import type { Container, Directory, File, Secret, Service } from '@dagger.io/dagger';
import type { Listener } from '../core/events.ts';
import type { EngineFacts, StageName, StepResult } from '../core/model.ts';
import type { Subject } from '../core/subject.ts';
import type { Images } from './images.ts';

export type LeftStep = { stage: StageName; step: StepResult; container: Container };

export type RunContext = {
  /** The repository, without what git ignores, unless it tracks it. */
  source: Directory;
  /** The programs that steps run, in `oci` and `probes`: the tool's own, whatever the repository holds. */
  programs: Directory;
  images: Images;
  /** What installs may be given, by the names of variables. */
  secrets: ReadonlyMap<string, Secret>;
  /** Brings what listens on this machine's loopback address into a step; where it is nobody's to bring, null. */
  loopback: { service: Service; ports: readonly number[] } | null;
  /** npm's cache of an earlier run: packages come from there alone. */
  packages?: Directory | undefined;
  /** Told each step as it was left; a failure that the engine remembers is looked at as it is, not tried again. */
  left?: ((step: LeftStep) => void) | undefined;
  /** Read once: whatever ended before it was answered from the cache. */
  startedMs: number;
  emit: Listener;
  /** Null in the Dagger module. */
  engine: EngineFacts | null;
  /** Work of which the session can have one at a time, since names of hosts are all of its. */
  inTurn: <T>(work: () => Promise<T>) => Promise<T>;
  /** Logs by their path in the report: small ones as text, large ones as the file itself. */
  logs: Map<string, string | File>;
};

/** Of stages that work on the packages of the repository. */
export type PackageContext = RunContext & {
  /** Which packages there are, and which of them is built. */
  subject: Subject;
};
