// SBOM: what the image and the source are made of, by Syft, as SPDX and CycloneDX. Equal things have equal documents.
import { type Directory, dag, type File } from '@dagger.io/dagger';
import { SCAN, syftArguments } from '../core/gate/scanners.ts';
import type { ScannedImage, ScannerFacts } from '../core/gate/verdict.ts';
import type { StageResult, StandIn, StepResult } from '../core/model.ts';
import { nameFor } from '../core/platforms.ts';
import type { RunContext } from './context.ts';
import { nodeContainer } from './install.ts';
import { layoutOf } from './layout.ts';
import { withReadableLocks } from './scan-source.ts';
import { obtainScanner, type Scanner } from './scanners.ts';
import { runStep, stepFolder } from './step.ts';
import { timedStage } from './timed.ts';

export type SbomInputs = { archive: File; image: ScannedImage; name: string };

export type Sboms = {
  stage: StageResult;
  /** The documents by their name in the report. */
  files: Map<string, File>;
  /** Of the image, as vulnerability databases name them: `npm`, `debian 13`. */
  ecosystems: string[];
  scanner: ScannerFacts | null;
  standIns: StandIn[];
};

/** What a pair of documents is about. */
type Subject = {
  of: 'image' | 'source';
  /** Of the steps. */
  label: string;
  /** Of the files: the image's have no word for it in their names, they are the ones that ship. */
  file: string;
  folder: Directory;
  name: string;
  digest: string | null;
};

export async function sbom(context: RunContext, inputs: SbomInputs): Promise<Sboms> {
  const output: Omit<Sboms, 'stage'> = { files: new Map(), ecosystems: [], scanner: null, standIns: [] };
  const stage = await timedStage(context, 'sbom', async () => {
    const scanner = await obtainScanner(context, 'syft');
    if ('missing' in scanner) return { steps: [], notEvaluated: scanner.missing };
    Object.assign(output, { scanner: scanner.facts, standIns: scanner.standIns });
    const subjects = subjectsOf(context, inputs, await withReadableLocks(context.source));
    const described = await Promise.all(subjects.map((subject) => describe(context, scanner, subject)));
    const documents = described.flatMap(({ documents: of }, index) =>
      of === null ? [] : [{ ...(subjects[index] as Subject), documents: of }],
    );
    for (const { file, documents: of } of documents) {
      output.files.set(`${file}.spdx.json`, of.file('sbom.spdx.json'));
      output.files.set(`${file}.cdx.json`, of.file('sbom.cdx.json'));
    }
    const images = documents.filter(({ of }) => of === 'image').map(({ documents: of }) => ecosystemsIn(of));
    output.ecosystems = [...new Set((await Promise.all(images)).flat())].sort();
    return { steps: described.flatMap(({ steps }) => steps) };
  });
  return { stage, ...output };
}

async function ecosystemsIn(documents: Directory): Promise<string[]> {
  return JSON.parse(await documents.file('ecosystems.json').contents()) as string[];
}

/** Each platform of the image, by its own digest, and the source. */
function subjectsOf(context: RunContext, { archive, image, name }: SbomInputs, sources: Directory): Subject[] {
  const images = image.platforms.map(({ platform, digest }): Subject => {
    const named = (stem: string) => nameFor(stem, platform, image.platforms.length);
    const folder = layoutOf(context, archive, digest);
    return { of: 'image', label: named('image'), file: named('sbom'), folder, name, digest };
  });
  const source: Subject = {
    of: 'source',
    label: 'source',
    file: 'sbom-source',
    folder: sources,
    name: `${name}-source`,
    digest: null,
  };
  return [...images, source];
}

async function describe(
  context: RunContext,
  scanner: Scanner,
  { of, label, folder, name, digest }: Subject,
): Promise<{ steps: StepResult[]; documents: Directory | null }> {
  const raw = `${stepFolder(`syft-${label}`)}/documents`;
  const syft = await runStep(context, {
    stage: 'sbom',
    step: `syft-${label}`,
    container: scanner.container.withMountedDirectory(SCAN[of], folder).withDirectory(raw, dag.directory()),
    args: ['syft', ...syftArguments(of, name, raw)],
    confinedTo: [SCAN[of]],
  });
  if (syft.result.exitCode !== 0) return { steps: [syft.result], documents: null };
  const out = `${stepFolder(`sbom-${label}`)}/documents`;
  const ordered = await runStep(context, {
    stage: 'sbom',
    step: `sbom-${label}`,
    container: nodeContainer(context)
      .withMountedDirectory('/programs/oci', context.programs.directory('oci'))
      .withMountedDirectory('/raw', syft.container.directory(raw)),
    args: [
      ...['node', '/programs/oci/sbom.ts', '--in', '/raw', '--out', out, '--subject', name],
      ...(digest === null ? [] : ['--digest', digest]),
    ],
    shown: `node oci/sbom.ts --subject ${name}`,
  });
  const isRight = ordered.result.exitCode === 0;
  return { steps: [syft.result, ordered.result], documents: isRight ? ordered.container.directory(out) : null };
}
