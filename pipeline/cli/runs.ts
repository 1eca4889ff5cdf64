// Lists the last runs of an output folder, and opens a report of them.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { COMMAND, quoted } from '../src/command.ts';
import { PipelineError } from '../src/core/errors.ts';
import { asLines, safeJson } from '../src/core/safe-text.ts';
import type { OpenInvocation, RunsInvocation } from './arguments.ts';
import { type KeptRun, keptRuns } from './kept-runs.ts';
import { fileLink, type Terminal } from './terminal.ts';

export function listRuns({ output, json }: RunsInvocation, { out }: Terminal): number {
  const runs = keptRuns(output);
  if (json) out.control(safeJson(runs));
  else if (runs.length === 0) throw noRun(output);
  else
    out.write(
      asLines([...runs.map(phraseRun), `open a report: ${COMMAND} open ${runs.length > 1 ? 2 : 1}${inFolder(output)}`]),
    );
  return 0;
}

function phraseRun(run: KeptRun, index: number): string {
  const [day = '', time = ''] = run.startedAt.split('T');
  return `${String(index + 1).padStart(2)}  ${day} ${time.slice(0, 8)} UTC  ${run.function.padEnd(8)} ${run.verdict}`;
}

/** Shows the report in a browser where there is a display, and says where it is. */
export function openReport({ output, run }: OpenInvocation, { out }: Terminal, env = process.env): number {
  const report = join(run === null ? resolve(output) : resolve(chosen(output, run).folder), 'report.html');
  if (!existsSync(report)) throw noRun(output);
  if (out.isTerminal) out.control(`${fileLink(report, report)}\n`);
  else out.write(asLines([report]));
  const opener = openerOf(process.platform, env);
  if (opener !== null) show(opener, report, env);
  return 0;
}

function chosen(output: string, run: number): KeptRun {
  const runs = keptRuns(output);
  const found = runs[run - 1];
  if (found !== undefined) return found;
  if (runs.length === 0) throw noRun(output);
  throw new PipelineError(
    'BAD_OPTION',
    `${output} holds ${runs.length} runs, and not run ${run}`,
    `${COMMAND} runs${inFolder(output)}`,
  );
}

const inFolder = (output: string) => (output === 'out' ? '' : ` --output ${quoted(output)}`);

/** The program that opens a file as a person's desktop does; null where there is no display. */
function openerOf(platform: NodeJS.Platform, env: NodeJS.ProcessEnv): string | null {
  if (platform === 'darwin') return 'open';
  return env.DISPLAY || env.WAYLAND_DISPLAY ? 'xdg-open' : null;
}

/** It outlives us. That it is not there, or does not know how, is no fault: the path has been printed. */
function show(program: string, file: string, env: NodeJS.ProcessEnv): void {
  const child = spawn(program, [file], { detached: true, stdio: 'ignore', env });
  child.on('error', () => {});
  child.unref();
}

const noRun = (output: string) =>
  new PipelineError(
    'BAD_OPTION',
    `${output} holds no report of a run`,
    `run one: ${COMMAND} --output ${quoted(output)}`,
  );
