// policy/gate.yaml: what a person decides about findings, as data. Read once, with every fault named by its line.
import { FaultyFile, type Fields, YamlFile } from '../yaml.ts';
import { SEVERITIES, type Severity } from './finding.ts';

export const POLICY_FILE = 'policy/gate.yaml';

/** An acceptance of one finding, with its reason and its end. `until` is the last day on which it holds. */
export type Exception = {
  id: string;
  /** Only in this package, when given. */
  package: string | null;
  /** Only in this file (`image:/…` for one of the image), when given: what secrets and misconfigurations have for a package. */
  file: string | null;
  reason: string;
  owner: string;
  until: string;
  /** Its place in the policy. */
  line: number;
};

export type DatabasePolicy = {
  /** Older than this, the database says nothing about today. */
  maxAgeDays: number;
  /** Where it is looked for, in turn. */
  references: string[];
  /** Registries, or repositories of one, whose word for a digest is enough. */
  official: string[];
  /** Hashes of databases that somebody checked by hand. */
  listed: string[];
  /** How many advisories it must hold at least, by ecosystem: a hollow one finds nothing. */
  leastAdvisories: Record<string, number>;
};

export type Policy = {
  failAt: Severity;
  /** Count only what an update fixes. */
  fixableOnly: boolean;
  /** Count only what the recorded baseline does not have. */
  newFindingsOnly: boolean;
  /** Whether what only development needs counts as well. */
  developmentDependencies: 'report' | 'gate';
  /** What scan.sarif holds: all findings, those that do not count as suppressed; or only the open ones, for readers that know no suppressions. */
  sarif: 'all' | 'open';
  /** Repositories that the image is published to (`ghcr.io/acme/service`): by these, VEX statements may name it without a digest. */
  images: string[];
  database: DatabasePolicy;
  exceptions: Exception[];
};

/** What holds where there is no policy, or where it is silent: the strictest that can be met. */
export const DEFAULT_POLICY: Policy = {
  failAt: 'HIGH',
  fixableOnly: false,
  newFindingsOnly: false,
  developmentDependencies: 'report',
  sarif: 'all',
  images: [],
  database: {
    maxAgeDays: 7,
    references: ['ghcr.io/aquasecurity/trivy-db:2', 'mirror.gcr.io/aquasec/trivy-db:2'],
    official: ['ghcr.io/aquasecurity/trivy-db', 'mirror.gcr.io/aquasec/trivy-db'],
    listed: [],
    leastAdvisories: { npm: 2000, debian: 10000 },
  },
  exceptions: [],
};

/** Throws one `BAD_POLICY` that names every fault with its line. */
export function parsePolicy(text: string, file = POLICY_FILE): Policy {
  const yaml = new YamlFile(file, text);
  const fields = yaml.fields();
  const policy = fields === undefined ? DEFAULT_POLICY : readPolicy(yaml, fields);
  if (yaml.faults.length === 0) return policy;
  throw new FaultyFile(
    'BAD_POLICY',
    yaml.faults,
    'fix it; drydock’s policy/README.md describes every field, and nothing was scanned meanwhile',
  );
}

function readPolicy(yaml: YamlFile, fields: Fields): Policy {
  fields.exactly('version', 1, 'the one version there is');
  const policy: Policy = {
    failAt: fields.oneOf('failAt', SEVERITIES, DEFAULT_POLICY.failAt),
    fixableOnly: fields.flag('fixableOnly', DEFAULT_POLICY.fixableOnly),
    newFindingsOnly: fields.flag('newFindingsOnly', DEFAULT_POLICY.newFindingsOnly),
    developmentDependencies: fields.oneOf(
      'developmentDependencies',
      ['report', 'gate'],
      DEFAULT_POLICY.developmentDependencies,
    ),
    sarif: fields.oneOf('sarif', ['all', 'open'], DEFAULT_POLICY.sarif),
    images: fields.texts('images'),
    database: readDatabase(fields.mapping('database')),
    exceptions: fields.list('exceptions').map((entry) => readException(yaml, entry)),
  };
  fields.end();
  return policy;
}

function readDatabase(fields: Fields | undefined): DatabasePolicy {
  const defaults = DEFAULT_POLICY.database;
  if (fields === undefined) return defaults;
  const listed = fields.texts('listed');
  for (const hash of listed)
    if (!/^sha256:[0-9a-f]{64}$/.test(hash))
      fields.fault('listed', `holds ${JSON.stringify(hash)}, which is no sha256`);
  const least = fields.mapping('leastAdvisories');
  const database: DatabasePolicy = {
    maxAgeDays: fields.count('maxAgeDays', defaults.maxAgeDays),
    references: fields.has('references') ? fields.texts('references') : defaults.references,
    official: fields.has('official') ? fields.texts('official') : defaults.official,
    listed,
    leastAdvisories: {
      ...defaults.leastAdvisories,
      ...Object.fromEntries((least?.names() ?? []).map((name) => [name, least?.count(name, 0) ?? 0])),
    },
  };
  fields.end();
  return database;
}

function readException(yaml: YamlFile, fields: Fields): Exception {
  const exception: Exception = {
    id: fields.required('id'),
    package: fields.text('package') ?? null,
    file: fields.text('file') ?? null,
    reason: fields.required('reason'),
    owner: fields.required('owner'),
    until: fields.required('until'),
    line: yaml.lineOf(fields.node),
  };
  if (exception.until !== '' && !isDate(exception.until)) {
    fields.fault('until', `must be a day such as 2026-12-31, not ${JSON.stringify(exception.until)}`);
  }
  fields.end();
  return exception;
}

/** A day that is in the calendar. */
export function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}
