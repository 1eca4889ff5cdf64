// Which tag is the latest version: semantic versions as Go's tools write them, `v1`, `v1.2` and `v1.2.3-rc.1`.

const VERSION = /^v(0|[1-9]\d*)(?:\.(0|[1-9]\d*)(?:\.(0|[1-9]\d*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?)?)?$/;

interface Version {
  readonly tag: string;
  readonly numbers: readonly number[];
  /** What makes it earlier than the release of the same numbers. */
  readonly prerelease: readonly string[];
}

function parse(tag: string): Version | undefined {
  const match = VERSION.exec(tag);
  if (match === null) return undefined;
  const [, major, minor = '0', patch = '0', prerelease] = match;
  return { tag, numbers: [major, minor, patch].map(Number), prerelease: prerelease?.split('.') ?? [] };
}

function compare(a: Version, b: Version): number {
  const [number] = a.numbers.map((value, index) => value - (b.numbers[index] as number)).filter((by) => by !== 0);
  if (number !== undefined) return number;
  if (a.prerelease.length === 0 || b.prerelease.length === 0) return b.prerelease.length - a.prerelease.length;
  for (const [index, part] of a.prerelease.entries()) {
    const other = b.prerelease[index];
    if (other === undefined) return 1;
    if (part !== other) return comparePart(part, other);
  }
  return a.prerelease.length - b.prerelease.length;
}

/** Numbers by their value and before words. */
function comparePart(a: string, b: string): number {
  const [isNumber, isOtherNumber] = [a, b].map((part) => /^\d+$/.test(part));
  if (isNumber && isOtherNumber) return Number(a) - Number(b);
  if (isNumber !== isOtherNumber) return isNumber ? -1 : 1;
  return a < b ? -1 : 1;
}

export const latestVersion = (tags: readonly string[]): string | undefined =>
  tags
    .map(parse)
    .filter((version) => version !== undefined)
    .sort(compare)
    .at(-1)?.tag;
