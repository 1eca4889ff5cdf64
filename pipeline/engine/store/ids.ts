// How the owners of files in a step are those of files on disk.

/** Whether a step has one id only, its root, who is the user: what other owners and users there are, the kernel could not tell apart. */
export const hasOneId = Boolean(process.env.DRYDOCK_ONE_ID);

/** Whom a file on disk belongs to. As root, ids are shifted to where they are nobody's on the host. */
export const ownerOnDisk = (id: number, shift: number): number => (hasOneId ? 0 : id + shift);
