// Lint: each package's own lint rules and type check, side by side.
import type { StageResult, StandIn } from '../core/model.ts';
import type { Package } from '../core/package.ts';
import { allPackages } from '../core/subject.ts';
import type { PackageContext } from './context.ts';
import { commandIn, ownImageFor } from './own-image.ts';
import { commandOf, type Installed, NOTHING_TO_RUN, withSource } from './package.ts';
import { runStep } from './step.ts';
import { timedStage } from './timed.ts';

export type Linted = { stage: StageResult; standIns: StandIn[] };

export async function lint(context: PackageContext, installed: Installed): Promise<Linted> {
  const standIns: StandIn[] = [];
  const usual = (of: Package, command: string) => commandOf(withSource(context, installed(of), of), of, command);
  const checks = allPackages(context.subject).flatMap((of) => [
    { of, step: of.name, command: of.lint },
    { of, step: `types-${of.name}`, command: of.types },
  ]);
  const stage = await timedStage(context, 'lint', async () => {
    const { service } = context.subject;
    const own = await ownImageFor(context, 'lint', [service.lint, service.types]);
    standIns.push(...(own?.standIns ?? []));
    const ran = await Promise.all(
      checks.map(async ({ of, step, command }) => {
        if (command === null) return [];
        const asked = of === service && own !== null ? commandIn(own, service, { step, command }) : usual(of, command);
        return asked === null ? [] : [(await runStep(context, { stage: 'lint', step, ...asked })).result];
      }),
    );
    const steps = [...(own?.steps ?? []), ...ran.flat()];
    return steps.length > 0 ? { steps } : { steps, remark: NOTHING_TO_RUN };
  });
  return { stage, standIns };
}
