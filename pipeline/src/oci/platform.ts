// Platforms as text (`linux/arm64/v8`), and which manifest or config is meant by one.
import { OciError } from './errors.ts';
import type { DescriptorPlatform } from './types.ts';

/** Read `os/architecture[/variant]`. */
export function parsePlatform(text: string): DescriptorPlatform {
  const [os, architecture, variant, ...more] = text.split('/');
  if (!os || !architecture || more.length > 0 || variant === '' || /\s/.test(text)) {
    throw new OciError(
      'SPEC_INVALID',
      `${JSON.stringify(text)} is not a platform`,
      'write it as linux/amd64 or linux/arm/v7',
    );
  }
  return variant === undefined ? { os, architecture } : { os, architecture, variant };
}

/** `os/architecture[/variant]`. */
export function formatPlatform(platform: { os: string; architecture: string; variant?: string }): string {
  const { os, architecture, variant } = platform;
  return variant === undefined || variant === '' ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

/** Whether a descriptor's or config's platform is the one that is wanted. arm64 and arm64/v8 are one and the same. */
export function isPlatform(found: { os: string; architecture: string; variant?: string }, wanted: string): boolean {
  const want = parsePlatform(wanted);
  if (found.os !== want.os || found.architecture !== want.architecture) return false;
  const fallback = want.architecture === 'arm64' ? 'v8' : undefined;
  const foundVariant = found.variant || fallback;
  const wantVariant = want.variant || fallback;
  // Asked for without a variant, any will do, as with docker; asked for with one, only that.
  return want.variant === undefined && fallback === undefined ? true : foundVariant === wantVariant;
}
