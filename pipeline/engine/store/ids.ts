// How the owners of files in a step are those of files on disk.

/** Whether a step has one id only, its root, who is the user: what other owners and users there are, the kernel could not tell apart. */
export const hasOneId = Boolean(process.env.DRYDOCK_ONE_ID);

/** How many ids a step has. */
export const ID_COUNT = 65_536;
/** As whom the kernel shows an owner that a step does not have. */
const NOBODY = 65_534;

/** Whom a file on disk belongs to. As root, ids are shifted to where they are nobody's on the host; a stranger's layer may name any, even one below 0. */
export function ownerOnDisk(id: number, shift: number): number {
  if (hasOneId) return 0;
  return shift + (Number.isInteger(id) && id >= 0 && id < ID_COUNT ? id : NOBODY);
}
