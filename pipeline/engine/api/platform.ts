// Platforms, as in `linux/amd64`.
import { EngineError } from '../errors.ts';

export const HOST_PLATFORM = `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`;

/** What Docker and Go call the same, in one word; the variant that is an architecture's usual one is not said. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  'arm64/v8': 'arm64',
  'aarch64/v8': 'arm64',
  'amd64/v1': 'amd64',
  arm: 'arm/v7',
  armhf: 'arm/v7',
  armel: 'arm/v6',
};

/** A platform in the words that images use. */
export function normalized(platform: string): string {
  const [os = '', ...machine] = platform.split('/');
  if (machine.length === 0)
    throw new EngineError(`${JSON.stringify(platform)} is not a platform`, 'write it as in linux/amd64');
  const architecture = machine.join('/');
  return `${os}/${ARCHITECTURES[architecture] ?? architecture}`;
}
