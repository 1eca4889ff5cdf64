// What stages leave: each returns its part, and a run puts the parts together when it ends, however it ends.
import type { Container, File } from '@dagger.io/dagger';
import type { ScannerFacts } from '../core/gate/verdict.ts';
import { noFacts } from '../core/git.ts';
import type { SuiteCases } from '../core/junit.ts';
import type {
  DeliveryResult,
  GateResult,
  ImageResult,
  SmokeResult,
  SourceFacts,
  StageResult,
  StandIn,
} from '../core/model.ts';
import type { RunFacts } from '../core/result.ts';
import type { Database } from './database.ts';

/** A part of what a run finds. Of what is in two parts the later one counts; lists and maps are joined. */
export type Found = {
  stage?: StageResult;
  source?: SourceFacts;
  cases?: SuiteCases;
  image?: ImageResult | null;
  gate?: GateResult | null;
  smoke?: SmokeResult | null;
  delivery?: Partial<DeliveryResult>;
  scanner?: ScannerFacts | null;
  standIns?: readonly StandIn[];
  /** Files of the report by their name in it: those that containers wrote … */
  files?: ReadonlyMap<string, File>;
  /** … and those that were written here. */
  texts?: ReadonlyMap<string, string>;
  /** What was installed, by the name of its set. */
  packages?: ReadonlyMap<string, Container>;
  /** The image that was looked at, and the database that it was held against. */
  archive?: File | null;
  used?: Database | null;
};

/** Takes a part when it is there: what was found stays found, whatever fails afterwards. */
export type Keep = (found: Found) => void;

/** All that a run has found: what its result is made of, and what goes into its report and a capsule beside that. */
export type Known = Pick<
  RunFacts,
  'source' | 'stages' | 'image' | 'gate' | 'smoke' | 'delivery' | 'scanners' | 'standIns'
> & {
  cases: SuiteCases;
  files: Map<string, File>;
  texts: Map<string, string>;
  packages: Map<string, Container>;
  archive: File | null;
  used: Database | null;
};

export function together(parts: readonly Found[]): Known {
  const each = <T extends object>(of: (part: Found) => T | null | undefined): T[] =>
    parts.map(of).filter((found) => found !== undefined && found !== null);
  const last = <T extends object>(of: (part: Found) => T | null | undefined): T | null => each(of).at(-1) ?? null;
  const joined = <K, T>(of: (part: Found) => ReadonlyMap<K, T> | undefined) =>
    new Map(parts.flatMap((part) => [...(of(part) ?? [])]));
  const deliveries = each(({ delivery }) => delivery);
  return {
    source: last(({ source }) => source) ?? noFacts('git was not asked'),
    stages: new Map(each(({ stage }) => stage).map((stage) => [stage.name, stage])),
    cases: joined(({ cases }) => cases),
    image: last(({ image }) => image),
    gate: last(({ gate }) => gate),
    smoke: last(({ smoke }) => smoke),
    delivery: deliveries.length === 0 ? null : Object.assign({ ...NOTHING_DELIVERED }, ...deliveries),
    scanners: each(({ scanner }) => scanner),
    standIns: uniqueOf(parts.flatMap(({ standIns = [] }) => standIns)),
    files: joined(({ files }) => files),
    texts: joined(({ texts }) => texts),
    packages: joined(({ packages }) => packages),
    archive: last(({ archive }) => archive),
    used: last(({ used }) => used),
  };
}

const NOTHING_DELIVERED: DeliveryResult = {
  image: '',
  digest: '',
  rehearsal: false,
  pushed: null,
  previous: null,
  tags: [],
  statements: [],
};

/** An image may have a part in several stages. */
const uniqueOf = (standIns: readonly StandIn[]) => [...new Map(standIns.map((one) => [one.pin, one])).values()];
