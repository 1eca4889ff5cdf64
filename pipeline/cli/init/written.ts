// The files that `drydock init` writes into a repository, as this version would write them today, whether they are there or not.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMPOSE_FILE } from '../../src/core/compose/read.ts';
import { PipelineError } from '../../src/core/errors.ts';
import { describeDockerfile, dockerfileSubject } from '../../src/core/init/dockerfile.ts';
import { describeFound, lookAt } from '../../src/core/init/found.ts';
import { marked } from '../../src/core/init/mark.ts';
import { subjectFile } from '../../src/core/init/subject-file.ts';
import { delivers, WORKFLOW_FILE, workflowFrom } from '../../src/core/init/workflow.ts';
import { isPlatform } from '../../src/core/smoke/alone.ts';
import { SUBJECT_FILE } from '../../src/core/subject-file.ts';
import { VERSION } from '../../src/core/version.ts';
import { textIn } from '../plain-files.ts';
import { TEMPLATES } from '../programs.ts';
import { repositoryAt } from '../subject.ts';
import { platformFiles } from './platform.ts';
import { type Look, look } from './read.ts';
import { isOnGitHub, mainBranch } from './repository.ts';
import { isThere, type NewFile } from './write.ts';

/** What was found, for a person, and the drydock.yaml that says so. */
export async function describe(
  root: string,
): Promise<{ rows: readonly (readonly [string, string])[]; files: NewFile[] }> {
  const { rows, subject } = described(look(root, await servicePath(root)));
  const workflow = () =>
    workflowFrom(readFileSync(join(TEMPLATES, 'github.yml'), 'utf8'), {
      branch: mainBranch(root),
      hasPlatform: isDelivered(root),
    });
  const files = [
    ...(subject === null ? [] : [{ path: SUBJECT_FILE, text: subject }]),
    ...(isOnGitHub(root) ? [{ path: WORKFLOW_FILE, text: workflow() }] : []),
  ];
  return { rows, files: files.map(({ path, text }) => ({ path, text: marked(text, VERSION) })) };
}

/** Of `init` and of `add`. */
export const writtenHere = async (root: string): Promise<NewFile[]> => [
  ...(await describe(root)).files,
  ...(await platformFiles(root)),
];

/** A workflow that is there stays of its kind; a new one delivers where there is a platform, which is what `cd` tries a delivery on. */
function isDelivered(root: string): boolean {
  const workflow = textIn(root, WORKFLOW_FILE);
  return workflow === null ? isPlatform(textIn(root, COMPOSE_FILE)) : delivers(workflow);
}

type Described = { rows: readonly (readonly [string, string])[]; subject: string | null };

function described({ facts, choice, dockerfile }: Look): Described {
  if (choice !== null) {
    const found = lookAt(facts, choice);
    return { rows: describeFound(facts, found), subject: subjectFile(found) };
  }
  if (dockerfile === null) return { rows: [], subject: null };
  return { rows: describeDockerfile(dockerfile), subject: dockerfileSubject(dockerfile) };
}

/** What a drydock.yaml that is there names first; null without one, and where it cannot be read, which the check says. */
async function servicePath(root: string): Promise<string | null> {
  if (!isThere(root, SUBJECT_FILE)) return null;
  try {
    const [service] = (await repositoryAt(root)).services;
    return service === undefined || service.docker !== null ? null : service.path;
  } catch (error) {
    if (error instanceof PipelineError) return null;
    throw error;
  }
}
