// Where the commands of a service run that is no npm package: in an image of its own, or in a stage of its Dockerfile.
import { type Container, dag } from '@dagger.io/dagger';
import { quoted } from '../command.ts';
import type { StageName, StandIn, StepResult } from '../core/model.ts';
import type { Checks, ServicePackage } from '../core/package.ts';
import { SERVICE } from '../core/service.ts';
import type { PackageContext } from './context.ts';
import { buildStep } from './dockerfile.ts';
import { folderOf } from './install.ts';
import { stepFolder } from './step.ts';

export type OwnImage = {
  /** Null where its Dockerfile could not be built. */
  container: Container | null;
  /** As whom its commands run; empty for root. */
  user: string;
  steps: StepResult[];
  /** Where only a substitute of the image could be had. */
  standIns: StandIn[];
};

/** The image that a service names for its commands. */
export const checkImages = ({ checks }: ServicePackage): string[] =>
  checks !== null && 'image' in checks ? [checks.image] : [];

/** Of a service that is no npm package, and has such commands; null of all others. */
export async function ownImageFor(
  context: PackageContext,
  stage: StageName,
  commands: readonly (string | null)[],
): Promise<OwnImage | null> {
  const { checks } = context.subject.service;
  return checks === null || commands.every((command) => command === null)
    ? null
    : await ownImage(context, stage, checks);
}

/** An image with the service's folder where it stands when it ships; of a stage, what the Dockerfile put there. */
export async function ownImage(context: PackageContext, stage: StageName, checks: Checks): Promise<OwnImage> {
  const { service } = context.subject;
  const { container, ...how } = await found(context, stage, checks);
  if (container === null) return { container, ...how, user: '' };
  const user = await container.user();
  const folder = folderOf(context, service.path);
  const { ignore } = service;
  const source = ignore.length === 0 ? folder : folder.filter({ exclude: ignore });
  const placed =
    'target' in checks
      ? container
      : container.withDirectory(SERVICE.target, source, ownedBy(user)).withWorkdir(SERVICE.target);
  return { container: placed.withEnvVariable('CI', 'true').withEnvVariable('NO_COLOR', '1'), user, ...how };
}

async function found(context: PackageContext, stage: StageName, checks: Checks): Promise<Omit<OwnImage, 'user'>> {
  if ('image' in checks) return { ...(await context.images.named(checks.image)), steps: [] };
  const { service } = context.subject;
  const { step, container } = await buildStep(context, { stage, service, target: checks.target });
  return { container, steps: [step], standIns: [] };
}

const ownedBy = (user: string) => (user === '' ? {} : { owner: user });

type Asked = { container: Container; args: string[]; shown: string };

/** A command of a shell, with a folder that its user may write what it leaves to; null where there is no image. */
export function commandIn(
  { container, user }: OwnImage,
  { path }: Pick<ServicePackage, 'path'>,
  { step, command }: { step: string; command: string },
): Asked | null {
  if (container === null) return null;
  return {
    container: withFolder(container, stepFolder(step), user),
    args: ['sh', '-c', command],
    shown: path === '' ? command : `(cd ${quoted(path)} && ${command})`,
  };
}

export const withFolder = (container: Container, path: string, user: string): Container =>
  container.withDirectory(path, dag.directory(), ownedBy(user));
