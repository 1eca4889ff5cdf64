// What every stage of one run shares: its source, its images, its clock, and where it says what happens.
import type { Directory, File } from '@dagger.io/dagger';
import type { Listener } from '../core/events.ts';
import type { Images } from './images.ts';

export type RunContext = {
  /** The repository, without what git ignores. */
  source: Directory;
  images: Images;
  /** npm's cache of an earlier run: packages come from there alone. */
  packages?: Directory | undefined;
  /** Read once: whatever ended before it was answered from the cache. */
  startedMs: number;
  emit: Listener;
  /** Logs by their path in the report: small ones as text, large ones as the file itself. */
  logs: Map<string, string | File>;
};
