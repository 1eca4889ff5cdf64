// Lint: each package's own lint rules and type check, side by side.
import { formatCommand, isUnformatted } from '../core/format-fix.ts';
import type { StageResult, StandIn } from '../core/model.ts';
import { fileOf, type Package } from '../core/package.ts';
import { allPackages } from '../core/subject.ts';
import type { PackageContext } from './context.ts';
import { contentsIfAny } from './engine.ts';
import { commandIn, ownImageFor } from './own-image.ts';
import { commandOf, type Installed, NOTHING_TO_RUN, withSource } from './package.ts';
import { type Ran, runStep } from './step.ts';
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
        return asked === null ? [] : [{ of, ...(await runStep(context, { stage: 'lint', step, ...asked })) }];
      }),
    );
    const checked = ran.flat();
    const steps = [...(own?.steps ?? []), ...checked.map(({ result }) => result)];
    const details = (await Promise.all(checked.map(async (check) => await fixesOf(context, check)))).flat();
    return steps.length > 0 ? { steps, details } : { steps, remark: NOTHING_TO_RUN };
  });
  return { stage, standIns };
}

/** What a person runs to have the files formatted, where that is what failed. */
async function fixesOf(context: PackageContext, { of, result, log }: Ran & { of: Package }): Promise<string[]> {
  if (result.exitCode === 0 || !isUnformatted(log)) return [];
  const command = formatCommand(of.path, await contentsIfAny(context.source, fileOf(of, 'package.json')));
  return command === null ? [] : [`fix: ${command}`];
}
