// What a capsule is, in a few lines: shown before it is replayed, and at the end of the run that wrote it.
import { COMMAND, quoted } from '../../command.ts';
import type { CapsuleResult } from '../model.ts';
import { phraseBytes } from '../phrases.ts';
import { phraseFingerprint } from './fingerprint.ts';
import { type CapsuleManifest, IMAGE_INPUT, PACKAGES_FILE, SOURCE_FOLDER } from './manifest.ts';

/** `capsule: out/capsule-test.tar (142.1 MB): npx tsx pipeline/ci.ts replay out/capsule-test.tar` */
export function phraseCapsuleFile(capsule: CapsuleResult, output: string): string {
  return `capsule: ${phraseReplay({ ...capsule, file: `${output}/${capsule.file}` })}`;
}

/** By its name in the output folder, for what lies beside it. */
export function phraseReplay({ file, bytes }: CapsuleResult): string {
  return `${file} (${phraseBytes(bytes)}); the same, offline, anywhere: ${COMMAND} replay ${quoted(file)}`;
}

export function phraseCapsule(file: string, manifest: CapsuleManifest): string[] {
  const { clock, source, stages, tool, images, packages, files, environment, secrets } = manifest;
  const sources = files.filter(({ path }) => path.startsWith(`${SOURCE_FOLDER}/`));
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const commit =
    source.commit === null
      ? 'of no commit'
      : `of commit ${source.commit.slice(0, 12)}${source.dirty ? ' with changes' : ''}`;
  const held = images.map(
    ({ name, held, standIn }) => `${name}${held ? (standIn === null ? '' : ' (a substitute)') : ' (not held)'}`,
  );
  const size = (path: string) => files.find((entry) => entry.path === path)?.bytes;
  const packed = size(PACKAGES_FILE);
  const image = size(IMAGE_INPUT);
  return [
    `${file}: ${stages.map(({ name, status }) => `${name} ${status}`).join(', ')} on ${clock}, ${commit}, drydock ${tool.version}`,
    `  holds ${phraseBytes(total)}: ${sources.length} source files${packed === undefined ? '' : `, ${packages.length} locked packages (${phraseBytes(packed)})`}${held.length === 0 ? '' : `, images ${held.join(', ')}`}${image === undefined ? '' : `, the built image (${phraseBytes(image)})`}`,
    `  names of environment variables: ${environment.join(', ') || 'none'}; of secrets: ${secrets.join(', ') || 'none'}`,
    ...stages.flatMap(({ fingerprint }) =>
      fingerprint === null ? [] : [`  recorded: ${phraseFingerprint(fingerprint)}`],
    ),
  ];
}
