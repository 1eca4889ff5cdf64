// How these programs are called, for hints that can be pasted: in this repository, or from the package that npm installs elsewhere.

/** Set where the package is built (bin/build.mjs). */
declare const PACKAGED: true | undefined;
const isPackaged = typeof PACKAGED !== 'undefined';

/** `<function>` after it runs just that. */
export const COMMAND = isPackaged ? 'npx drydock' : 'npx tsx pipeline/ci.ts';
export const ENGINE_COMMAND = isPackaged ? 'npx drydock-engine' : 'pipeline/engine/bin/embedded-engine';

/** A path as a shell takes it. */
export const quoted = (path: string): string =>
  /^[\w./@%+=-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
