// The services that a container is bound to: kept running while it runs, and the end of it when one of them ends.
import { EngineError, ExecError } from '../errors.ts';
import type { Hold } from '../run/services.ts';
import type { Session } from '../session.ts';
import type { Binding } from '../values.ts';
import type { Hosts } from './step.ts';

export interface Bound {
  readonly hosts: Hosts;
  /** Aborted when one of the services ends. */
  readonly signal: AbortSignal;
  /** Fails when one of the services has ended. */
  readonly throwIfEnded: () => void;
  readonly release: () => void;
}

const nameOf = async ({ alias, service }: Binding) => `${await service.recipe.hostname()} (aliased as ${alias})`;

/** The same fault, said of the binding that it kept from starting. */
function prefixed(what: string, error: unknown): unknown {
  if (error instanceof ExecError) return new ExecError(error.failure, `${what}: ${error.message}`);
  // What is the disk's fault, or the machine's, keeps its kind and its words.
  if (!(error instanceof EngineError) || error.constructor !== EngineError) return error;
  return new EngineError(`${what}: ${error.message}`, undefined, { cause: error });
}

/** Starts what does not run yet; resolves when all of it is ready. */
export async function holdBindings(session: Session, bindings: readonly Binding[]): Promise<Bound> {
  const ended = new AbortController();
  let isReleased = false;
  const attempts = await Promise.allSettled(
    bindings.map(({ service: { recipe } }) => recipe.key().then((key) => session.services.hold(key, recipe.launch))),
  );
  const holds = attempts.filter((attempt) => attempt.status === 'fulfilled').map(({ value }) => value);
  const release = () => {
    isReleased = true;
    for (const hold of holds) hold.release();
  };
  for (const [index, attempt] of attempts.entries()) {
    if (attempt.status === 'fulfilled') continue;
    release();
    throw prefixed(`start ${await nameOf(bindings[index] as Binding)}`, attempt.reason);
  }
  for (const [index, hold] of holds.entries()) {
    hold.instance.ended.then(async ({ reason }) => {
      const name = await nameOf(bindings[index] as Binding);
      if (!isReleased) ended.abort(new EngineError(`bound service ${name} exited: ${reason}`));
    });
  }
  return {
    hosts: bindings.map(({ alias }, index) => [(holds[index] as Hold).instance.address, alias]),
    signal: ended.signal,
    throwIfEnded: () => ended.signal.throwIfAborted(),
    release,
  };
}
