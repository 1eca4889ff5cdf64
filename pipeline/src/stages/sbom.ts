// SBOM: what the image and the source are made of, by Syft, as SPDX and CycloneDX. Equal things have equal documents.
import { type Container, type Directory, dag, type File } from '@dagger.io/dagger';
import { SCAN, syftArguments } from '../core/gate/scanners.ts';
import type { ScannerFacts } from '../core/gate/verdict.ts';
import type { StageResult, StandIn, StepResult } from '../core/model.ts';
import type { RunContext } from './context.ts';
import { nodeContainer } from './install.ts';
import { obtainScanner, type Scanner } from './scanners.ts';
import { runStep, stepFolder } from './step.ts';
import { timedStage } from './timed.ts';

export type SbomInputs = { archive: File; name: string; digest: string };

export type Sboms = {
  stage: StageResult;
  /** The documents by their name in the report. */
  files: Map<string, File>;
  /** As vulnerability databases name them: `npm`, `debian 13`. */
  ecosystems: string[];
  scanner: ScannerFacts | null;
  standIn: StandIn | null;
};

/** What a document is made of, and how it is called. */
type Subject = {
  of: 'image' | 'source';
  mount: (container: Container) => Container;
  path: string;
  name: string;
  digest: string | null;
};

/** The image's documents carry no word for it in their names: they are the ones that ship. */
const NAMES = {
  image: { spdx: 'sbom.spdx.json', cdx: 'sbom.cdx.json' },
  source: { spdx: 'sbom-source.spdx.json', cdx: 'sbom-source.cdx.json' },
} as const;

export async function sbom(context: RunContext, inputs: SbomInputs): Promise<Sboms> {
  const output: Omit<Sboms, 'stage'> = { files: new Map(), ecosystems: [], scanner: null, standIn: null };
  const stage = await timedStage(context, 'sbom', async () => {
    const scanner = await obtainScanner(context, 'syft');
    if ('missing' in scanner) return { steps: [], notEvaluated: scanner.missing };
    Object.assign(output, { scanner: scanner.facts, standIn: scanner.standIn });
    const subjects = subjectsOf(context, inputs);
    const described = await Promise.all(subjects.map((subject) => describe(context, scanner, subject)));
    for (const [index, { documents }] of described.entries()) {
      const of = subjects[index]?.of ?? 'image';
      if (documents === null) continue;
      output.files.set(NAMES[of].spdx, documents.file('sbom.spdx.json'));
      output.files.set(NAMES[of].cdx, documents.file('sbom.cdx.json'));
      if (of === 'image')
        output.ecosystems = JSON.parse(await documents.file('ecosystems.json').contents()) as string[];
    }
    return { steps: described.flatMap(({ steps }) => steps) };
  });
  return { stage, ...output };
}

function subjectsOf(context: RunContext, { archive, name, digest }: SbomInputs): Subject[] {
  return [
    { of: 'image', path: SCAN.archive, mount: (to) => to.withMountedFile(SCAN.archive, archive), name, digest },
    {
      of: 'source',
      path: SCAN.source,
      mount: (to) => to.withMountedDirectory(SCAN.source, context.source),
      name: `${name}-source`,
      digest: null,
    },
  ];
}

async function describe(
  context: RunContext,
  scanner: Scanner,
  { of, mount, path, name, digest }: Subject,
): Promise<{ steps: StepResult[]; documents: Directory | null }> {
  const raw = `${stepFolder(`syft-${of}`)}/documents`;
  const syft = await runStep(context, {
    stage: 'sbom',
    step: `syft-${of}`,
    container: mount(scanner.container).withDirectory(raw, dag.directory()),
    args: ['syft', ...syftArguments(of, path, raw)],
    confinedTo: [path],
  });
  if (syft.result.exitCode !== 0) return { steps: [syft.result], documents: null };
  const out = `${stepFolder(`sbom-${of}`)}/documents`;
  const ordered = await runStep(context, {
    stage: 'sbom',
    step: `sbom-${of}`,
    container: nodeContainer(context)
      .withMountedDirectory('/programs/oci', context.source.directory('pipeline/src/oci'))
      .withMountedDirectory('/raw', syft.container.directory(raw)),
    args: [
      'node',
      '/programs/oci/sbom.ts',
      '--in',
      '/raw',
      '--out',
      out,
      '--subject',
      name,
      ...(digest === null ? [] : ['--digest', digest]),
    ],
    shown: `node pipeline/src/oci/sbom.ts --subject ${name}`,
  });
  const isRight = ordered.result.exitCode === 0;
  return { steps: [syft.result, ordered.result], documents: isRight ? ordered.container.directory(out) : null };
}
