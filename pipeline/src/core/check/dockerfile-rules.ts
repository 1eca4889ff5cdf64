// Rules about the Dockerfiles that services are built by: that they are there, have the stage that is asked for, and name images by content.
import { quoted } from '../../command.ts';
import { nearest } from '../../suggest.ts';
import { imagesOf, isPinned, stagesOf, targetOf } from '../dockerfile.ts';
import { SUBJECT_FILE } from '../subject-file.ts';
import type { DockerfileFacts, RepositoryFacts } from './facts.ts';
import { blocked, type Finding, lineAt, named, note } from './finding.ts';

const stagesIn = ({ text, args }: DockerfileFacts) => stagesOf(text ?? '', args);

/** Where drydock.yaml says it; null where it leaves it to what is usual. */
const lineOf = (subjectText: string | null, said: RegExp) =>
  lineAt(subjectText ?? '', (subjectText ?? '').search(said));

export function missingDockerfile({ dockerfiles, files, subjectText }: RepositoryFacts): Finding[] {
  return dockerfiles
    .filter(({ text }) => text === null)
    .map(({ file, service }) => {
      const folder = file.replace(/[^/]*$/, '');
      const near = files.find((path) => path.startsWith(folder) && /(^|[./])dockerfile([./]|$)/i.test(path));
      const problem = `${SUBJECT_FILE} says that ${service} is built by a Dockerfile, and there is no ${file}`;
      const hint =
        near === undefined
          ? `write one: ${quoted(file)}`
          : `did you mean ${near}? dockerfile: ${near.slice(folder.length)}`;
      const line = lineOf(subjectText, /\b(dockerfile:|kind:\s*["']?dockerfile)/);
      return blocked('BAD_SUBJECT', { file: SUBJECT_FILE, line, stage: 'build', problem, hint });
    });
}

export function unknownTarget({ dockerfiles, subjectText }: RepositoryFacts): Finding[] {
  return dockerfiles
    .filter(({ text }) => text !== null)
    .flatMap((facts) => {
      const { target, checked, file, service } = facts;
      const stages = stagesIn(facts);
      if (stages.length === 0)
        return [blocked('BAD_SUBJECT', { file, stage: 'build', problem: `${file} has no FROM`, hint: NO_FROM })];
      const names = stages.map(({ name }) => name).filter((name) => name !== '');
      const known = names.length === 0 ? 'no stage of it has a name: FROM … AS name' : `it has ${names.join(', ')}`;
      return [target, checked]
        .filter((name) => targetOf(stages, name) === undefined)
        .map((name) => {
          const near = nearest(name, names);
          const problem = `${SUBJECT_FILE} names the stage ${name} for ${service}, and ${file} has no such stage`;
          const hint = near === undefined ? known : `did you mean ${near}?`;
          const line = lineOf(subjectText, new RegExp(`\\btarget:\\s*["']?${name.replace(/\W/g, '\\$&')}`));
          return blocked('BAD_SUBJECT', {
            file: SUBJECT_FILE,
            line,
            stage: name === target ? 'build' : null,
            problem,
            hint,
          });
        });
    });
}

const NO_FROM = 'begin it with the image that it starts from: FROM name:tag@sha256:…';

/** A tag is another image tomorrow, and the digest of what is built on it another one with it. */
export function unpinnedImages({ dockerfiles }: RepositoryFacts): Finding[] {
  return dockerfiles.flatMap((facts) => {
    const stages = stagesIn(facts);
    const loose = imagesOf(stages, facts.target).filter((image) => !isPinned(image));
    const [first] = loose;
    if (first === undefined) return [];
    const { line = null } = stages.find(({ from, copied }) => [from, ...copied].includes(first)) ?? {};
    const problem = `${facts.file} names ${named(loose)} without a digest: what is built is another image when the tag moves`;
    return [note({ file: facts.file, line, problem, hint: `pin it: ${first}@sha256:…` })];
  });
}
