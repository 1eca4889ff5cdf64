// `Query.http`: a file from the web, fetched once a session; one whose checksum is given is kept, and not fetched again.
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isDigest } from '../../src/oci/digest.ts';
import { bodyOf, fetchPaced, type Pace } from '../../src/oci/pace.ts';
import { EngineError, notSupported } from '../errors.ts';
import type { Session } from '../session.ts';
import { hashedFile } from '../store/bytes.ts';
import { diskFullError } from '../store/disk.ts';
import { formatSize } from '../store/sizes.ts';
import type { BlobName } from '../store/store.ts';
import type { FileNode } from '../store/tree.ts';
import { FileValue, lazy, SecretValue } from '../values.ts';

export interface HttpArgs {
  readonly url: string;
  readonly name?: string;
  readonly permissions?: number;
  /** `sha256:…` of the content. */
  readonly checksum?: string;
  /** A secret: the header `Authorization`. */
  readonly authHeader?: string;
  readonly experimentalServiceHost?: string;
}

export function httpFile({ url, name, permissions, checksum, ...args }: HttpArgs, session: Session): FileValue {
  if (args.experimentalServiceHost !== undefined) throw notSupported('http(experimentalServiceHost)');
  const address = addressOf(url);
  if (checksum !== undefined && !isDigest(checksum))
    throw new EngineError(
      `${JSON.stringify(checksum)} is no checksum`,
      'write it as sha256: and 64 hexadecimal digits',
    );
  const auth = args.authHeader === undefined ? undefined : session.load(args.authHeader, SecretValue);
  return new FileValue(
    name || posix.basename(address.pathname) || 'index',
    lazy(async () => {
      const authorization = (await auth?.plaintext())?.toString();
      const blob = await keptOrFetched(session, address, checksum, authorization);
      return fileOf(session, blob, permissions || 0o600);
    }),
  );
}

function addressOf(url: string): URL {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  if (address?.protocol === 'http:' || address?.protocol === 'https:') return address;
  throw new EngineError(`${JSON.stringify(url)} is no address of the web`, 'write it with http:// or https://');
}

function fileOf({ store }: Session, { digest, size }: BlobName, mode: number): FileNode {
  const repair = async () => {
    if (await store.verifyBlob({ digest, size })) return;
    throw new EngineError(`blob ${digest} of the cache is not what was fetched`, 'run it again', { lack: 'DAMAGED' });
  };
  const bytes = hashedFile(store.blobPath(digest), digest.slice('sha256:'.length), repair);
  return { kind: 'file', mode, uid: 0, gid: 0, mtime: 0, size, bytes };
}

async function keptOrFetched(
  session: Session,
  address: URL,
  checksum: string | undefined,
  authorization: string | undefined,
): Promise<BlobName> {
  const { store } = session;
  const known = checksum === undefined ? undefined : store.record<BlobName>('downloads', checksum);
  if (known !== undefined && (await store.hasBlob(known))) return known;
  const shown = `${address.origin}${address.pathname}`;
  if (session.options.offline)
    throw new EngineError(`cannot fetch ${shown}: the network is off`, undefined, { lack: 'OFFLINE' });
  const aside = store.scratch('download');
  try {
    const fetched = await download(session, { address, shown, path: aside, authorization });
    if (checksum !== undefined && fetched.digest !== checksum)
      throw new EngineError(
        `${shown} has the checksum ${fetched.digest}, not ${checksum}`,
        'what is there has changed, or is not what was meant',
      );
    await store.keepBlob(aside, fetched.digest);
    if (checksum !== undefined) await store.keep('downloads', checksum, fetched);
    return fetched;
  } catch (error) {
    throw diskFullError(error, store.root) ?? error;
  } finally {
    await rm(aside, { force: true });
  }
}

interface Download {
  readonly address: URL;
  /** The address without what may be secret in it. */
  readonly shown: string;
  readonly path: string;
  readonly authorization?: string | undefined;
  readonly pace?: Pace;
}

export async function download(
  { signal, store }: { signal: AbortSignal; store: Pick<Session['store'], 'budget' | 'root'> },
  { address, shown, path, authorization, pace }: Download,
): Promise<BlobName> {
  const headers = authorization === undefined ? {} : { authorization };
  const response = await fetchPaced(address, { signal, headers }, pace).catch((error: Error) => {
    throw new EngineError(`cannot fetch ${shown}: ${reasonOf(error)}`, undefined, { cause: error });
  });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new EngineError(`cannot fetch ${shown}: the answer is ${response.status} ${response.statusText}`.trimEnd());
  }
  const hash = createHash('sha256');
  let size = 0;
  async function* counted(body: AsyncIterable<Uint8Array>) {
    for await (const chunk of body) {
      size += chunk.length;
      if (size > store.budget)
        throw new EngineError(
          `${shown} is larger than the store may hold (${formatSize(store.budget)})`,
          'if that is meant, set DRYDOCK_STORE_BUDGET to more',
        );
      hash.update(chunk);
      yield chunk;
    }
  }
  await pipeline(counted(bodyOf(response, pace)), createWriteStream(path)).catch((error: Error) => {
    if (error instanceof EngineError || diskFullError(error, store.root)) throw error;
    throw new EngineError(`cannot fetch ${shown}: ${reasonOf(error)}`, undefined, { cause: error });
  });
  return { digest: `sha256:${hash.digest('hex')}`, size };
}

/** Of what fetch says, the cause is what helps. */
const reasonOf = ({ message, cause }: Error): string => (cause instanceof Error && cause.message) || message;
