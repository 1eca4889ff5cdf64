// Starts the engine from one file that is bundled when a source changed, and from what V8 made of it in a session before: to load many
// modules, and to compile them each time, would cost more than the rest of a start.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';

const KEEP_MS = 7 * 24 * 60 * 60 * 1000;
const DIGEST_BYTES = 32;

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
  `${stamp([...sources, join(pipeline, 'src/suggest.ts'), join(pipeline, 'package.json')])}.cjs`,
);
if (!existsSync(bundle)) await build().catch(refuse);
run();

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
  const { outputFiles } = await build({
    write: false,
    entryPoints: [join(engine, 'main.ts')],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    minifySyntax: true,
    logLevel: 'error',
  });
  // Flushed before it gets its name: after a power cut an empty bundle would be taken for the engine.
  replaceFile(bundle, outputFiles[0].contents, { flush: true });
  // Not what was just made: between the two the clock may have jumped.
  const others = readdirSync(cache)
    .map((name) => join(cache, name))
    .filter((file) => file !== bundle);
  for (const file of others) removeIfOld(file);
}

/** Runs the bundle. Compiled code is kept at the end of a session, when it holds the functions that a session uses. */
function run() {
  const kept = `${bundle}.code`;
  const parameters = ['require', 'module', 'exports'];
  const source = `(function (${parameters}) {${readFileSync(bundle, 'utf8')}\n})`;
  const cachedData = readChecked(kept);
  const script = new Script(source, { filename: bundle, ...(cachedData === undefined ? {} : { cachedData }) });
  if (process.argv[2] === 'session' && (cachedData === undefined || script.cachedDataRejected))
    process.on('exit', () => keepChecked(kept, script.createCachedData()));
  const module = { exports: {} };
  script.runInThisContext()(createRequire(bundle), module, module.exports);
}

function digestOf(data) {
  return createHash('sha256').update(data).digest();
}

/** V8 trusts what it is given, so it gets only what is whole. */
function readChecked(file) {
  const bytes = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
  const data = bytes.subarray(DIGEST_BYTES);
  return digestOf(data).equals(bytes.subarray(0, DIGEST_BYTES)) ? data : undefined;
}

function keepChecked(file, data) {
  if (!existsSync(bundle)) return; // the cache was emptied meanwhile
  try {
    replaceFile(file, Buffer.concat([digestOf(data), data]));
  } catch {
    // a disk without room: it will be compiled again
  }
}

function replaceFile(file, data, options) {
  const aside = `${file}.${process.pid}`;
  try {
    writeFileSync(aside, data, options);
    renameSync(aside, file);
  } finally {
    rmSync(aside, { force: true });
  }
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
