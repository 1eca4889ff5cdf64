// The platforms that an image is built for, as they are written on a command line.
import { PipelineError } from './errors.ts';

export const DEFAULT_PLATFORM = 'linux/amd64';

/** What Node's images are made for. */
const KNOWN = /^linux\/(amd64|arm64(\/v8)?|arm\/v[67]|ppc64le|s390x|riscv64)$/;

/** Check and tidy a list such as `linux/amd64,linux/arm64`; each entry may itself be a list. */
export function parsePlatforms(given: readonly string[]): string[] {
  const platforms = given.flatMap((entry) => entry.split(',')).map((entry) => entry.trim());
  const wrong = platforms.filter((platform) => !KNOWN.test(platform));
  if (platforms.length === 0 || wrong.length > 0) {
    throw new PipelineError(
      'BAD_OPTION',
      `${wrong.map((platform) => JSON.stringify(platform)).join(', ') || 'an empty list'} is not a platform to build for`,
      'write --platforms linux/amd64,linux/arm64',
    );
  }
  return [...new Set(platforms)];
}

/** `image` for an only platform, else `image-linux-arm64`: what is made for each platform is named by it. */
export function nameFor(stem: string, platform: string, platforms: number): string {
  return platforms === 1 ? stem : `${stem}-${platform.replaceAll('/', '-')}`;
}
