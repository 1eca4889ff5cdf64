// The inputs of delivery on the laptop: secrets by their addresses, and registries on loopback as services.
import { readFileSync } from 'node:fs';
import type { Client, Host, Secret, Service } from '@dagger.io/dagger';
import { PipelineError, reasonOf } from '../src/core/errors.ts';
import { isLoopback, parseReference } from '../src/oci/registry.ts';
import type { DeliveryOptions } from '../src/stages/delivery.ts';
import type { RollbackOptions } from '../src/stages/rollback.ts';
import type { VerifyOptions } from '../src/stages/verify.ts';
import type { DeliveryArguments, SecretName } from './arguments.ts';
import type { CheckedInputs } from './inputs.ts';

/** Where a secret is looked for when nobody says: an unset variable is no secret. Those of a job's identity are never taken unasked. */
const DEFAULTS: Partial<Record<SecretName, string>> = {
  token: 'GITHUB_TOKEN',
  'cosign-key': 'COSIGN_PRIVATE_KEY',
  'cosign-password': 'COSIGN_PASSWORD',
};

/** The values of all secrets; empty for one that was not given. Throws `BAD_OPTION`. */
export function readSecrets(
  { secrets, registry, reference }: Pick<DeliveryArguments, 'secrets' | 'registry' | 'reference'>,
  env: NodeJS.ProcessEnv = process.env,
): Record<SecretName, string> {
  // Nobody named it for the registry that somebody named: it is GitHub's, and goes there only.
  const isGitHub = (reference === '' ? registry : registryOf(reference)).toLowerCase() === registryOfGitHub(env);
  const read = ([name, address]: [string, string]) => {
    const isForeign = name === 'token' && address === '' && !isGitHub;
    return [name, isForeign ? '' : secretAt(name as SecretName, address, env)];
  };
  return Object.fromEntries(Object.entries(secrets).map(read));
}

/** The one that GitHub's own token is for: `ghcr.io`, and `containers.` and its host of a GitHub that is a company's own. */
function registryOfGitHub({ GITHUB_SERVER_URL: server = '' }: NodeJS.ProcessEnv): string | null {
  if (server === '' || server === 'https://github.com') return 'ghcr.io';
  return URL.canParse(server) ? `containers.${new URL(server).host}` : null;
}

function secretAt(name: SecretName | 'secrets', address: string, env: NodeJS.ProcessEnv): string {
  if (address === '') return env[DEFAULTS[name as SecretName] ?? ''] ?? '';
  const [, scheme, place = ''] = /^(env|file):\/\/(.+)$/.exec(address) ?? [];
  if (scheme === 'env') return env[place] ?? '';
  // What was typed may be the secret itself: it is not repeated.
  if (scheme !== 'file')
    throw new PipelineError(
      'BAD_OPTION',
      `--${name} is not the address of a secret`,
      'write env://NAME or file://PATH',
    );
  try {
    return readFileSync(place, 'utf8').trimEnd();
  } catch (cause) {
    throw new PipelineError('BAD_OPTION', `--${name} ${address} cannot be read: ${reasonOf(cause)}`, 'check the path', {
      cause,
    });
  }
}

/** What installs may be given, by the last names of their addresses; none that is empty. */
export function installSecrets(
  dag: Pick<Client, 'setSecret'>,
  addresses: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Map<string, Secret> {
  const values = addresses.map(
    (address) => [/\w+$/.exec(address)?.[0] ?? '', secretAt('secrets', address, env)] as const,
  );
  return new Map(values.filter(([, value]) => value !== '').map(([name, value]) => [name, dag.setSecret(name, value)]));
}

type Dag = Pick<Client, 'setSecret'> & { host(): Host };
type Values = Record<SecretName, string>;

const secretOf = (dag: Dag, values: Values, which: SecretName): Secret | undefined =>
  values[which] === '' ? undefined : dag.setSecret(`drydock-${which}`, values[which]);

const folderOf = (dag: Dag, path: string | null) => (path === null ? undefined : dag.host().directory(path));

function targetOf(dag: Dag, { registry, repository, username }: DeliveryArguments, values: Values) {
  const service = loopback(dag.host(), registry);
  return { registry, repository, username, token: secretOf(dag, values, 'token'), service };
}

export function rollbackOptions(dag: Dag, given: DeliveryArguments, values: Values): RollbackOptions {
  return { ...targetOf(dag, given, values), tag: given.tag, to: given.to };
}

export function verifyOptions(
  dag: Dag,
  { reference, identity, issuer, username }: DeliveryArguments,
  values: Values,
  { files, cosignPub }: CheckedInputs,
): VerifyOptions {
  return {
    ...{ reference, identity, issuer, username, token: secretOf(dag, values, 'token') },
    service: loopback(dag.host(), reference === '' ? '' : registryOf(reference)),
    files: folderOf(dag, files),
    key: cosignPub === null ? undefined : dag.host().file(cosignPub),
  };
}

export function deliveryOptions(
  dag: Dag,
  given: DeliveryArguments,
  values: Values,
  { run }: CheckedInputs,
): DeliveryOptions {
  const { ref, builder, invocation, dryRun, skipRollback } = given;
  return {
    ...targetOf(dag, given, values),
    ...{ ref, builder, invocation, dryRun, skipRollback, run: folderOf(dag, run) },
    signing: {
      key: secretOf(dag, values, 'cosign-key'),
      password: secretOf(dag, values, 'cosign-password'),
      oidcUrl: secretOf(dag, values, 'oidc-url'),
      oidcToken: secretOf(dag, values, 'oidc-token'),
    },
  };
}

/** A registry on this machine's loopback address is no place that a step can reach: it goes in as a service. */
function loopback(host: Host, registry: string): Service | undefined {
  if (!isLoopback(registry)) return undefined;
  const port = Number(/:(\d+)$/.exec(registry)?.[1] ?? 80);
  return host.service([{ frontend: port, backend: port }]);
}

function registryOf(reference: string): string {
  try {
    return parseReference(reference).registry;
  } catch (cause) {
    throw new PipelineError('BAD_OPTION', reasonOf(cause), 'write ghcr.io/OWNER/NAME:TAG', { cause });
  }
}
