// Scan: image and source by Trivy, each once, to JSON. Everything else about findings is derived from out/scan.json.
import { type Container, type Directory, dag, type File } from '@dagger.io/dagger';
import { baitFiles, judgeBait } from '../core/gate/bait.ts';
import type { BaitFacts, DatabaseFacts, GateFacts } from '../core/gate/decide.ts';
import { type Finding, KINDS, mergeFindings } from '../core/gate/finding.ts';
import { locate } from '../core/gate/locate.ts';
import { LockFile } from '../core/gate/lock-file.ts';
import { checksYaml, SCAN, trivyArguments } from '../core/gate/scanners.ts';
import { BadReport, type Licence, parseTrivy, type ReportScope, type TrivyReport } from '../core/gate/trivy.ts';
import type { ScannedImage, ScannerFacts } from '../core/gate/verdict.ts';
import type { StageResult, StandIn, StepResult } from '../core/model.ts';
import { SERVICE } from '../core/service.ts';
import type { RunContext } from './context.ts';
import { type Database, type DatabaseOptions, obtainDatabase } from './database.ts';
import { nodeContainer } from './install.ts';
import type { Deciding } from './policy.ts';
import { obtainScanner, type Scanner } from './scanners.ts';
import { runStep, stepFolder } from './step.ts';
import { timedStage } from './timed.ts';

export type ScanInputs = {
  archive: File;
  image: ScannedImage;
  database: DatabaseOptions;
  deciding: Deciding;
  /** What the image holds, by its SBOM. Bait is put out for each. */
  ecosystems: () => Promise<string[]>;
  strict: boolean;
};

export type Scanned = {
  stage: StageResult;
  /** out/scan.json */
  report: string | null;
  findings: Finding[];
  licences: Licence[];
  database: DatabaseFacts | null;
  missing: GateFacts['missing'];
  bait: BaitFacts | null;
  scanner: ScannerFacts | null;
  standIn: StandIn | null;
};

const CHECKS = 'policy/checks';
/** Older ones know Dockerfiles, Kubernetes and Terraform, but no YAML of other kinds. */
const NO_YAML = 'compose file and workflows are not looked at by a Trivy before 0.54';
const SHIPPED = `${SERVICE.folder}/package-lock.json`;

export async function scan(context: RunContext, inputs: ScanInputs): Promise<Scanned> {
  const output: Omit<Scanned, 'stage'> = {
    report: null,
    findings: [],
    licences: [],
    database: null,
    missing: [],
    bait: null,
    scanner: null,
    standIn: null,
  };
  const stage = await timedStage(context, 'scan', async () => {
    const [scanner, found] = await Promise.all([
      obtainScanner(context, 'trivy'),
      obtainDatabase(context, inputs.database, inputs.deciding.parsed.database),
    ]);
    const steps: StepResult[] = [...found.steps];
    output.database = found.database?.facts ?? null;
    if ('missing' in scanner) {
      output.missing = KINDS.map((kind) => ({ kind, reason: scanner.missing }));
      return { steps, notEvaluated: scanner.missing };
    }
    if (found.database === null && found.missing === null)
      return { steps, fault: 'the vulnerability database cannot be used' };
    Object.assign(output, { scanner: scanner.facts, standIn: scanner.standIn });
    output.missing = [
      ...(found.missing === null ? [] : [{ kind: 'vulnerability' as const, reason: found.missing }]),
      ...(checksYaml(scanner.facts.version) ? [] : [{ kind: 'misconfiguration' as const, reason: NO_YAML }]),
    ];
    const scans = await scanAll(context, scanner, found.database, inputs);
    steps.push(...scans.flatMap(({ step }) => step));
    if (scans.some(({ step }) => step.exitCode !== 0)) return { steps };
    try {
      await read(context, inputs, scans, output);
    } catch (error) {
      if (!(error instanceof BadReport)) throw error;
      return { steps, fault: `trivy: ${error.message}` };
    }
    return { steps, notEvaluated: output.missing[0]?.reason ?? null, remark: `${output.findings.length} findings` };
  });
  return { stage, ...output };
}

type Target = { of: 'image' | 'source' | 'bait'; path: string; folder: Directory };
type Scan = { of: Target['of']; step: StepResult; report: string; ecosystems: string[] };

async function scanAll(
  context: RunContext,
  scanner: Scanner,
  database: Database | null,
  inputs: ScanInputs,
): Promise<Scan[]> {
  const { tree } = inputs.deciding;
  const checks = tree.directory(CHECKS);
  const hasChecks = await tree.exists(CHECKS);
  const one = async (target: Target, ecosystems: string[] = []): Promise<Scan> => {
    const { of, path, folder } = target;
    const output = `${stepFolder(`trivy-${of}`)}/report.json`;
    const mounts = [path, ...(database === null ? [] : [SCAN.database]), ...(hasChecks ? [SCAN.checks] : [])];
    const base = scanner.container.withDirectory(SCAN.cache, dag.directory()).withMountedDirectory(path, folder);
    const withDatabase = database === null ? base : base.withMountedDirectory(SCAN.database, database.folder);
    const { result, container } = await runStep(context, {
      stage: 'scan',
      step: `trivy-${of}`,
      container: hasChecks ? withDatabase.withMountedDirectory(SCAN.checks, checks) : withDatabase,
      args: [
        'trivy',
        ...trivyArguments({
          version: scanner.facts.version,
          of,
          path,
          output,
          hasDatabase: database !== null,
          hasChecks,
        }),
      ],
      confinedTo: mounts,
    });
    const report = result.exitCode === 0 ? ((await textOf(container, output)) ?? '') : '';
    return { of, step: result, report, ecosystems };
  };
  return await Promise.all([
    unpack(context, inputs.archive).then((folder) => one({ of: 'image', path: SCAN.image, folder })),
    one({ of: 'source', path: SCAN.source, folder: context.source }),
    ...(inputs.strict
      ? [putBait(inputs).then(({ folder, ecosystems }) => one({ of: 'bait', path: SCAN.bait, folder }, ecosystems))]
      : []),
  ]);
}

async function textOf(container: Container, path: string): Promise<string | null> {
  return (await container.exists(path)) ? await container.file(path).contents() : null;
}

/** Trivy reads a layout as a folder, not as an archive. */
async function unpack(context: RunContext, archive: File): Promise<Directory> {
  return nodeContainer(context)
    .withMountedFile(SCAN.archive, archive)
    .withExec(['sh', '-c', `mkdir -p ${SCAN.image} && tar -xf ${SCAN.archive} -C ${SCAN.image}`])
    .directory(SCAN.image);
}

async function putBait({ ecosystems }: ScanInputs): Promise<{ folder: Directory; ecosystems: string[] }> {
  const names = await ecosystems();
  let folder = dag.directory();
  for (const [path, text] of baitFiles(names)) folder = folder.withNewFile(path, text);
  return { folder, ecosystems: names };
}

async function read(
  context: RunContext,
  inputs: ScanInputs,
  scans: readonly Scan[],
  output: Omit<Scanned, 'stage'>,
): Promise<void> {
  const reports = new Map(scans.map(({ of, report }) => [of, parseTrivy(report, scopeOf(of, inputs.image))] as const));
  const bait = scans.find(({ of }) => of === 'bait');
  if (bait !== undefined) output.bait = judgeBait(bait.ecosystems, reports.get('bait')?.findings ?? []);
  const real = [...reports].filter(([of]) => of !== 'bait').map(([, report]) => report);
  const locks = await lockFiles(context);
  output.findings = mergeFindings(
    real.flatMap(({ findings }) => findings.map((finding) => locate(finding, locks, SHIPPED))),
  );
  output.licences = real.flatMap(({ licences }) => licences);
  output.report = renderScan(output, reports, inputs);
}

function scopeOf(of: Target['of'], image: ScannedImage): ReportScope {
  return of === 'image' ? { of, appLayers: image.appLayers } : { of: 'source' };
}

/** The repository's own lock files, to say where in them a package stands and which dependency brought it. */
async function lockFiles(context: RunContext): Promise<LockFile[]> {
  const paths = (await context.source.glob('**/package-lock.json')).filter((path) => !path.includes('node_modules/'));
  return await Promise.all(
    paths.sort().map(async (path) => new LockFile(path, await context.source.file(path).contents())),
  );
}

function renderScan(
  { scanner, database }: Omit<Scanned, 'stage'>,
  reports: ReadonlyMap<Target['of'], TrivyReport>,
  { image }: ScanInputs,
): string {
  const raw = Object.fromEntries([...reports].map(([of, report]) => [of, report.raw]));
  return `${JSON.stringify({ schemaVersion: 1, image, scanner, database, reports: raw }, null, 1)}\n`;
}
