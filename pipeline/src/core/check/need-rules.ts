// Rules about what tests and smoke need: their images are those that somebody meant, and their names no others'.
import { nearest } from '../../suggest.ts';
import { KNOWN_NAMES, officialName } from '../backing.ts';
import { COMPOSE_FILE } from '../compose/read.ts';
import { SUBJECT_FILE } from '../subject-file.ts';
import type { RepositoryFacts } from './facts.ts';
import { blocked, type Finding, lineAt, warning } from './finding.ts';

/** Names near one that most would mean: whether there is such an image its registry alone knows. */
export function unknownImages({ needs, subjectText }: RepositoryFacts): Finding[] {
  const text = subjectText ?? '';
  return needs.flatMap(({ name, image }) => {
    const official = officialName(image);
    const near = official === null || KNOWN_NAMES.includes(official) ? undefined : nearest(official, KNOWN_NAMES);
    if (near === undefined) return [];
    const problem = `${SUBJECT_FILE} names the image ${image} for ${name}, and drydock knows none of that name`;
    const hint = `did you mean ${image.replace(official ?? '', near)}?`;
    return [warning({ file: SUBJECT_FILE, line: lineAt(text, text.indexOf(image)), problem, hint })];
  });
}

/** In one network a name is one host. */
export function deployedTwice({ needs, deployed, subjectText }: RepositoryFacts): Finding[] {
  const text = subjectText ?? '';
  return needs
    .filter(({ name }) => deployed.includes(name))
    .map(({ name }) =>
      blocked('BAD_COMPOSE', {
        file: SUBJECT_FILE,
        line: lineAt(text, text.search(new RegExp(`\\b${name}:`))),
        stage: 'smoke',
        problem: `${SUBJECT_FILE} and ${COMPOSE_FILE} both name a service ${name}`,
        hint: `call it otherwise in ${SUBJECT_FILE}, in needs and in env`,
      }),
    );
}
