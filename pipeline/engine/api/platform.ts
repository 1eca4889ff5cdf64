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

/** What kernels run as well as their own. */
const NATIVE: Readonly<Record<string, readonly string[]>> = { amd64: ['386'], arm64: ['arm/v7', 'arm/v6', 'arm/v5'] };

/** What emulators are called that a machine has been told of. */
const EMULATORS: Readonly<Record<string, readonly string[]>> = {
  amd64: ['qemu-x86_64', 'rosetta'],
  arm64: ['qemu-aarch64'],
  '386': ['qemu-i386'],
  arm: ['qemu-arm'],
};

/** Throws where this machine cannot run the programs of a platform. */
export function requireRunnable(platform: string, emulators = process.env.DRYDOCK_EMULATORS ?? ''): void {
  const [, host = ''] = HOST_PLATFORM.split('/');
  const [, architecture = '', variant] = platform.split('/');
  const machine = variant === undefined ? architecture : `${architecture}/${variant}`;
  if (architecture === host || NATIVE[host]?.includes(machine)) return;
  const names = EMULATORS[architecture] ?? [`qemu-${architecture}`];
  if (emulators.split(' ').some((name) => names.includes(name))) return;
  throw new EngineError(
    `programs for ${platform} do not run on this machine, which is ${HOST_PLATFORM}`,
    'give it an emulator with `sudo apt-get install -y qemu-user-static`, or run this on such a machine',
  );
}
