// How the scanners are called: hermetic, complete, and blind to whatever settings lie in what they scan.

/** Where things are in the container that scans: mounts, and read-only, but for the cache. */
export const SCAN = {
  image: '/scan/image',
  source: '/scan/source',
  bait: '/scan/bait',
  checks: '/scan/checks',
  /** No scanned file is called so: Trivy skips those that are called as this one. */
  secrets: '/scan/drydock-secrets.yaml',
  cache: '/var/cache/trivy',
  database: '/var/cache/trivy/db',
} as const;

/** The version that a substitute says it holds (`…, holding Trivy 0.44.1`), else that of the pin's tag (`aquasec/trivy:0.75.0`). */
export function scannerVersion(image: string, standIn: string | null): string {
  const held = standIn === null ? null : /, holding \S+ (\d[\w.-]*)$/.exec(standIn)?.[1];
  return held ?? /:v?([\w.-]+)$/.exec(image)?.[1] ?? 'unknown';
}

/** The documents go into `folder`. */
export function syftArguments(of: 'image' | 'source', name: string, folder: string): string[] {
  const source = of === 'image' ? `oci-dir:${SCAN.image}` : `dir:${SCAN.source}`;
  return [
    ...['scan', source, '--source-name', name, '--quiet'],
    ...['--output', `spdx-json=${folder}/sbom.spdx.json`, '--output', `cyclonedx-json=${folder}/sbom.cdx.json`],
  ];
}

export type TrivyScan = {
  version: string;
  of: 'image' | 'source' | 'bait';
  path: string;
  /** A file, JSON. */
  output: string;
  /** Without a database, all but vulnerabilities are looked for. */
  hasDatabase: boolean;
  hasChecks: boolean;
};

/**
 * Severities, unfixed ones, development: everything is asked for. What counts is decided later, by the policy, and not by what
 * a scanner was not asked.
 */
export function trivyArguments({ version, of, path, output, hasDatabase, hasChecks }: TrivyScan): string[] {
  const dialect = dialectOf(version);
  const looksFor = {
    image: ['secret', 'license'],
    source: ['secret', dialect.misconfiguration, 'license'],
    bait: ['secret'],
  };
  const scanners = [...(hasDatabase ? ['vuln'] : []), ...looksFor[of]];
  return [
    ...TARGETS[of](path, dialect),
    ...['--format', 'json', '--output', output, '--quiet', '--cache-dir', SCAN.cache],
    ...['--scanners', scanners.join(','), '--timeout', '30m', '--secret-config', SCAN.secrets],
    // The database is what it is; checks are those that the program brings, and ours.
    ...['--offline-scan', '--skip-db-update', '--skip-java-db-update', dialect.keepChecks],
    ...(of === 'source' && hasChecks
      ? [dialect.checks, SCAN.checks, dialect.namespaces, 'user', ...FOR_OUR_CHECKS]
      : []),
  ];
}

/** Rules by which Trivy takes no secret for one in some places. Those for folders of systems are right in an image. */
const EXCUSES = {
  anywhere: ['tests', 'examples', 'vendor', 'locale-dir', 'markdown'],
  systems: ['usr-dirs', 'node.js', 'golang', 'python', 'dist-info', 'rubygems', 'wordpress', 'anaconda-log'],
};

/**
 * What is a secret, wherever it stands: https://trivy.dev/docs/latest/scanner/secret/#configuration. Trivy's own rules for AWS want a
 * variable of that name without quotes or a semicolon, so a key in a program's source has rules of its own; keys of AWS's documentation
 * end with EXAMPLE.
 */
export function secretConfiguration(of: TrivyScan['of']): string {
  const rule = (id: string, title: string, regex: string) => ({
    ...{ id, category: 'AWS', title, severity: 'CRITICAL', regex, 'secret-group-name': 'secret' },
    'allow-rules': [{ id: 'documentation', regex: `EXAMPLE(KEY)?["'\`]$` }],
  });
  return JSON.stringify({
    'disable-allow-rules': [...EXCUSES.anywhere, ...(of === 'image' ? [] : EXCUSES.systems)],
    rules: [
      rule(
        'aws-access-key-id-in-quotes',
        'AWS access key',
        `["'\`](?P<secret>(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})["'\`]`,
      ),
      rule(
        'aws-secret-access-key-in-quotes',
        'AWS secret access key',
        `(?i)secret_?(?:access_?)?key["']?\\s*(?::|=>|=|,)\\s*["'\`](?P<secret>[A-Za-z0-9/+]{40})["'\`]`,
      ),
    ],
  });
}

/** Whether it only reads its database; an older one opens it for writing, and writes nothing. */
export function leavesDatabaseAlone(version: string): boolean {
  return dialectOf(version).leavesDatabaseAlone;
}

const TARGETS = {
  image: (path: string, { misconfiguration }: Dialect) => [
    ...['image', '--input', path],
    ...['--image-config-scanners', `${misconfiguration},secret`],
  ],
  source: (path: string) => ['fs', path, '--include-dev-deps'],
  bait: (path: string) => ['rootfs', path],
};

/**
 * Our checks are of compose files and workflows, which Trivy takes for nothing it knows. Read as Kubernetes manifests, they are checked
 * with their lines. Not as YAML: it keeps one result a file, and a manifest's own findings would give way.
 */
const FOR_OUR_CHECKS = [
  ...['--file-patterns', 'kubernetes:(docker-)?compose[^/]*\\.ya?ml$'],
  ...['--file-patterns', 'kubernetes:\\.github/workflows/[^/]+\\.ya?ml$'],
];

/** Names of options that have changed over Trivy's versions. */
type Dialect = {
  misconfiguration: string;
  keepChecks: string;
  checks: string;
  namespaces: string;
  leavesDatabaseAlone: boolean;
};

const NOW: Dialect = {
  misconfiguration: 'misconfig',
  keepChecks: '--skip-check-update',
  checks: '--config-check',
  namespaces: '--check-namespaces',
  leavesDatabaseAlone: true,
};

/** Before 0.54. */
const BEFORE: Dialect = {
  misconfiguration: 'config',
  keepChecks: '--skip-policy-update',
  checks: '--config-policy',
  namespaces: '--policy-namespaces',
  leavesDatabaseAlone: false,
};

function dialectOf(version: string): Dialect {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major === 0 && minor < 54 ? BEFORE : NOW;
}
