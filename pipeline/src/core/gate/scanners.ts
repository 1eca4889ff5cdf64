// How the scanners are called: hermetic, complete, and blind to whatever settings lie in what they scan.

/** Where things are in the container that scans. All but OUT are mounts, and read-only. */
export const SCAN = {
  image: '/scan/image',
  archive: '/scan/image.tar',
  source: '/scan/source',
  bait: '/scan/bait',
  checks: '/scan/checks',
  cache: '/var/cache/trivy',
  database: '/var/cache/trivy/db',
} as const;

/** `1.18.1` out of what `version` prints; null where it says none. */
export function versionIn(output: string): string | null {
  return /^\s*Version:\s*v?(\d\S*)/m.exec(output)?.[1] ?? null;
}

export type TrivyScan = {
  /** Of this Trivy: its options have changed their names over time. */
  version: string;
  target: { kind: 'image' | 'source' | 'bait'; path: string };
  /** Without one, all but vulnerabilities are looked for. */
  hasDatabase: boolean;
  hasChecks: boolean;
  output: string;
};
