// Fields of Secret; where a secret's value comes from, and what stands for it in the key of a step.
import { randomBytes, scrypt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { EngineError, notSupported } from '../errors.ts';
import type { Session } from '../session.ts';
import { lazy, ready, SecretValue } from '../values.ts';
import type { Resolvers } from './resolvers.ts';

/** A secret that is given: to the cache it is its name. */
export function setSecret({ name, plaintext }: { name: string; plaintext: string }, session: Session): SecretValue {
  const value = remembered(session, Buffer.from(plaintext));
  return new SecretValue({ name, plaintext: ready(value), key: ready(name) });
}

/** A secret that is found at an address: to the cache it is its value, unless a key is given for that. */
export function foundSecret({ uri, cacheKey }: { uri: string; cacheKey?: string }, session: Session): SecretValue {
  const plaintext = lazy(async () => remembered(session, readSecret(uri, session)));
  const key = cacheKey
    ? ready(`key:${cacheKey}`)
    : lazy(async () => {
        const value = await plaintext();
        return session.remembered(`fingerprint ${session.privately(value)}`, () => fingerprint(session, value));
      });
  return new SecretValue({ uri, plaintext, key });
}

/** The same from a file of the host, as SDKs before 0.19 give it. */
export function setSecretFile({ name, path }: { name: string; path: string }, session: Session): SecretValue {
  const plaintext = lazy(async () => remembered(session, readSecret(`file://${path}`, session)));
  return new SecretValue({ name, plaintext, key: ready(name) });
}

function remembered(session: Session, plaintext: Buffer): Buffer {
  session.addSecret(plaintext);
  return plaintext;
}

function readSecret(uri: string, session: Session): Buffer {
  const [, scheme, rest = ''] = /^([a-z]+):\/\/(.*)$/s.exec(uri) ?? [];
  if (scheme === 'env') {
    const value = process.env[rest];
    if (value === undefined) throw new EngineError(`secret env var not found: ${rest}`, `set ${rest}`);
    return Buffer.from(value);
  }
  if (scheme === 'file') {
    try {
      return readFileSync(session.hostPath(rest));
    } catch (error) {
      throw new EngineError(`secret file cannot be read: ${rest}`, undefined, { cause: error });
    }
  }
  throw notSupported(`secrets from ${uri.split(':')[0]}:// (env:// and file:// are)`);
}

/** Equal for equal values in one store. Slow on purpose, and salted: nobody is to find the value by trying. */
async function fingerprint(session: Session, plaintext: Buffer): Promise<string> {
  const salt = await session.remembered('secret salt', () => saltOf(session));
  const hash = (await promisify<Buffer, Buffer, number, Buffer>(scrypt)(plaintext, salt, 32)) as Buffer;
  return `value:${hash.toString('hex')}`;
}

async function saltOf({ store }: Session): Promise<Buffer> {
  const known = store.record<string>('salts', 'secrets');
  if (known !== undefined) return Buffer.from(known, 'hex');
  const salt = randomBytes(32);
  await store.keep('salts', 'secrets', salt.toString('hex'));
  return salt;
}

export const secretFields: Resolvers<SecretValue> = {
  name: (self) => self.name,
  uri: (self) => self.uri,
  plaintext: async (self) => (await self.plaintext()).toString(),
};
