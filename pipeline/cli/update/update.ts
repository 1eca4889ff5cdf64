// `drydock update`: moves this tool's package to another version, and merges what that version writes into the files that an earlier one wrote.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { COMMAND, quoted } from '../../src/command.ts';
import { EXIT, PipelineError, reasonOf } from '../../src/core/errors.ts';
import { markedBy } from '../../src/core/init/mark.ts';
import { LOCK_FILES, type Manager, managerIn, NPM } from '../../src/core/manager.ts';
import { workspaceGlobs } from '../../src/core/project.ts';
import { asLines } from '../../src/core/safe-text.ts';
import { kindIn, moveCommand, PACKAGE, rangeOf, type Target, withRange } from '../../src/core/update.ts';
import { VERSION } from '../../src/core/version.ts';
import type { UpdateInvocation } from '../arguments.ts';
import { isThere, type NewFile, writeNew } from '../init/write.ts';
import { writtenHere } from '../init/written.ts';
import { overwrite, plainStats, textIn } from '../plain-files.ts';
import type { Terminal } from '../terminal.ts';
import { difference, merged } from './merge.ts';
import { type Asking, isNotFound, unpack, writtenBy } from './package.ts';

const MANIFEST = 'package.json';

/** What becomes of a file: `text` is what it will hold, null where it stays as it is. */
type Plan = { path: string; before: string; text: string | null; said: string; beside: NewFile | null };

export async function update(invocation: UpdateInvocation, root: string, terminal: Terminal): Promise<number> {
  const { wanted, dryRun } = invocation;
  const { out, interrupted } = terminal;
  const stop = new AbortController();
  interrupted.catch((reason) => stop.abort(reason));
  const asking: Asking = { root, signal: stop.signal };
  const manifest = textIn(root, MANIFEST);
  const kind = kindIn(manifest);
  const manager = (await managerIn('', async (file) => textIn(root, file))) ?? NPM;
  const file = wanted.endsWith('.tgz') ? resolve(wanted) : null;
  if (file !== null && !plainStats('/', file)?.isFile())
    throw new PipelineError('BAD_OPTION', `there is no file ${wanted}`, `npm pack ${PACKAGE} writes one`);
  const aside = mkdtempSync(join(tmpdir(), 'drydock-update-'));
  try {
    const next = await unpack(file ?? wanted, join(aside, 'next'), asking);
    const target: Target = { version: next.version, file: file === null ? null : relative(root, file) };
    const written = await writtenBy(next, asking);
    if (written === null)
      throw new PipelineError(
        'BAD_OPTION',
        `${PACKAGE} ${next.version} does not say which files it writes, so they cannot be merged`,
        `update the package alone: npm install --save-dev --save-exact ${PACKAGE}@${next.version}`,
      );
    let plans = await plansFor(written, { ...asking, version: next.version, aside });
    stop.signal.throwIfAborted();
    const say = (...lines: string[]) => out.write(asLines(lines));
    const words = moveCommand(manager, {
      ...{ target, isDevelopment: kind === 'devDependencies' },
      hasWorkspaces: workspaceGlobs(manifest, textIn(root, 'pnpm-workspace.yaml')).length > 0,
    });
    const isMoved = file !== null || next.version !== VERSION;
    if (dryRun) {
      if (isMoved) show(MANIFEST, manifest ?? '', withRange(manifest ?? '', rangeOf(target)));
      for (const { path, before, text, beside } of plans) {
        if (text !== null) show(path, before, text);
        if (beside !== null) show(beside.path, '', beside.text);
      }
      if (isMoved) say(`nothing was written; the package is moved by: ${words.map(quoted).join(' ')}`);
      else say(`nothing was written; ${PACKAGE} is ${VERSION} already`);
    } else {
      if (isMoved) await move(manager, words, asking);
      plans = plans.map((plan) => unlessChanged(root, plan));
      for (const { path, text } of plans) if (text !== null) overwrite(root, path, text);
      writeNew(
        root,
        plans.flatMap(({ beside }) => beside ?? []),
      );
      say(
        isMoved
          ? `${PACKAGE} ${VERSION} → ${next.version}: ${words.map(quoted).join(' ')}`
          : `${PACKAGE} is ${VERSION} already`,
      );
    }
    const conflicts = plans.filter(({ beside }) => beside !== null);
    say(...plans.map(({ path, said }) => `${path}: ${said}`));
    if (conflicts.length === 0) {
      if (!dryRun) say(`next: ${COMMAND} ci`);
      return EXIT.ok;
    }
    say(...conflicts.map(({ path }) => `fix: git diff --no-index ${quoted(path)} ${quoted(newOf(path))}`));
    return EXIT.failed;

    function show(path: string, before: string, text: string): void {
      out.write(asLines(difference(join(aside), path, before, text).trimEnd().split('\n')));
    }
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

const newOf = (path: string) => `${path}.new`;

/** What a person saved meanwhile stays. */
function unlessChanged(root: string, plan: Plan): Plan {
  const { path, before, text } = plan;
  if (text === null || textIn(root, path) === before) return plan;
  const said = `left as it is: it was changed meanwhile; what was merged is in ${newOf(path)}`;
  return { ...plan, text: null, said, beside: { path: newOf(path), text } };
}

type Next = Asking & { version: string; aside: string };

/** Of the files that are here. Throws `BAD_OPTION` where an earlier conflict is not settled, before anything is written. */
async function plansFor(written: readonly NewFile[], { version, aside, ...asking }: Next): Promise<Plan[]> {
  const { root } = asking;
  const here = await writtenHere(root);
  const plans: Plan[] = [];
  for (const { path, text } of written) {
    const before = textIn(root, path);
    if (before === null) continue;
    const by = markedBy(before);
    const stays = { path, before, text: null, beside: null };
    if (by === null) plans.push({ ...stays, said: `left as it is: it has no mark of ${PACKAGE}` });
    else if (before === text) plans.push({ ...stays, said: 'up to date' });
    else {
      const base = await baseOf(path, { ...asking, by, here, aside });
      const both = merged(aside, { ours: before, base, theirs: text });
      if (both !== null) {
        plans.push({ ...stays, text: both, said: both === text ? `updated to ${version}` : `merged with ${version}` });
        continue;
      }
      if (isThere(root, newOf(path)))
        throw new PipelineError(
          'BAD_OPTION',
          `${newOf(path)} is left from an earlier update`,
          `move what is needed of it to ${path}, and remove it: rm ${quoted(newOf(path))}`,
        );
      plans.push({
        ...{ ...stays, said: `left as it is: it conflicts with ${version}, which is in ${newOf(path)}` },
        beside: { path: newOf(path), text },
      });
    }
  }
  return plans;
}

type Base = Asking & { by: string; here: readonly NewFile[]; aside: string };

/** What the version of a file's mark wrote; nothing, where it is not available: then all is a conflict. */
async function baseOf(path: string, { by, here, aside, ...asking }: Base): Promise<string> {
  const textOf = (files: readonly NewFile[] | null) => files?.find((file) => file.path === path)?.text ?? '';
  if (by === VERSION) return textOf(here);
  if (!/^\d+\.\d+\.\d+[\w.-]*$/.test(by)) return '';
  try {
    return textOf(await writtenBy(await unpack(by, join(aside, by), asking), asking));
  } catch (error) {
    if (isNotFound(error)) return '';
    throw error;
  }
}

/** Puts manifest and lock file back where the manager fails half-way. */
async function move(manager: Manager, words: readonly [string, ...string[]], { root, signal }: Asking): Promise<void> {
  const [program, ...args] = words;
  const kept = [MANIFEST, LOCK_FILES[manager.name]].map((path) => [path, textIn(root, path)] as const);
  try {
    await promisify(execFile)(program, args, { cwd: root, signal });
  } catch (error) {
    for (const [path, text] of kept)
      if (text === null) rmSync(join(root, path), { force: true });
      else writeFileSync(join(root, path), text);
    signal.throwIfAborted();
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    const said = `${stderr}\n${stdout}`.split('\n').find((line) => /err/i.test(line)) ?? reasonOf(error);
    throw new PipelineError(
      'BAD_MANIFEST',
      isMissing ? `${program} is not installed, and installs this repository` : `${program} failed: ${said.trim()}`,
      isMissing
        ? program === 'bun'
          ? 'npm install --global bun'
          : `corepack enable ${program}`
        : `see all of it: ${words.map(quoted).join(' ')}`,
      { cause: error },
    );
  }
}
