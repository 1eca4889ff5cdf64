// What a run knows so far. Filled while it goes on, so that a run that stops says what it had.
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
  StageName,
  StageResult,
  StandIn,
} from '../core/model.ts';
import type { Database } from './database.ts';
import type { Gated } from './gate.ts';

export type Known = {
  source: SourceFacts;
  stages: Map<StageName, StageResult>;
  cases: SuiteCases;
  image: ImageResult | null;
  gate: GateResult | null;
  smoke: SmokeResult | null;
  delivery: DeliveryResult | null;
  scanners: ScannerFacts[];
  /** What stages read beside source and images. */
  materials: { packages: Map<string, Container>; archive: File | null; database: Database | null };
  standIns: StandIn[];
  /** Files of the report by their name in it: those that containers wrote … */
  files: Map<string, File>;
  /** … and those that were written here. */
  texts: Map<string, string>;
};

export function nothingKnown(): Known {
  return {
    source: noFacts('git was not asked'),
    stages: new Map(),
    cases: new Map(),
    image: null,
    gate: null,
    smoke: null,
    delivery: null,
    scanners: [],
    materials: { packages: new Map(), archive: null, database: null },
    standIns: [],
    files: new Map(),
    texts: new Map(),
  };
}

/** The gate's result, and the files that it wrote. */
export function keepGate(known: Known, { gate: result, texts }: Pick<Gated, 'gate' | 'texts'>): void {
  known.gate = result;
  for (const [path, text] of texts) known.texts.set(path, text);
}
