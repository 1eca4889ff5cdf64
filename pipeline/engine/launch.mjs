// Starts the engine from one file that is bundled when a source changed: loading many modules would cost more than the rest of a start.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const KEEP_MS = 7 * 24 * 60 * 60 * 1000;

const engine = dirname(fileURLToPath(import.meta.url));
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'drydock', 'engine');
const bundle = join(cache, `${stamp([engine, join(engine, '../src/oci')])}.mjs`);
if (!existsSync(bundle)) await build();
await import(pathToFileURL(bundle).href);

/** Changes whenever a source does, and only then: a hash of names and contents, the same in every copy of the repository. */
function stamp(folders) {
  const hash = createHash('sha256').update(process.version);
  for (const folder of folders) {
    for (const name of readdirSync(folder, { recursive: true }).sort()) {
      if (/\.(ts|json)$/.test(name)) hash.update(`${name}\n`).update(readFileSync(join(folder, name)));
    }
  }
  return hash.digest('hex').slice(0, 24);
}

async function build() {
  const { build } = await import('esbuild');
  mkdirSync(cache, { recursive: true });
  const aside = `${bundle}.${process.pid}`;
  await build({
    entryPoints: [join(engine, 'main.ts')],
    outfile: aside,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    minifySyntax: true,
    sourcemap: 'inline',
    sourcesContent: false,
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'error',
  });
  renameSync(aside, bundle);
  for (const name of readdirSync(cache)) removeIfOld(join(cache, name));
}

/** Bundles of other versions stay a while: another checkout may be about to start one. */
function removeIfOld(file) {
  const isOld = Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > KEEP_MS;
  if (isOld) rmSync(file, { force: true });
}
