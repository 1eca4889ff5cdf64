// `drydock init`: says what is here and what is lacking, and writes the few files that a run needs of it. Overwrites nothing.
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { COMMAND } from '../../src/command.ts';
import { findingsOf } from '../../src/core/check/rules.ts';
import { EXIT } from '../../src/core/errors.ts';
import { WORKFLOW_FILE } from '../../src/core/init/workflow.ts';
import { asLines } from '../../src/core/safe-text.ts';
import { SUBJECT_FILE } from '../../src/core/subject-file.ts';
import type { InitInvocation } from '../arguments.ts';
import { readRepository } from '../check/read.ts';
import { renderFindings } from '../check/render.ts';
import type { Terminal } from '../terminal.ts';
import { workflowThere } from './repository.ts';
import { isThere, type NewFile, writeNew } from './write.ts';
import { describe, writtenHere } from './written.ts';

export async function init(
  { yes, dryRun, json }: InitInvocation,
  root: string,
  { out, interrupted }: Terminal,
): Promise<number> {
  const say = (...lines: string[]) => out.write(asLines(lines));
  if (json) {
    out.write(`${JSON.stringify(await writtenHere(root), null, 1)}\n`);
    return EXIT.ok;
  }
  const { rows, files: all } = await describe(root);
  if (rows.length === 0) say('found: no package.json of a service, and no Dockerfile');
  else say('found', ...columns(rows));
  const there = workflowThere(root);
  const wanted = all.filter(({ path }) => path !== WORKFLOW_FILE || there === null);
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
