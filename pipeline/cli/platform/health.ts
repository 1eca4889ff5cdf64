// Waits until services are healthy by Docker's own checks, and says of one that is not what it said last.
import { setTimeout as wait } from 'node:timers/promises';
import type { SmokeRow } from '../../src/core/model.ts';
import type { ConfiguredService, Inspected, Project } from './project.ts';

const POLL_MS = 250;

type Verdict = { is: 'waiting' } | { is: 'healthy'; seconds: number } | { is: 'bad'; why: string };

/** What a container's state means for whoever waits for it. */
export function judge(container: Inspected | undefined): Verdict {
  if (container === undefined || container.State.Status === 'created')
    return { is: 'bad', why: 'it was not started, since a service that it waits for is not healthy' };
  const { Status, ExitCode, Health, StartedAt } = container.State;
  if (Status === 'exited' || Status === 'dead') return { is: 'bad', why: `it ended with exit code ${ExitCode}` };
  // With a restart policy, what fails at its start begins again and again.
  if (container.RestartCount > 2) return { is: 'bad', why: `it ended ${container.RestartCount} times` };
  if (Status === 'restarting') return { is: 'waiting' };
  if (Health === undefined) return { is: 'healthy', seconds: 0 };
  if (Health.Status === 'unhealthy') return { is: 'bad', why: 'its check failed' };
  if (Health.Status !== 'healthy') return { is: 'waiting' };
  const first = (Health.Log ?? []).find(({ ExitCode: code }) => code === 0);
  const seconds = first === undefined ? 0 : (Date.parse(first.End) - Date.parse(StartedAt)) / 1000;
  return { is: 'healthy', seconds: Math.max(0, Math.round(seconds * 1000) / 1000) };
}

/** A row for a service, once it is healthy or will not be. Ends: Docker calls what takes too long unhealthy. */
export async function healthOf(project: Project, service: string): Promise<SmokeRow> {
  const row = { name: `${service} is healthy`, seconds: 0 };
  for (;;) {
    const container = (await project.containers()).get(service);
    const verdict = judge(container);
    if (verdict.is === 'healthy')
      return { ...row, status: 'passed', seconds: verdict.seconds, detail: 'its own check says so' };
    if (verdict.is === 'bad')
      return {
        ...row,
        status: 'failed',
        detail: [verdict.why, ...(await lastWords(project, container))].join('\n'),
      };
    await wait(POLL_MS);
  }
}

/** True once a service that was started will not be healthy; false when nobody waits for it any more. */
export async function firstBad(project: Project, names: readonly string[], signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    const containers = await project.containers();
    const started = names
      .flatMap((name) => containers.get(name) ?? [])
      .filter(({ State }) => State.Status !== 'created');
    if (started.some((container) => judge(container).is === 'bad')) return true;
    await wait(POLL_MS);
  }
  return false;
}

async function lastWords(project: Project, container: Inspected | undefined): Promise<string[]> {
  if (container === undefined) return [];
  const check = container.State.Health?.Log?.at(-1)?.Output ?? '';
  const log = await project.logs(container, '--tail', '5');
  return [...lines(check).slice(-2), ...lines(log).slice(-5)];
}

function lines(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.slice(0, 300));
}

/** Services with all that they depend on, in the order of the file. */
export function withNeeds(services: ReadonlyMap<string, ConfiguredService>, asked: readonly string[]): string[] {
  const needed = new Set<string>();
  const add = (name: string): void => {
    if (needed.has(name)) return;
    needed.add(name);
    for (const other of Object.keys(services.get(name)?.depends_on ?? {})) add(other);
  };
  for (const name of asked) add(name);
  return [...services.keys()].filter((name) => needed.has(name));
}
