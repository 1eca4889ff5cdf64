// What Node needs to run the TypeScript of this repository in a process of its own: nothing from 24 on, which is how steps run it.
const major = Number(process.versions.node.split('.')[0]);

/** Words before the name of the program. */
export const TYPESCRIPT = major < 24 ? ['--import', import.meta.resolve('tsx')] : [];
