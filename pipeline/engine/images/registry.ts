// Registries as a session asks them: with the rights that a container was given, else with the user's own, and with faults told as the engine tells them.
import { OciError, type OciErrorCode } from '../../src/oci/errors.ts';
import { parseReference, type Reference, RegistryClient } from '../../src/oci/registry.ts';
import { EngineError, type Lack } from '../errors.ts';
import type { Session } from '../session.ts';
import { diskFullError } from '../store/disk.ts';
import type { RegistryRights } from '../values.ts';

export const NO_RIGHTS: RegistryRights = new Map();

/** The host that rights are for, as people and Docker's configuration write it: `docker.io`, `https://index.docker.io/v1/`, `registry.example/team`. */
export function registryHost(address: string): string {
  const host = address.replace(/^https?:\/\//, '').split('/')[0] as string;
  return ['index.docker.io', 'registry-1.docker.io', ''].includes(host) ? 'docker.io' : host;
}

export function referenceOf(address: string): Reference {
  try {
    return parseReference(address);
  } catch (error) {
    throw new EngineError((error as Error).message, undefined, { cause: error });
  }
}

export async function registryClient(
  session: Session,
  registry: string,
  rights: RegistryRights,
): Promise<RegistryClient> {
  const { mirrors, credentials } = session.options;
  const own = await rights.get(registry)?.();
  return new RegistryClient({
    mirrors,
    credentials: (host) => (host === registry ? own : undefined) ?? credentials(host),
    attempts: 2,
  });
}

/** Answers by which a registry does not have an image for us, or is not to be had. The others are faults. */
const LACKS: Readonly<Partial<Record<OciErrorCode, Lack>>> = {
  UNREACHABLE: 'MISSING_IMAGE',
  NOT_FOUND: 'MISSING_IMAGE',
  PLATFORM_MISSING: 'MISSING_IMAGE',
  UNAUTHORIZED: 'UNAUTHORIZED',
  FORBIDDEN: 'UNAUTHORIZED',
  RATE_LIMITED: 'RATE_LIMITED',
};

export const isUnreachable = (error: unknown) => error instanceof OciError && error.code === 'UNREACHABLE';

/** Why something could not be done with an image; `named` is in a registry's messages already. */
export function registryFault(session: Session, what: string, named: string, error: unknown): Error {
  if (error instanceof EngineError) return error;
  const full = diskFullError(error, session.store.root);
  if (full !== undefined) return full;
  return new EngineError(
    `${what} ${named}: ${(error as Error).message.replace(`${named}: `, '')}`,
    (error as OciError).hint,
    {
      cause: error,
      lack: isUnreachable(error) && session.options.offline ? 'OFFLINE' : LACKS[(error as OciError).code],
    },
  );
}
