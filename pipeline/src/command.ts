// How these programs are called, for hints that can be pasted: in this repository, or from the package that npm installs elsewhere.

/** Set where the package is built (bin/build.mjs). */
declare const PACKAGED: true | undefined;
const isPackaged = typeof PACKAGED !== 'undefined';
/** Dagger starts a module by this file. What it reports is read where only the package can be had; in this repository that name works as well. */
const isModule = /__dagger\.entrypoint\.[cm]?[jt]s$/.test(process.argv[1] ?? '');

/** `<function>` after it runs just that. */
export const COMMAND = isPackaged || isModule ? 'npx drydock' : 'npx tsx pipeline/ci.ts';
export const ENGINE_COMMAND = isPackaged || isModule ? 'npx drydock-engine' : 'pipeline/engine/bin/embedded-engine';

/** A path as a shell takes it. */
export const quoted = (path: string): string =>
  /^[\w./@%+=-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
