// `drydock init`: says what is here and what is lacking, and writes the few files that a run needs of it. Overwrites nothing.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { COMMAND } from '../../src/command.ts';
import { findingsOf } from '../../src/core/check/rules.ts';
import { EXIT, PipelineError } from '../../src/core/errors.ts';
import { describeDockerfile, dockerfileSubject } from '../../src/core/init/dockerfile.ts';
import { describeFound, lookAt } from '../../src/core/init/found.ts';
import { subjectFile } from '../../src/core/init/subject-file.ts';
import { WORKFLOW_FILE, workflowFrom } from '../../src/core/init/workflow.ts';
import { asLines } from '../../src/core/safe-text.ts';
import { SUBJECT_FILE } from '../../src/core/subject-file.ts';
import type { InitInvocation } from '../arguments.ts';
import { readRepository } from '../check/read.ts';
import { renderFindings } from '../check/render.ts';
import { TEMPLATES } from '../programs.ts';
import { repositoryAt } from '../subject.ts';
import type { Terminal } from '../terminal.ts';
import { type Look, look } from './read.ts';
import { isOnGitHub, mainBranch, workflowThere } from './repository.ts';
import { isThere, type NewFile, writeNew } from './write.ts';

export async function init(
  { yes, dryRun }: InitInvocation,
  root: string,
  { out, interrupted }: Terminal,
): Promise<number> {
  const say = (...lines: string[]) => out.write(asLines(lines));
  const { rows, subject } = describe(look(root, await servicePath(root)));
  if (rows.length === 0) say('found: no package.json of a service, and no Dockerfile');
  else say('found', ...columns(rows));
  const workflow = () => workflowFrom(readFileSync(join(TEMPLATES, 'github.yml'), 'utf8'), mainBranch(root));
  const there = workflowThere(root);
  const wanted: NewFile[] = [
    ...(subject === null ? [] : [{ path: SUBJECT_FILE, text: subject }]),
    ...(there === null && isOnGitHub(root) ? [{ path: WORKFLOW_FILE, text: workflow() }] : []),
  ];
  const files = wanted.filter(({ path }) => !isThere(root, path));
  const draft = files.find(({ path }) => path === SUBJECT_FILE)?.text;
  const findings = findingsOf(await readRepository({ root, output: resolve('out'), isWhole: true, draft }));
  out.write(`\n${renderFindings(findings, out)}`);
  const left = [...wanted.filter((file) => !files.includes(file)).map(({ path }) => path), ...(there ? [there] : [])];
  if (left.length > 0) say('', `there already, and left as it is: ${left.join(', ')}`);
  const next = `next: ${COMMAND} ${findings.some(({ status }) => status === 'blocked') ? 'check' : 'ci'}`;
  if (files.length === 0) {
    say('', 'nothing has to be written', next);
    return EXIT.ok;
  }
  for (const { path, text } of files)
    say(
      '',
      `${path}:`,
      ...text
        .trimEnd()
        .split('\n')
        .map((line) => `  ${line}`),
    );
  if (dryRun || !(yes || (await isAgreed(files, out.isTerminal, interrupted)))) {
    say('', `nothing was written; to write ${files.length === 1 ? 'it' : 'them'}: ${COMMAND} init --yes`);
    return EXIT.ok;
  }
  writeNew(root, files);
  say('', `written: ${files.map(({ path }) => path).join(', ')}`, next);
  return EXIT.ok;
}

type Described = { rows: readonly (readonly [string, string])[]; subject: string | null };

/** What was found, for a person, and the drydock.yaml that says so. */
function describe({ facts, choice, dockerfile }: Look): Described {
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

/** Only a person at a terminal can. The end of what is typed is a no. */
async function isAgreed(files: readonly NewFile[], isTerminal: boolean, interrupted: Promise<never>): Promise<boolean> {
  if (!isTerminal || !process.stdin.isTTY) return false;
  // Without a terminal of its own, so that Ctrl-C is a signal here as everywhere.
  const asking = createInterface({ input: process.stdin, output: process.stdout, terminal: false });
  const ended = once(asking, 'close').then(() => '');
  try {
    const asked = asking.question(`write ${files.length === 1 ? 'it' : 'them'}? [y/N] `);
    asked.catch(() => {}); // what ends it is told by the others
    return /^y(es)?$/i.test((await Promise.race([asked, ended, interrupted])).trim());
  } finally {
    asking.close();
  }
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, found]) => `  ${name.padEnd(width)}  ${found}`);
}
