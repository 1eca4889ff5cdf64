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
