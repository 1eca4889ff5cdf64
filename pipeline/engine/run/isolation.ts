// Whether steps have namespaces of their own. bin/embedded-engine tries it; a container without privileges refuses.

/** What the kernel said when it refused; undefined where steps are isolated from each other. */
export const REFUSED: string | undefined = process.env.DRYDOCK_NAMESPACES_REFUSED || undefined;
