// Reads settings that stand between a run and the network. Of credentials it takes the shape, never the secret.
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { reasonOf } from '../../src/core/errors.ts';
import { OciError } from '../../src/oci/errors.ts';
import { dockerCredentials } from '../../src/oci/registry.ts';
import { dockerConfigPath, readDockerConfig } from '../docker-config.ts';
import type { Credential, Facts, Fault } from './facts.ts';

export function readProxies(env: NodeJS.ProcessEnv): Facts['proxies'] {
  return Object.entries(env).flatMap(([name, value]) =>
    /^(https?|all|no)_proxy$/i.test(name) && value ? [{ name, value }] : [],
  );
}

const CERTIFICATES = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE'];

export function readCertificates(env: NodeJS.ProcessEnv): Facts['certificates'] {
  return CERTIFICATES.flatMap((name) => {
    const path = env[name];
    return path ? [{ name, path, count: countCertificates(path) }] : [];
  });
}

function countCertificates(path: string): number | null {
  try {
    return readFileSync(path, 'utf8').split('-----BEGIN CERTIFICATE-----').length - 1;
  } catch {
    return null;
  }
}

export function readCredentials(env: NodeJS.ProcessEnv): Facts['credentials'] {
  const file = dockerConfigPath(env);
  const text = readDockerConfig(env);
  return { file, registries: text === null ? [] : credentialsIn(text) };
}

/** What each kind of secret looks like, by the variable that a delivery takes it from; null where it looks like one. */
const SHAPES: Readonly<Record<string, (value: string, env: NodeJS.ProcessEnv) => string | null>> = {
  GITHUB_TOKEN: (value) => (/\s/.test(value) ? 'holds white space, which no token has' : null),
  COSIGN_PRIVATE_KEY: (value, env) => {
    if (!/^-----BEGIN ENCRYPTED (COSIGN|SIGSTORE) PRIVATE KEY-----\n/.test(value))
      return 'is not a private key as `cosign generate-key-pair` writes it';
    return env.COSIGN_PASSWORD === undefined ? 'is there without COSIGN_PASSWORD' : null;
  },
};

export function readSecrets(env: NodeJS.ProcessEnv): Facts['secrets'] {
  return Object.entries(SHAPES).flatMap(([name, flawOf]) => {
    const value = env[name];
    return value ? [{ name, flaw: flawOf(value, env) }] : [];
  });
}

/** What a Docker configuration holds for each registry, told by the parser that pulls use. */
export function credentialsIn(text: string): Credential[] | Fault {
  try {
    // A name that no file holds: what is left to find is whether the whole can be read.
    dockerCredentials(text, '');
  } catch (error) {
    return { message: reasonOf(error), ...(error instanceof OciError ? { hint: error.hint } : {}) };
  }
  const { auths, credHelpers, credsStore } = JSON.parse(text) as DockerConfig;
  const names = [...new Set([...Object.keys(auths ?? {}), ...Object.keys(credHelpers ?? {})])];
  return names.map((registry): Credential => {
    const isHelped = credHelpers?.[registry] !== undefined || Boolean(credsStore);
    try {
      const kind = dockerCredentials(text, registry)?.kind;
      return { registry, kind: kind ?? (isHelped ? 'helper' : 'none') };
    } catch {
      return { registry, kind: 'broken' };
    }
  });
}

type DockerConfig = { auths?: object; credHelpers?: Record<string, unknown>; credsStore?: unknown };

/** `${NAME}` in an .npmrc, where the environment has no NAME: npm ends with an error. */
export function readNpmVariables(root: string, env: NodeJS.ProcessEnv): string[] {
  const files = [join(root, '.npmrc'), env.npm_config_userconfig ?? join(homedir(), '.npmrc')];
  const texts = files.filter((file) => existsSync(file)).map((file) => readFileSync(file, 'utf8'));
  return unsetVariables(texts.join('\n'), env);
}

export function unsetVariables(npmrc: string, env: NodeJS.ProcessEnv): string[] {
  const values = npmrc.split('\n').filter((line) => !/^\s*[#;]/.test(line));
  const names = values.flatMap((line) => [...line.matchAll(/\$\{([^}?]+)\}/g)].map(([, name = '']) => name));
  return [...new Set(names)].filter((name) => env[name] === undefined);
}
