// The inputs of delivery on the laptop: secrets by their addresses, and registries on loopback as services.
import { readFileSync } from 'node:fs';
import type { Client, Host, Secret, Service } from '@dagger.io/dagger';
import { PipelineError, reasonOf } from '../src/core/errors.ts';
import type { StageFunction } from '../src/core/functions.ts';
import { isLoopback, parseReference } from '../src/oci/registry.ts';
import type { RunOptions } from '../src/stages/run.ts';
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

function secretAt(name: SecretName, address: string, env: NodeJS.ProcessEnv): string {
  if (address === '') return env[DEFAULTS[name] ?? ''] ?? '';
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

type Dag = Pick<Client, 'setSecret'> & { host(): Host };
type Options = Pick<RunOptions, 'delivery' | 'verification' | 'rollback'>;

/** What the function takes of all that; nothing for the functions that deliver nothing. */
export function deliveryOptions(
  dag: Dag,
  name: StageFunction,
  { registry, repository, username, ...given }: DeliveryArguments,
  values: Record<SecretName, string>,
  inputs: CheckedInputs,
): Options {
  const host = dag.host();
  const secret = (which: SecretName): Secret | undefined =>
    values[which] === '' ? undefined : dag.setSecret(`drydock-${which}`, values[which]);
  const folder = (path: string | null) => (path === null ? undefined : host.directory(path));
  const access = { registry, repository, username, token: secret('token'), service: loopback(host, registry) };
  if (name === 'rollback') return { rollback: { ...access, tag: given.tag, to: given.to } };
  if (name === 'verify') {
    const { reference, identity, issuer } = given;
    const place = reference === '' ? '' : registryOf(reference);
    return {
      verification: {
        ...{ reference, identity, issuer, username, token: access.token },
        service: loopback(host, place),
        files: folder(inputs.files),
        key: inputs.cosignPub === null ? undefined : host.file(inputs.cosignPub),
      },
    };
  }
  if (name !== 'cd' && name !== 'publish') return {};
  return {
    delivery: {
      ...access,
      ref: given.ref,
      signing: {
        key: secret('cosign-key'),
        password: secret('cosign-password'),
        oidcUrl: secret('oidc-url'),
        oidcToken: secret('oidc-token'),
      },
      dryRun: given.dryRun,
      skipRollback: given.skipRollback,
      run: folder(inputs.run),
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
