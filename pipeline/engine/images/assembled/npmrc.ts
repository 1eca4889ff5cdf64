// Reads what this needs of .npmrc: registries and simple credentials. Reads no file itself.

/** `key = value` lines; `${NAME}` is taken from the environment, comments begin with `;` or `#`. */
export function parseNpmrc(text: string, env: Record<string, string | undefined>): Map<string, string> {
  const config = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const [, before, after = ''] = /^([^=]*)=(.*)$/.exec(line) ?? [];
    const [key = '', value] = [before?.trim(), after.trim()];
    if (/^([;#]|$)/.test(key)) continue;
    const plain = value.replace(/^(["'])(.*)\1$/, '$2');
    config.set(
      key,
      plain.replace(/\$\{([^}]+)\}/g, (whole, name: string) => env[name] ?? whole),
    );
  }
  return config;
}

/** The registry of a package's scope, or the one for all; undefined if only npm knows it. */
export function npmRegistryOf(config: ReadonlyMap<string, string>, packageName: string): string | undefined {
  const scope = /^(@[^/]+)\//.exec(packageName)?.[1];
  const scoped = scope === undefined ? undefined : config.get(`${scope}:registry`);
  return scoped ?? config.get('registry');
}

/** The Authorization header for a registry: from the longest `//host/path/:` key that is a part of its address. */
export function npmAuthorization(config: ReadonlyMap<string, string>, registry: string): string | undefined {
  const address = `${registry.replace(/^https?:/, '').replace(/\/*$/, '')}/`;
  const keys = [...config.keys()]
    .map((key) => /^(\/\/.*\/):_(authToken|auth)$/.exec(key))
    .filter((key) => key !== null);
  const best = keys
    .filter(([, prefix = '']) => address.startsWith(prefix))
    .sort(([, a = ''], [, b = '']) => b.length - a.length)[0];
  if (best === undefined) return undefined;
  const secret = config.get(best[0]) ?? '';
  return best[2] === 'authToken' ? `Bearer ${secret}` : `Basic ${secret}`;
}
