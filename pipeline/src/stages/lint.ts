// Lint: formatter and linter over everything, and the type check of every package, side by side.
import type { Container } from '@dagger.io/dagger';
import { SOURCE } from '../core/ignore.ts';
import type { StageResult } from '../core/model.ts';
import { SERVICE } from '../core/service.ts';
import type { RunContext } from './context.ts';
import { SERVICE_SOURCE } from './install.ts';
import { pipelineSource } from './source.ts';
import { runStep } from './step.ts';
import { timedStage } from './timed.ts';

export async function lint(context: RunContext, tools: Container, service: Container): Promise<StageResult> {
  const everything = tools.withDirectory(SOURCE, context.source);
  const serviceSource = service.withDirectory(SERVICE_SOURCE, context.source.directory(SERVICE.folder));
  const bin = `${SOURCE}/node_modules/.bin`;
  return await timedStage(context, 'lint', async () => {
    const steps = await Promise.all([
      runStep(context, {
        stage: 'lint',
        step: 'biome',
        container: everything,
        args: [`${bin}/biome`, 'ci', '--colors=off', '.'],
        shown: 'npx biome ci .',
      }),
      runStep(context, {
        stage: 'lint',
        step: 'types-pipeline',
        container: tools.withDirectory(SOURCE, pipelineSource(context.source)),
        args: [`${bin}/tsc`, '--noEmit', '-p', '.'],
        shown: 'npx tsc --noEmit -p .',
      }),
      runStep(context, {
        stage: 'lint',
        step: 'types-service',
        container: serviceSource,
        args: ['npm', 'run', '--silent', 'types'],
        shown: `npm run types --prefix ${SERVICE.folder}`,
      }),
    ]);
    return { steps: steps.map(({ result }) => result) };
  });
}
