// Whether steps have namespaces of their own. bin/embedded-engine tries it; a container without privileges refuses.

export interface Refusal {
  /** What the kernel said. */
  readonly reason: string;
  /** The command that starts a container in which steps are isolated. */
  readonly hint: string;
}

/** Undefined where steps are isolated from each other. */
export const REFUSAL: Refusal | undefined = refusalIn(process.env);

function refusalIn(env: NodeJS.ProcessEnv): Refusal | undefined {
  const { DRYDOCK_NAMESPACES_REFUSED: reason, DRYDOCK_CONTAINER_RIGHTS: hint = '' } = env;
  return reason ? { reason, hint } : undefined;
}

/** Capabilities that the engine has not to give, where it does without namespaces. */
export const LACKING: ReadonlySet<string> = new Set(process.env.DRYDOCK_CAPABILITIES_LACKING?.split(', '));
