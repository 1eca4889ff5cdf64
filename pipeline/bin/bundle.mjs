// Loads a program of this package from one file, and from what V8 made of it in a run before: to find hundreds of modules, and to compile
// them each time, would cost more than the rest of most runs. In a checkout it is bundled when a source changed; the package that npm
// installs brings it along (build.mjs).
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire, SourceMap } from 'node:module';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Script } from 'node:vm';
import { refusePackages } from './needs.mjs'; // runs before all that is here, which an old Node cannot

// Set to nothing it would be a folder without a name.
if (process.env.HOME === '') delete process.env.HOME;
// A container may run as a number that nobody has, and without HOME: then home is where Docker has it.
try {
  homedir();
} catch {
  process.env.HOME = '/';
}

const require = createRequire(import.meta.url);
const pipeline = dirname(dirname(fileURLToPath(import.meta.url)));
// "If an implementation encounters a relative path … it should consider the path invalid and ignore it" (XDG Base Directory Specification).
if (!isAbsolute(process.env.XDG_CACHE_HOME ?? '')) delete process.env.XDG_CACHE_HOME;
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'drydock', 'bundles');

const SDK = '@dagger.io/dagger';
const PROGRAMS = {
  engine: { entry: 'engine/main.ts', sources: ['engine', 'src', 'package.json'] },
  cli: { entry: 'cli/main.ts', sources: ['cli', 'src'], external: [SDK] },
  // Of the SDK what a client needs. What makes modules of it is left out: it would bring TypeScript's compiler along.
  sdk: { entry: SDK, sources: [], exports: { connection: 'connect.js', dag: 'api/client.gen.js' } },
};

/** Where the package has what was bundled when it was made. */
export const builtFile = (name) => join(pipeline, 'dist', `${name}.cjs`);
export const NAMES = Object.keys(PROGRAMS);

const KEEP_MS = 7 * 24 * 60 * 60 * 1000;
/** A file that changed so shortly before it was looked at may change again without a new time. */
const RACY_MS = 2000;

/** The scripts that run, and where their compiled code is kept unless it was read from there. */
const running = new Map();

/** The exports of a program of this package; of the engine, it starts when it is loaded. */
export function load(name) {
  const there = running.get(name);
  if (there !== undefined) return there.module.exports;
  const { entryFile, source, file, text, map } = readBuilt(name) ?? bundleOf(name);
  const parameters = ['require', 'module', 'exports', '__dirname', 'entryUrl'];
  const cachedData = readChecked(`${file}.code`);
  const script = new Script(`(function (${parameters}) {${text}\n})`, { filename: file, cachedData });
  const module = { exports: {} };
  running.set(name, {
    source,
    file,
    map,
    module,
    script,
    isCompiled: cachedData !== undefined && !script.cachedDataRejected,
  });
  const requireFrom = createRequire(entryFile);
  const requireIn = (id) => (id === SDK ? load('sdk') : requireFrom(id));
  script.runInThisContext()(requireIn, module, module.exports, dirname(entryFile), pathToFileURL(entryFile).href);
  return module.exports;
}

/** Keeps what V8 made of all that runs. For the end of a run that used the most of `name`: compiled are the functions that were called. */
export function keepCompiled(name) {
  if (!running.has(name)) return;
  // Where the bundle is not, it could not be kept, or the cache was emptied meanwhile.
  for (const { source, file, script, isCompiled } of running.values())
    if (!isCompiled && existsSync(source)) keepChecked(`${file}.code`, script.createCachedData());
}

const entryOf = (name) => {
  const { entry } = PROGRAMS[name];
  return entry === SDK ? require.resolve(SDK) : join(pipeline, entry);
};

/** As the package brings it. Kept beside others is only what V8 makes of it, under the hash of what it was made from. */
function readBuilt(name) {
  const built = builtFile(name);
  if (!existsSync(built)) return undefined;
  const text = readFileSync(built, 'utf8');
  const key = createHash('sha256').update(process.version).update(text).digest('hex').slice(0, 24);
  const map = () => (existsSync(`${built}.map`) ? readFileSync(`${built}.map`, 'utf8') : undefined);
  const { entry } = PROGRAMS[name];
  const entryFile = entry === SDK ? built : join(pipeline, entry);
  return { entryFile, source: built, file: join(cache, `${name}-${key}.cjs`), text, map };
}

function bundleOf(name) {
  const { sources } = PROGRAMS[name];
  const entryFile = entryOf(name);
  const file = join(cache, `${name}-${keyOf(name, sources)}.cjs`);
  return { entryFile, source: file, file, ...(readBundle(file) ?? keepBundle(name, entryFile, file)) };
}

// ------------------------------------------------------------------------------------------------- what it is made of

/** Changes whenever a source does, and only then: a hash of names and contents, the same in every copy of the repository. */
function keyOf(name, sources) {
  const files = [
    ['bundle', fileURLToPath(import.meta.url)],
    // npm writes it when it changes a package.
    ['packages', join(require.resolve(SDK).split(SDK)[0], '.package-lock.json')],
    ...sources.flatMap(filesOf).map((file) => [relative(pipeline, file), file]),
  ];
  const now = Date.now();
  let youngest = 0;
  const state = createHash('sha256').update(process.version);
  for (const [, file] of files) {
    const { size, ino, mtimeMs, ctimeMs } = statSync(file, { throwIfNoEntry: false }) ?? { ctimeMs: 0 };
    youngest = Math.max(youngest, ctimeMs);
    state.update(`${file} ${size} ${ino} ${mtimeMs} ${ctimeMs}\n`);
  }
  const digest = state.digest('hex');
  // As long as nothing of that changes, no source has to be read.
  const stateFile = join(cache, `${name}-${createHash('sha256').update(pipeline).digest('hex').slice(0, 16)}.state`);
  const [known, knownKey] = readChecked(stateFile)?.toString().split(' ') ?? [];
  if (known === digest) return knownKey;
  const hash = createHash('sha256').update(process.version);
  for (const [label, file] of files) hash.update(`${label}\n`).update(contentOf(file));
  const key = hash.digest('hex').slice(0, 24);
  if (now - youngest > RACY_MS) keepChecked(stateFile, Buffer.from(`${digest} ${key}`));
  return key;
}

function filesOf(path) {
  const place = join(pipeline, path);
  if (/\.\w+$/.test(path)) return [place];
  return readdirSync(place, { recursive: true })
    .filter((name) => /\.(ts|json)$/.test(name))
    .sort()
    .map((name) => join(place, name));
}

function contentOf(file) {
  try {
    return readFileSync(file);
  } catch {
    return ''; // packages that something else than npm has installed
  }
}

/** Where a package was left out, esbuild's own for this processor among them, it says so in a sentence. */
function bundled(options) {
  try {
    return require('esbuild').buildSync(options);
  } catch (error) {
    if (/Could not resolve|could not be found|Cannot find module/.test(error.message)) refusePackages();
    throw error;
  }
}

function keepBundle(name, entryFile, file) {
  // The first thing that a person would wait for; what it makes way for, the program itself says.
  const isWatched = name === 'cli' && process.stderr.isTTY;
  if (isWatched) process.stderr.write('preparing drydock, once after its sources changed …');
  const { code, map } = bundle(name, entryFile);
  if (isWatched) process.stderr.write('\r\u001b[K');
  if (map !== undefined) keepChecked(`${file}.map`, map.contents);
  keepChecked(file, code.contents);
  removeOldExcept(file);
  return { text: code.text, map: () => map?.text };
}

/** All that a program is made of, in one file, and the map that names its sources. */
export function bundle(name, entryFile = entryOf(name), define = {}) {
  const { external = [], exports } = PROGRAMS[name];
  const parts = Object.entries(exports ?? {}).map(
    ([value, part]) => `export { ${value} } from ${JSON.stringify(join(dirname(entryFile), part))};`,
  );
  const { outputFiles } = bundled({
    ...(exports === undefined
      ? { entryPoints: [entryFile], sourcemap: 'external', sourcesContent: false }
      : { stdin: { contents: parts.join(''), resolveDir: pipeline }, minifyWhitespace: true }),
    absWorkingDir: pipeline,
    outfile: join(pipeline, 'bundle.cjs'),
    write: false,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    minifySyntax: true,
    // The Dagger module's, which says that the SDK is elsewhere.
    tsconfigRaw: {},
    define: { 'import.meta.url': 'entryUrl', ...define },
    supported: { 'dynamic-import': false },
    external,
    logLevel: 'error',
  });
  const output = (ending) => outputFiles.find(({ path }) => path.endsWith(ending));
  return { code: output('.cjs'), map: output('.map') };
}

// --------------------------------------------------------------------------------------------------------- what is kept

function readBundle(file) {
  const content = readChecked(file);
  if (content === undefined) return undefined;
  return { text: content.toString(), map: () => readChecked(`${file}.map`)?.toString() };
}

/**
 * A comment before the content that says what the content of a file of that name has to be: V8 trusts what it is given, a power cut may leave
 * anything, and two whole files may have changed places.
 */
const checkOf = (file, content) =>
  `/*${createHash('sha256')
    .update(`${basename(file)}\n`)
    .update(content)
    .digest('hex')}*/`;
const CHECK_LENGTH = checkOf('', '').length;

function readChecked(file) {
  try {
    const bytes = readFileSync(file);
    const content = bytes.subarray(CHECK_LENGTH);
    return bytes.latin1Slice(0, CHECK_LENGTH) === checkOf(file, content) ? content : undefined;
  } catch {
    return undefined;
  }
}

function keepChecked(file, content) {
  const aside = `${file}.${process.pid}`;
  try {
    // A cache inside a repository is no part of it, for git and for us.
    if (makeFolders(cache)) writeFileSync(join(dirname(cache), '.gitignore'), '*\n');
    writeFileSync(aside, Buffer.concat([Buffer.from(checkOf(file, content)), content]));
    renameSync(aside, file);
  } catch {
    // A disk without room, or a folder that cannot be written: it will be made again.
    removeQuietly(aside);
  }
}

/** Node's own `recursive` never ends where a file system takes no folder, as in /proc. Gives whether there was something to make. */
function makeFolders(path) {
  if (existsSync(path)) return false;
  makeFolders(dirname(path));
  mkdirSync(path);
  return true;
}

/** Bundles of other versions stay a while: another checkout may be about to start one. */
function removeOldExcept(file) {
  try {
    for (const name of readdirSync(cache)) {
      const other = join(cache, name);
      // One from the future was made under a clock that was wrong, and would stay for ever.
      const isOld = Math.abs(Date.now() - statSync(other).mtimeMs) > KEEP_MS;
      // Not what was just made: between the two the clock may have jumped.
      if (isOld && !other.startsWith(file)) rmSync(other, { force: true });
    }
  } catch {
    // gone meanwhile, or not writable
  }
}

function removeQuietly(file) {
  try {
    rmSync(file, { force: true });
  } catch {
    // It never came to be.
  }
}

// ---------------------------------------------------------------------------------------------------------- stack lines

const maps = new Map();

/** A line of a stack that names the source, not the bundle. Maps are read when the first stack is asked for. */
function named(site) {
  const [bundle, line, column] = [site.getFileName(), site.getLineNumber(), site.getColumnNumber()];
  const program = [...running.values()].find(({ file }) => file === bundle);
  if (program === undefined) return String(site);
  if (!maps.has(bundle)) maps.set(bundle, mapOf(program));
  const { originalSource, originalLine, originalColumn } = maps.get(bundle)?.findEntry(line - 1, column - 1) ?? {};
  if (originalSource === undefined) return String(site);
  const place = `${join(pipeline, originalSource)}:${originalLine + 1}:${originalColumn + 1}`;
  return String(site).replace(`${bundle}:${line}:${column}`, place);
}

function mapOf({ map }) {
  const text = map();
  return text === undefined ? undefined : new SourceMap(JSON.parse(text));
}

Error.prepareStackTrace = (error, sites) =>
  [Error.prototype.toString.call(error), ...sites.map((site) => `    at ${named(site)}`)].join('\n');
