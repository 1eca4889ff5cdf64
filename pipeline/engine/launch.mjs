// Starts the engine from one file that is bundled when a source changed: loading many modules would cost more than the rest of a start.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const engine = dirname(fileURLToPath(import.meta.url));
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'drydock', 'engine');
const bundle = join(cache, `${stamp([engine, join(engine, '../src/oci')])}.mjs`);
if (!existsSync(bundle)) await build();
await import(pathToFileURL(bundle).href);

/** Changes whenever a source does: a hash of names, sizes and times. */
function stamp(folders) {
  const hash = createHash('sha256').update(process.version);
  for (const folder of folders) {
    for (const name of readdirSync(folder, { recursive: true }).sort()) {
      if (!/\.(ts|json)$/.test(name)) continue;
      const { size, mtimeMs } = statSync(join(folder, name));
      hash.update(`${join(folder, name)} ${size} ${mtimeMs}\n`);
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
  for (const old of readdirSync(cache)) if (old.endsWith('.mjs')) rmSync(join(cache, old), { force: true });
  renameSync(aside, bundle);
}
