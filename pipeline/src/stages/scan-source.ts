// The source as the scanner sees it: what may be overlooked is decided in policy/, with a reason, an owner and an end, not by a comment beside the
// fault, nor by the name or the coding of a file.
import { type Directory, dag } from '@dagger.io/dagger';
import { NESTED } from '../core/gate/trivy.ts';
import { inOneDocument } from '../core/locks.ts';
import { LOCK_FILES } from '../core/manager.ts';
import type { StepResult } from '../core/model.ts';
import type { RunContext } from './context.ts';
import { nodeContainer } from './install.ts';
import { runStep, stepFolder } from './step.ts';

export type Scannable = {
  step: StepResult;
  folder: Directory;
  /** Where a comment tells the scanner to look away: `infra/main.tf:3`. */
  suppressed: string[];
  /** The name of a file by that of its text, which is what the scanner finds something in. */
  texts: Record<string, string>;
  /** Files that hold something packed which nobody could look into. */
  closed: string[];
};

/** The source with lock files that scanners read to their end. */
export async function withReadableLocks(source: Directory): Promise<Directory> {
  const paths = await source.glob(`**/${LOCK_FILES.pnpm}`);
  const texts = await Promise.all(paths.map((path) => source.file(path).contents()));
  return paths.reduce((to, path, index) => {
    const text = inOneDocument(texts[index] ?? '');
    return text === null ? to : to.withNewFile(path, text);
  }, source);
}

export async function scannableSource(context: RunContext): Promise<Scannable> {
  const out = `${stepFolder('scan-source')}/out`;
  const { result, container } = await runStep(context, {
    stage: 'scan',
    step: 'scan-source',
    container: nodeContainer(context)
      .withMountedDirectory('/programs/oci', context.programs.directory('oci'))
      .withMountedDirectory('/source', context.source),
    args: ['node', '/programs/oci/scan-source.ts', '--in', '/source', '--out', out],
    shown: 'node oci/scan-source.ts',
  });
  if (result.exitCode !== 0) return { step: result, folder: context.source, suppressed: [], texts: {}, closed: [] };
  const found = JSON.parse(await container.file(`${out}/found.json`).contents()) as Pick<
    Scannable,
    'suppressed' | 'texts' | 'closed'
  >;
  const source = await withReadableLocks(context.source);
  const isPlain = found.suppressed.length === 0 && Object.keys(found.texts).length === 0;
  const folder = isPlain ? source : source.withDirectory('.', container.directory(`${out}/files`));
  // At the top of what it scans, Trivy passes over folders that a system has there: dev, proc and sys.
  return { step: result, folder: dag.directory().withDirectory(NESTED, folder), ...found };
}

/** One line of the report, for whoever wrote such comments; none where there are none. */
export function phraseSuppressions(places: readonly string[]): string[] {
  if (places.length === 0) return [];
  const [subject, them] = places.length === 1 ? ['1 comment tells', 'it'] : [`${places.length} comments tell`, 'them'];
  return [
    `${subject} the scanner to look away, and was ignored ${them} (write an exception in policy/gate.yaml): ${listed(places)}`,
  ];
}

/** The same for packed files that stayed closed. */
export function phraseClosed(paths: readonly string[]): string[] {
  if (paths.length === 0) return [];
  const [count, was] = paths.length === 1 ? ['1 packed file', 'was'] : [`${paths.length} packed files`, 'were'];
  return [
    `${count} ${was} not looked through for secrets (too large, too deep, encrypted or of another format): ${listed(paths)}`,
  ];
}

function listed(places: readonly string[]): string {
  const [shown, more] = [places.slice(0, 3).join(', '), places.length - 3];
  return more > 0 ? `${shown} and ${more} more` : shown;
}
