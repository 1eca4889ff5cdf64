// Finds the package registries this machine is configured for. The repository names no host: apt, npm and pip know theirs.
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { aptMirrors, mirrorsFromVariable } from './apt-sources.ts';
import { AssembleError } from './errors.ts';
import type { DebianArchive } from './lock-file.ts';
import { npmAuthorization, npmRegistryOf, parseNpmrc } from './npmrc.ts';

/** Where a file may be fetched; `headers` may hold a secret and are never shown. */
export type Source = { url: string; headers?: Record<string, string> };

/** Base addresses, each ending in a slash, best first. */
export type Registries = {
  debian: (archive: DebianArchive) => Promise<Source[]>;
  npm: (packageName: string) => Promise<Source[]>;
  /** The simple index. */
  pypi: () => Promise<Source[]>;
};

type Env = Record<string, string | undefined>;

/** The registries of this machine; each is looked up when first asked for. */
export function hostRegistries(env: Env = process.env): Registries {
  const apt = once(() => debianMirrors(env));
  const npmrc = once(() => readNpmrc(env));
  const npmDefault = once(async () => await ask('npm', ['config', 'get', 'registry']));
  const pip = once(() => pipIndex(env));
  return {
    debian: async (archive) => (await apt())[archive].map(toSource),
    async npm(packageName) {
      const config = await npmrc();
      const registry = npmRegistryOf(config, packageName) ?? (await npmDefault());
      if (!isHttp(registry)) throw noRegistry('npm', 'npm_config_registry');
      const authorization = npmAuthorization(config, registry);
      return [withHeader(toSource(registry), authorization)];
    },
    pypi: async () => [toSource(await pip())],
  };
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
  const mirrors = variable === '' ? aptMirrors(await readAptSources()) : mirrorsFromVariable(variable);
  if (mirrors.debian.length === 0) throw noRegistry('Debian', 'DRYDOCK_DEBIAN_MIRROR');
  return mirrors;
}

async function readAptSources(): Promise<{ name: string; text: string }[]> {
  const parts = '/etc/apt/sources.list.d';
  const names = (await readdir(parts).catch(() => [])).filter((name) => /\.(list|sources)$/.test(name)).sort();
  return await readAll(['/etc/apt/sources.list', ...names.map((name) => join(parts, name))]);
}

/** npm's own order: environment, project, user, machine. */
async function readNpmrc(env: Env): Promise<Map<string, string>> {
  const user = env.npm_config_userconfig ?? env.NPM_CONFIG_USERCONFIG ?? join(homedir(), '.npmrc');
  const files = await readAll([join(process.cwd(), '.npmrc'), user, '/etc/npmrc', '/usr/local/etc/npmrc']);
  const config = new Map<string, string>();
  for (const { text } of files.reverse()) for (const [key, value] of parseNpmrc(text, env)) config.set(key, value);
  const registry = env.npm_config_registry ?? env.NPM_CONFIG_REGISTRY ?? '';
  if (registry !== '') config.set('registry', registry);
  return config;
}

/** Asked of pip itself where nothing is set: its help text is the only place that names its default. */
async function pipIndex(env: Env): Promise<string> {
  if (isHttp(env.PIP_INDEX_URL)) return env.PIP_INDEX_URL;
  for (const [program, ...args] of [['pip3'], ['pip'], ['python3', '-m', 'pip']]) {
    if (program === undefined) continue;
    const configured = /index-url='([^']+)'/.exec(await ask(program, [...args, 'config', 'list']))?.[1];
    const fallback = /default\s+(https?:[^\s)]+)/.exec(await ask(program, [...args, 'install', '--help']))?.[1];
    const index = configured ?? fallback;
    if (isHttp(index)) return index;
  }
  throw noRegistry('PyPI', 'PIP_INDEX_URL');
}

function noRegistry(kind: string, variable: string): AssembleError {
  return new AssembleError(
    'NO_REGISTRY',
    `nothing on this machine says where ${kind} packages come from`,
    `set ${variable} to the address of a ${kind === 'Debian' ? 'Debian mirror' : `${kind} registry`}`,
  );
}

async function readAll(paths: string[]): Promise<{ name: string; text: string }[]> {
  const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8').catch(() => undefined)));
  return paths.flatMap((name, index) => {
    const text = texts[index];
    return text === undefined ? [] : [{ name, text }];
  });
}

/** What a program prints; empty if it is not there or fails, which here means the same. */
async function ask(program: string, args: string[]): Promise<string> {
  return await promisify(execFile)(program, args, { timeout: 20_000 }).then(
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
