// Scan: image and source by Trivy, each once, to JSON. Everything else about findings is derived from out/scan.json.
import { type Directory, dag, type File } from '@dagger.io/dagger';
import { baitFiles, judgeBait } from '../core/gate/bait.ts';
import type { BaitFacts, DatabaseFacts, GateFacts } from '../core/gate/decide.ts';
import { type Finding, KINDS, mergeFindings } from '../core/gate/finding.ts';
import { locate } from '../core/gate/locate.ts';
import { type FindsLocked, LockFile } from '../core/gate/lock-file.ts';
import { LockGraph } from '../core/gate/lock-graph.ts';
import { BadReport, type Licence, parseTrivy, type ReportScope, type TrivyReport } from '../core/gate/trivy.ts';
import type { ScannedImage, ScannerFacts } from '../core/gate/verdict.ts';
import { LOCK_FILES, type OtherName } from '../core/manager.ts';
import type { StageResult, StandIn, StepResult } from '../core/model.ts';
import { fileOf } from '../core/package.ts';
import { lockFileOf } from '../core/package-sets.ts';
import { nameFor } from '../core/platforms.ts';
import type { PackageContext } from './context.ts';
import { type Database, type DatabaseOptions, type LookedUp, obtainDatabase } from './database.ts';
import { layoutOf } from './layout.ts';
import type { Deciding } from './policy.ts';
import { phraseClosed, phraseSuppressions, scannableSource } from './scan-source.ts';
import { obtainScanner } from './scanners.ts';
import { timedStage } from './timed.ts';
import { runTrivy, type Trivy, type TrivyTarget, withChecks } from './trivy.ts';

export type ScanInputs = {
  archive: File;
  image: ScannedImage;
  database: DatabaseOptions;
  /** The registries' answer, where they were asked already. */
  lookedUp: Promise<LookedUp> | null;
  deciding: Deciding;
  /** What the image holds, by its SBOM. Bait is put out for each. */
  ecosystems: () => Promise<string[]>;
  strict: boolean;
};

export type Scanned = {
  stage: StageResult;
  /** scan.json */
  texts: Map<string, string>;
  findings: Finding[];
  licences: Licence[];
  database: DatabaseFacts | null;
  /** The same, with the folder that it was read from. */
  used: Database | null;
  missing: GateFacts['missing'];
  bait: BaitFacts | null;
  scanner: ScannerFacts | null;
  standIns: StandIn[];
};

export async function scan(context: PackageContext, inputs: ScanInputs): Promise<Scanned> {
  const output: Omit<Scanned, 'stage'> = {
    texts: new Map(),
    findings: [],
    licences: [],
    database: null,
    used: null,
    missing: [],
    bait: null,
    scanner: null,
    standIns: [],
  };
  const stage = await timedStage(context, 'scan', async () => {
    const [scanner, found] = await Promise.all([
      obtainScanner(context, 'trivy'),
      obtainDatabase(context, inputs.database, inputs.deciding.parsed.database, inputs.lookedUp),
    ]);
    const steps: StepResult[] = [...found.steps];
    output.database = found.database?.facts ?? null;
    output.used = found.database;
    if ('missing' in scanner) {
      output.missing = KINDS.map((kind) => ({ kind, reason: scanner.missing }));
      return { steps, notEvaluated: scanner.missing };
    }
    if (found.database === null && found.missing === null)
      return { steps, fault: 'the vulnerability database cannot be used' };
    Object.assign(output, { scanner: scanner.facts, standIns: scanner.standIns });
    if (found.missing !== null) output.missing = [{ kind: 'vulnerability', reason: found.missing }];
    const trivy = await withChecks({ scanner, database: found.database, checks: null }, inputs.deciding.tree);
    const source = await scannableSource(context);
    steps.push(source.step);
    if (source.step.exitCode !== 0) return { steps };
    const scans = await scanAll(trivy, context, inputs, source.folder);
    steps.push(...scans.flatMap(({ step }) => step));
    if (scans.some(({ step }) => step.exitCode !== 0)) return { steps };
    try {
      await read(context, inputs, scans, source.texts, output);
    } catch (error) {
      if (!(error instanceof BadReport)) throw error;
      return { steps, fault: `trivy: ${error.message}` };
    }
    return {
      steps,
      notEvaluated: found.missing,
      remark: `${output.findings.length} findings`,
      details: [
        ...(found.remembered === null ? [] : [found.remembered]),
        ...phraseSuppressions(source.suppressed),
        ...phraseClosed(source.closed),
      ],
    };
  });
  return { stage, ...output };
}

type Target = TrivyTarget & { ecosystems?: string[] };
type Scan = { target: Target; step: StepResult; report: string };

/** Each platform of the image, the source, and in strict runs bait, side by side. */
async function scanAll(
  trivy: Trivy,
  context: PackageContext,
  inputs: ScanInputs,
  sourceFolder: Directory,
): Promise<Scan[]> {
  const { archive, image, strict } = inputs;
  const images = image.platforms.map(({ platform, digest }): Target => {
    const name = nameFor('image', platform, image.platforms.length);
    return { of: 'image', name, folder: layoutOf(context, archive, digest) };
  });
  const source: Target = { of: 'source', name: 'source', folder: sourceFolder };
  const one = async (target: Target): Promise<Scan> => ({ target, ...(await runTrivy(context, trivy, target)) });
  return await Promise.all([...[...images, source].map(one), ...(strict ? [baited(trivy, inputs).then(one)] : [])]);
}

/** Packages are bait only for a scanner that has a database to know them by. */
async function baited({ database }: Trivy, inputs: ScanInputs): Promise<Target> {
  const ecosystems = database === null ? [] : await inputs.ecosystems();
  return { of: 'bait', name: 'bait', folder: putBait(ecosystems), ecosystems };
}

function putBait(ecosystems: readonly string[]): Directory {
  return [...baitFiles(ecosystems)].reduce((folder, [path, text]) => folder.withNewFile(path, text), dag.directory());
}

async function read(
  context: PackageContext,
  inputs: ScanInputs,
  scans: readonly Scan[],
  texts: Record<string, string>,
  output: Omit<Scanned, 'stage'>,
): Promise<void> {
  const reports = scans.map(({ target, report }) => ({
    target,
    ...parseTrivy(report, scopeOf(target.of, inputs.image), texts),
  }));
  const bait = reports.find(({ target }) => target.of === 'bait');
  if (bait !== undefined) output.bait = judgeBait(bait.target.ecosystems ?? [], bait.findings);
  const real = reports.filter(({ target }) => target.of !== 'bait');
  const locks = await lockFiles(context);
  const { service } = context.subject;
  const shipped = service.project === null ? fileOf(service, LOCK_FILES.npm) : lockFileOf(service.project);
  output.findings = mergeFindings(
    real.flatMap(({ findings }) => findings.map((finding) => locate(finding, locks, shipped))),
  );
  output.licences = real.flatMap(({ licences }) => licences);
  output.texts.set('scan.json', renderScan(output, real, inputs));
}

function scopeOf(of: Target['of'], image: ScannedImage): ReportScope {
  return of === 'image' ? { of, appLayers: image.appLayers } : { of: 'source' };
}

/** The repository's own lock files, to say where in them a package stands and which dependency brought it. */
async function lockFiles(context: PackageContext): Promise<FindsLocked[]> {
  const named = async (name: string) =>
    (await context.source.glob(`**/${name}`)).filter((path) => !path.includes('node_modules/')).sort();
  const textOf = (path: string) => context.source.file(path).contents();
  const files = Object.entries(LOCK_FILES).map(async ([name, lock]) => {
    const paths = await named(lock);
    return await Promise.all(
      paths.map(async (path): Promise<FindsLocked> => {
        const text = await textOf(path);
        if (name === 'npm') return new LockFile(path, text);
        const manifests = name === 'yarn' ? await named('package.json') : [];
        const folder = path.slice(0, -lock.length);
        const below = manifests.filter((manifest) => manifest.startsWith(folder));
        return new LockGraph(path, name as OtherName, text, await Promise.all(below.map(textOf)));
      }),
    );
  });
  return (await Promise.all(files)).flat();
}

function renderScan(
  { scanner, database }: Omit<Scanned, 'stage'>,
  real: readonly (TrivyReport & { target: Target })[],
  { image }: ScanInputs,
): string {
  const reports = Object.fromEntries(real.map(({ target, raw }) => [target.name, raw]));
  return `${JSON.stringify({ schemaVersion: 1, image, scanner, database, reports }, null, 1)}\n`;
}
