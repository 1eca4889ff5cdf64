// How images are signed: with a key, without one (by an identity of the place that runs it), or not at all; and cosign's words for it.
import { PipelineError } from '../errors.ts';
import { STATEMENTS, type StatementName } from './statements.ts';

/** Which secrets were given: an empty one was not. */
export type Given = { key: boolean; password: boolean; oidcUrl: boolean; oidcToken: boolean };
export type SigningMode = 'key' | 'keyless' | null;

/** Throws `BAD_OPTION` for half a configuration. A key goes before an identity: whoever gives one means it. */
export function signingMode({ key, password, oidcUrl, oidcToken }: Given): SigningMode {
  if (key !== password) {
    const [there, missing] = key ? ['key', 'password'] : ['password', 'key'];
    throw half(
      `there is a cosign ${there} and no ${missing}`,
      'set COSIGN_PRIVATE_KEY and COSIGN_PASSWORD, or neither',
    );
  }
  if (key) return 'key';
  if (oidcUrl !== oidcToken) {
    const [there, missing] = oidcUrl ? ['url', 'token'] : ['token', 'url'];
    throw half(
      `there is an --oidc-${there} and no --oidc-${missing}`,
      'GitHub Actions gives both to a job with `id-token: write`',
    );
  }
  return oidcUrl ? 'keyless' : null;
}

function half(message: string, hint: string): PipelineError {
  return new PipelineError('BAD_OPTION', message, hint);
}

/** Where things are in the container that signs. */
export const SIGNING = {
  key: '/signing/cosign.key',
  publicKey: '/signing/cosign.pub',
  manifest: '/signing/manifest.json',
  predicates: '/signing/predicates',
  bundles: '/signing/bundles',
  trustedRoot: '/signing/trusted-root.json',
} as const;

/** The image's own manifest is what is stated about: its hash is the image's digest. */
export function signArguments(
  version: string,
  mode: 'key' | 'keyless',
  statement: StatementName,
  folder: string,
): string[] {
  return [
    ...['attest-blob', '--yes', '--new-bundle-format', '--type', STATEMENTS[statement]],
    ...['--predicate', `${SIGNING.predicates}/${statement}.json`, '--bundle', `${folder}/${statement}.sigstore.json`],
    // A key's owner is known; that a key was used is told to no public log.
    ...(mode === 'key' ? ['--key', SIGNING.key, '--tlog-upload=false', ...dialectOf(version).withoutServices] : []),
    SIGNING.manifest,
  ];
}

export type Signer = { by: 'key' } | { by: 'keyless'; identity: string; issuer: string };

export function verifyArguments(version: string, signer: Signer, statement: StatementName, bundle: string): string[] {
  return [
    ...['verify-blob-attestation', '--new-bundle-format', '--bundle', bundle, '--type', STATEMENTS[statement]],
    ...(signer.by === 'key'
      ? ['--key', SIGNING.publicKey, '--insecure-ignore-tlog', ...dialectOf(version).withoutRoot]
      : ['--certificate-identity-regexp', signer.identity, '--certificate-oidc-issuer', signer.issuer]),
    SIGNING.manifest,
  ];
}

/** Nobody is trusted but the key. Versions before 3 would ask the network for others otherwise. */
export const EMPTY_ROOT = `${JSON.stringify({
  mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
  tlogs: [],
  certificateAuthorities: [],
  ctlogs: [],
  timestampAuthorities: [],
})}\n`;

type Dialect = { withoutServices: string[]; withoutRoot: string[] };

function dialectOf(version: string): Dialect {
  const isOld = Number(/^v?(\d+)\./.exec(version)?.[1] ?? 3) < 3;
  return {
    withoutServices: isOld ? [] : ['--use-signing-config=false'],
    withoutRoot: ['--trusted-root', SIGNING.trustedRoot],
  };
}
