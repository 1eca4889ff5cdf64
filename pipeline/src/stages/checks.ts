// The tools' own word on the platform's files before anything is started with them: promtool, amtool and nginx, each in its image.
import type { Container, Directory } from '@dagger.io/dagger';
import type { ComposeService } from '../core/compose/model.ts';
import { firstErrors } from '../core/first-errors.ts';
import { logPath, type SmokeRow } from '../core/model.ts';
import { DRILL_ALERT } from '../core/smoke/drill.ts';
import type { RunContext } from './context.ts';
import { withBinds } from './mounts.ts';

/** A service with its image. */
export type Checked = { service: ComposeService; image: Container };

/** Where a service's command says that its configuration is. */
export function configOf({ command }: ComposeService): string | undefined {
  return command?.map((word) => /^--config\.file=(.+)$/.exec(word)?.[1]).find((path) => path !== undefined);
}

export async function checkPrometheus(context: RunContext, { service, image }: Checked): Promise<SmokeRow[]> {
  const config = configOf(service) ?? '';
  const container = await withBinds(image, service, context.source);
  const tests = `${config.replace(/[^/]*$/, '')}tests`;
  return await Promise.all([
    check(context, 'promtool', container, {
      name: 'promtool accepts the rules',
      args: ['/bin/promtool', 'check', 'config', config],
    }),
    check(context, 'promtool-tests', container, {
      name: 'The rules do as their tests say',
      args: ['sh', '-c', `exec /bin/promtool test rules ${tests}/*.yml`],
    }),
  ]);
}

export async function checkAlertmanager(context: RunContext, { service, image }: Checked): Promise<SmokeRow> {
  return await check(context, 'amtool', await withBinds(image, service, context.source), {
    name: 'amtool accepts the configuration',
    args: ['/bin/amtool', 'check-config', configOf(service) ?? ''],
  });
}

/** The template as the image renders it. No name is looked up. */
export async function checkNginx(context: RunContext, { service, image }: Checked): Promise<SmokeRow> {
  const container = Object.entries(service.environment).reduce(
    (with_, [name, value]) => with_.withEnvVariable(name, value),
    await withBinds(image, service, context.source),
  );
  const args = [...(service.entrypoint ?? (await image.entrypoint())), 'nginx', '-t'];
  return await check(context, 'nginx', container, { name: 'nginx accepts its configuration', args });
}

/** Whom Alertmanager would tell of the drill's alert, by its own routes. */
export async function receiversOf(
  source: Directory,
  { service, image }: Checked,
  labels: Readonly<Record<string, string>>,
): Promise<string[]> {
  const words = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  const container = await withBinds(image, service, source);
  const args = ['/bin/amtool', 'config', 'routes', 'test', `--config.file=${configOf(service)}`, ...words];
  const { exitCode, text } = await outputOf(container, args);
  if (exitCode !== 0) throw new Error(`amtool cannot say who is notified of ${DRILL_ALERT}: ${text}`);
  // Above it amtool may warn.
  return lastLine(text).split(',');
}

async function check(
  context: RunContext,
  step: string,
  container: Container,
  { name, args }: { name: string; args: readonly string[] },
): Promise<SmokeRow> {
  const from = performance.now();
  // Asked anew on each run: a refusal that the engine remembers may have been chance's.
  const asked = container.withEnvVariable('DRYDOCK_ASKED_AT', String(context.startedMs));
  const { exitCode, text } = await outputOf(asked, args);
  const seconds = Math.round(performance.now() - from) / 1000;
  context.logs.set(logPath('smoke', `check-${step}`), text);
  if (exitCode === 0) return { name, status: 'passed', seconds, detail: lastLine(text) };
  return { name, status: 'failed', seconds, detail: [`exit ${exitCode}`, ...firstErrors(text)].join('\n') };
}

/** Output and exit code by way of a shell that itself ends well: an engine's error would be cut short. */
async function outputOf(container: Container, args: readonly string[]): Promise<{ exitCode: number; text: string }> {
  const script = '"$@" 2>&1; echo "drydock-exit $?"';
  const output = await container.withExec(['sh', '-c', script, 'check', ...args]).stdout();
  const [whole = '', code] = /\n?drydock-exit (\d+)\n$/.exec(output) ?? [];
  return { exitCode: Number(code ?? 1), text: output.slice(0, output.length - whole.length) };
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim().slice(0, 200) ?? '';
}
