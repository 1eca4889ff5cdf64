// Backing services as services of the engine: each starts with the first command that is bound to it, and nothing of it is kept.
import type { Container, Service } from '@dagger.io/dagger';
import type { Backing, BackingService } from '../core/backing.ts';
import { isShared } from '../core/isolation.ts';
import type { StandIn } from '../core/model.ts';
import type { RunContext } from './context.ts';
import { notToBeHad } from './engine.ts';

export type Backed = {
  services: { need: BackingService; service: Service }[];
  /** Why one of them cannot be had here; null where all can. */
  missing: string | null;
  standIns: StandIn[];
};

/** Says whose a service is: what two packages need is not one and the same. */
const OWNER = 'DRYDOCK_NEEDED_BY';

/** `owner` is who is bound to them, in one session and for one use. Nothing is started yet. */
export async function backedBy(context: RunContext, { needs }: Backing, owner: string): Promise<Backed> {
  const [first] = needs;
  if (first !== undefined && isShared(context.engine))
    return {
      services: [],
      standIns: [],
      missing: `${first.name} cannot run where steps are not isolated from each other`,
    };
  const found = await Promise.all(needs.map((need) => obtain(context, need, owner)));
  return {
    services: found.flatMap(({ service, need }) => (service === null ? [] : [{ need, service }])),
    missing: found.find(({ missing }) => missing !== null)?.missing ?? null,
    standIns: found.flatMap(({ standIns }) => standIns),
  };
}

async function obtain({ images }: RunContext, need: BackingService, owner: string) {
  const { name, image, port, env, command } = need;
  try {
    const { container, standIns } = await images.named(image);
    const told = Object.entries({ ...env, [OWNER]: owner }).reduce(
      (to, [variable, value]) => to.withEnvVariable(variable, value),
      container,
    );
    const exposed = await container.exposedPorts();
    const others = (await Promise.all(exposed.map((each) => each.port()))).filter((other) => other !== port);
    // Not every port that an image declares is listened to, and an engine would wait for all of them.
    const service = others
      .reduce((to, other) => to.withoutExposedPort(other), told.withoutDockerHealthcheck().withExposedPort(port))
      .asService({ useEntrypoint: true, ...(command === null ? {} : { args: command }) });
    return { need, service, standIns, missing: null };
  } catch (error) {
    const why = notToBeHad(error);
    if (why === undefined) throw error;
    return { need, service: null, standIns: [], missing: `${name}: ${why.replace(/@sha256:[0-9a-f]{64}/, '')}` };
  }
}

/** A container whose commands reach them by their names, and are told where. */
export function withBacking(container: Container, { env }: Backing, { services }: Pick<Backed, 'services'>): Container {
  const bound = services.reduce((to, { need, service }) => to.withServiceBinding(need.name, service), container);
  return Object.entries(env).reduce((to, [name, value]) => to.withEnvVariable(name, value), bound);
}

/** Those that run end, so that the next use of the same begins anew. */
export async function stopBacking({ services }: Pick<Backed, 'services'>): Promise<void> {
  await Promise.allSettled(services.map(({ service }) => service.stop({ kill: true })));
}
