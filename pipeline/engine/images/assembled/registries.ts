// Finds the package registries this machine is configured for, by what apt, npm and pip are told; behind them stand the public ones.
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { aptMirrors, mirrorsFromVariable } from './apt-sources.ts';
import type { DebianArchive } from './lock-file.ts';
import { npmAuthorization, npmRegistryOf, parseNpmrc } from './npmrc.ts';

/** Where a file may be fetched; `headers` may hold a secret and are never shown. */
export type Source = { url: string; headers?: Record<string, string> };

/** Base addresses, each ending in a slash, best first. */
export type Registries = {
  debian: (archive: DebianArchive) => Promise<Source[]>;
  /** The archive as it was at a time: where mirrors have gone on to newer versions, this has the older ones. */
  snapshots: (archive: DebianArchive, times: readonly Date[]) => Source[];
  npm: (packageName: string) => Promise<Source[]>;
  /** The simple index. */
  pypi: () => Promise<Source[]>;
};

type Env = Record<string, string | undefined>;

const host = (...labels: string[]) => labels.join('.');
/** Where packages come from unless this machine says otherwise. */
export const PUBLIC = {
  debian: `http://${host('deb', 'debian', 'org')}/`,
  snapshots: `https://${host('snapshot', 'debian', 'org')}/archive/`,
  npm: `https://${host('registry', 'npmjs', 'org')}/`,
  pypi: `https://${host('pypi', 'org')}/simple/`,
} as const;

/** The registries of this machine; each is looked up when first asked for. */
export function hostRegistries(env: Env = process.env): Registries {
  const apt = once(() => debianMirrors(env));
  const npmrc = once(() => readNpmrc(env));
  const npmDefault = once(async () => await ask('npm', ['config', 'get', 'registry']));
  const pip = once(() => pipIndex(env));
  return {
    debian: async (archive) => distinct([...(await apt())[archive], `${PUBLIC.debian}${archive}/`]),
    snapshots: (archive, times) =>
      times.map((time) => toSource(`${PUBLIC.snapshots}${archive}/${time.toISOString().replace(/[-:]|\.\d+/g, '')}/`)),
    async npm(packageName) {
      const config = await npmrc();
      const configured = [npmRegistryOf(config, packageName) ?? (await npmDefault())].filter(isHttp);
      return distinct([...configured, PUBLIC.npm]).map((source) =>
        withHeader(source, npmAuthorization(config, source.url)),
      );
    },
    pypi: async () => distinct([...(await pip()), PUBLIC.pypi]),
  };
}

/** Those that are configured come first; a repetition would only be a second no. */
function distinct(addresses: readonly string[]): Source[] {
  const sources = addresses.map(toSource);
  return sources.filter(({ url }, index) => sources.findIndex((other) => other.url === url) === index);
}

/** An address for use with fetch, which takes no user and password inside one. */
export function toSource(address: string): Source {
  const url = new URL(address.endsWith('/') ? address : `${address}/`);
  if (url.username === '' && url.password === '') return { url: url.href };
  const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  url.username = '';
  url.password = '';
  return withHeader({ url: url.href }, `Basic ${Buffer.from(login).toString('base64')}`);
}

function withHeader(source: Source, authorization: string | undefined): Source {
  return authorization === undefined ? source : { ...source, headers: { authorization } };
}

async function debianMirrors(env: Env): Promise<Record<DebianArchive, string[]>> {
  const variable = env.DRYDOCK_DEBIAN_MIRROR ?? '';
  return variable === '' ? aptMirrors(await readAptSources()) : mirrorsFromVariable(variable);
}

async function readAptSources(): Promise<{ name: string; text: string }[]> {
  const parts = '/etc/apt/sources.list.d';
  const names = (await readdir(parts).catch(() => [])).filter((name) => /\.(list|sources)$/.test(name)).sort();
  return await readAll(['/etc/apt/sources.list', ...names.map((name) => join(parts, name))]);
}

/**
 * npm's own order, without the project: a repository is a stranger's, and could name a place of its own with `${…}` of this environment in it, secrets included.
 * What is fetched here is the engine's, whatever repository it works on.
 */
async function readNpmrc(env: Env): Promise<Map<string, string>> {
  const user = env.npm_config_userconfig ?? env.NPM_CONFIG_USERCONFIG ?? join(homedir(), '.npmrc');
  const files = await readAll([user, '/etc/npmrc', '/usr/local/etc/npmrc']);
  const config = new Map<string, string>();
  for (const { text } of files.reverse()) for (const [key, value] of parseNpmrc(text, env)) config.set(key, value);
  const registry = env.npm_config_registry ?? env.NPM_CONFIG_REGISTRY ?? '';
  if (registry !== '') config.set('registry', registry);
  return config;
}

/** pip's own order: environment, the file that it names, the user's, the machine's. */
async function pipIndex(env: Env): Promise<string[]> {
  const files = await readAll([
    ...[env.PIP_CONFIG_FILE, env.VIRTUAL_ENV && join(env.VIRTUAL_ENV, 'pip.conf')].filter((file) => file !== undefined),
    ...[
      join(env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'pip', 'pip.conf'),
      join(homedir(), '.pip', 'pip.conf'),
    ],
    ...['/etc/xdg/pip/pip.conf', '/etc/pip.conf'],
  ]);
  const named = files.map(({ text }) => /^\s*index-url\s*[=:]\s*(\S+)/m.exec(text)?.[1]);
  return [env.PIP_INDEX_URL, ...named].filter(isHttp).slice(0, 1);
}

async function readAll(paths: string[]): Promise<{ name: string; text: string }[]> {
  const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8').catch(() => undefined)));
  return paths.flatMap((name, index) => {
    const text = texts[index];
    return text === undefined ? [] : [{ name, text }];
  });
}

/** What a program prints, asked outside of any project; empty if it is not there or fails, which here means the same. */
async function ask(program: string, args: string[]): Promise<string> {
  return await promisify(execFile)(program, args, { cwd: homedir(), timeout: 20_000 }).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  );
}

function isHttp(address: string | undefined): address is string {
  return address !== undefined && /^https?:\/\//.test(address) && URL.canParse(address);
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
