// The platform's files as this version would write them into a repository today, whether they are there or not.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, posix, relative, resolve, sep } from 'node:path';
import { PipelineError } from '../../src/core/errors.ts';
import { marked } from '../../src/core/init/mark.ts';
import { COPIES, type PlatformFacts, platformText, projectName } from '../../src/core/init/platform.ts';
import { USUAL } from '../../src/core/subject-file.ts';
import { VERSION } from '../../src/core/version.ts';
import { TEMPLATES } from '../programs.ts';
import { repositoryAt } from '../subject.ts';
import type { NewFile } from './write.ts';

const FOLDER = join(TEMPLATES, 'platform');

export async function platformFiles(root: string): Promise<NewFile[]> {
  const facts = await factsOf(root);
  return templates()
    .flatMap(({ path, text: template }) => {
      const text = marked(platformText(path, template, facts), VERSION);
      return [path, ...(COPIES[path] === undefined ? [] : [COPIES[path]])].map((name) => ({ path: name, text }));
    })
    .sort((one, other) => (one.path < other.path ? -1 : 1));
}

/** npm packs no file that is called .gitignore. */
const templates = (): NewFile[] =>
  readdirSync(FOLDER, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const file = join(entry.parentPath, entry.name);
      const path = relative(FOLDER, file).split(sep).join(posix.sep);
      return { path: path.replace(/(?<=^|\/)gitignore$/, '.gitignore'), text: readFileSync(file, 'utf8') };
    });

/** Of the first service, where drydock.yaml or the repository itself says which that is. */
async function factsOf(root: string): Promise<PlatformFacts> {
  const name = projectName(basename(resolve(root)));
  try {
    const [service] = (await repositoryAt(root)).services;
    const { port, health, docker, checks } = service ?? { ...USUAL, docker: null, checks: null };
    return { name, port, health, hasHealthcheck: docker === null && checks === null };
  } catch (error) {
    if (error instanceof PipelineError) return { name, ...USUAL, hasHealthcheck: true };
    throw error;
  }
}
