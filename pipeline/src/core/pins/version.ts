// Versions as tags write them, and which of many may follow one: the same form, the same variant, newer.

type Version = {
  /** `v`, or nothing. */
  prefix: string;
  /** `1.30.5` as numbers; as many as the tag has. */
  numbers: readonly number[];
  /** `-alpine`, `-bookworm-slim`: another variant is another image. Prereleases are told apart by it, too. */
  variant: string;
};

/** Null for a tag that is a name, such as `nonroot` or `latest`. */
function parseVersion(tag: string): Version | null {
  const [, prefix, numbers, variant] = /^(v?)(\d+(?:\.\d+)*)(-[\w.-]+)?$/.exec(tag) ?? [];
  if (prefix === undefined || numbers === undefined) return null;
  return { prefix, numbers: numbers.split('.').map(Number), variant: variant ?? '' };
}

function compare(a: Version, b: Version): number {
  const differing = a.numbers.findIndex((number, index) => number !== b.numbers[index]);
  return differing < 0 ? 0 : (a.numbers[differing] ?? 0) - (b.numbers[differing] ?? 0);
}

export type Successors = {
  /** Of the same major, newest first. */
  within: string[];
  /** The newest of a later major: somebody has to read its release notes, so it is only told. */
  major: string | null;
};

/** What of these may take the place of a tag. A name has no successor but its own next image. */
export function successorsOf(current: string, all: readonly string[]): Successors {
  const from = parseVersion(current);
  if (from === null) return { within: [], major: null };
  const newer = [...new Set(all)]
    .flatMap((tag) => {
      const version = parseVersion(tag);
      const isOfItsForm =
        version?.prefix === from.prefix &&
        version.variant === from.variant &&
        version.numbers.length === from.numbers.length;
      return isOfItsForm && compare(version, from) > 0 ? [{ tag, version }] : [];
    })
    .sort((a, b) => compare(b.version, a.version));
  const isWithin = ({ version }: (typeof newer)[number]) => version.numbers[0] === from.numbers[0];
  return {
    within: newer.filter(isWithin).map(({ tag }) => tag),
    major: newer.find((one) => !isWithin(one))?.tag ?? null,
  };
}
