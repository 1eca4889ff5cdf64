// Rules about secrets: that what .npmrc wants for installs is what drydock.yaml names.
import { SUBJECT_FILE } from '../subject-file.ts';
import type { RepositoryFacts } from './facts.ts';
import { type Finding, lineAt, warning } from './finding.ts';
import type { PackageView } from './package-view.ts';

export function unnamedSecrets({ npmrc, secrets, at }: PackageView, { subjectText }: RepositoryFacts): Finding[] {
  const text = npmrc ?? '';
  const wanted = [...text.matchAll(/^(?!\s*[#;]).*_(?:authToken|auth|password)\s*=.*\$\{(\w+)\}/gm)];
  return wanted
    .map(({ index, 1: name = '' }) => ({ index, name }))
    .filter(({ name }) => !secrets.includes(name))
    .map(({ index, name }) => {
      const file = at('.npmrc');
      const how = subjectText === null ? `services: [{ path: ., secrets: [${name}] }]` : `secrets: [${name}]`;
      const problem = `${file} logs in with ${name}, and ${SUBJECT_FILE} does not name it as a secret: installs do not have it`;
      return warning({ file, line: lineAt(text, index), problem, hint: `name it in ${SUBJECT_FILE}: ${how}` });
    });
}
