// The line that names an image: where a finding in the base image can be mended.

/** 1-based; the first line where the digest stands, else 1. */
export function pinLine(text: string, pin: string | null): number {
  const digest = /sha256:[0-9a-f]{64}/.exec(pin ?? '')?.[0];
  if (digest === undefined) return 1;
  const index = text.split('\n').findIndex((line) => line.includes(digest));
  return index < 0 ? 1 : index + 1;
}
