// Starts the engine from one file that is bundled when a source changed: loading many modules would cost more than the rest of a start.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const KEEP_MS = 7 * 24 * 60 * 60 * 1000;

const engine = dirname(fileURLToPath(import.meta.url));
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'drydock', 'engine');
const pipeline = dirname(engine);
const sources = [engine, join(pipeline, 'src/oci')].flatMap((folder) =>
  readdirSync(folder, { recursive: true })
    .sort()
    .map((name) => join(folder, name)),
);
const bundle = join(
  cache,
  `${stamp([...sources, join(pipeline, 'src/suggest.ts'), join(pipeline, 'package.json')])}.mjs`,
);
if (!existsSync(bundle)) await build().catch(refuse);
await import(pathToFileURL(bundle).href);

/** Changes whenever a source does, and only then: a hash of names and contents, the same in every copy of the repository. */
function stamp(files) {
  const hash = createHash('sha256').update(process.version);
  for (const file of files)
    if (/\.(ts|json)$/.test(file)) hash.update(`${relative(pipeline, file)}\n`).update(readFileSync(file));
  return hash.digest('hex').slice(0, 24);
}

async function build() {
  const { build } = await import('esbuild');
  mkdirSync(cache, { recursive: true });
  const aside = `${bundle}.${process.pid}`;
  const { outputFiles } = await build({
    write: false,
    entryPoints: [join(engine, 'main.ts')],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    minifySyntax: true,
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'error',
  });
  // Flushed before it gets its name: after a power cut an empty bundle would be taken for the engine.
  try {
    writeFileSync(aside, outputFiles[0].contents, { flush: true });
    renameSync(aside, bundle);
  } finally {
    rmSync(aside, { force: true });
  }
  for (const name of readdirSync(cache)) removeIfOld(join(cache, name));
}

/** Bundles of other versions stay a while: another checkout may be about to start one. */
function removeIfOld(file) {
  // One from the future was made under a clock that was wrong, and would stay for ever.
  const isOld = Math.abs(Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())) > KEEP_MS;
  if (isOld) rmSync(file, { force: true });
}

/** A disk without room is no fault of ours; anything else is. */
function refuse(error) {
  if (error.code !== 'ENOSPC' && error.code !== 'EDQUOT' && error.code !== 'EROFS' && error.code !== 'EACCES')
    throw error;
  const why = error.code === 'ENOSPC' || error.code === 'EDQUOT' ? 'the disk is full' : 'it is not writable';
  process.stderr.write(
    `error: the engine cannot be kept in ${cache}: ${why}\nhint: make room there, or set XDG_CACHE_HOME to another folder\n`,
  );
  process.exit(3);
}
