// Reads Trivy's JSON report, once, at the edge: what is not as it should be is named, and nothing is taken for an empty result.

import { isRecord } from '../record.ts';
import { type Finding, type PackageName, type Place, SEVERITIES, type Severity } from './finding.ts';
import { parsePurl } from './purl.ts';

/** A report that cannot be trusted: the scanner has failed, whatever its exit code was. */
export class BadReport extends Error {}

export type Licence = { name: string; package: string; category: string };
export type TrivyReport = {
  /** Trivy's own, without what differs between two scans of the same thing. */
  raw: Record<string, unknown>;
  /** `debian 13`; null where nothing was found out, as in a source tree. */
  os: string | null;
  findings: Finding[];
  licences: Licence[];
};

type Json = Record<string, unknown>;
/** Whether a report is about the image or the source, and what of the image is ours. */
export type ReportScope = { of: 'image'; appLayers: readonly string[] } | { of: 'source' };

/** The folder that the source is in when it is scanned; what is found is told without it. */
export const NESTED = 'repository';

/** `names` says which file a name of the report stands for, where that is another. */
export function parseTrivy(
  text: string,
  scope: ReportScope,
  names: Readonly<Record<string, string>> = {},
): TrivyReport {
  const whole = parseDocument(text);
  const raw = scope.of === 'source' ? withNames(whole, names) : whole;
  if (!ARTIFACTS[scope.of].includes(textIn(raw, 'ArtifactType'))) {
    throw new BadReport(`the report is about a ${textIn(raw, 'ArtifactType') || 'nothing'}, not the ${scope.of}`);
  }
  const results = listOf(raw, 'Results').map(recordOf);
  const os = fieldOf(fieldOf(raw, 'Metadata'), 'OS');
  return {
    raw: normalise({ ...raw, Results: results.filter((result) => !isCountOnly(result)) }) as Json,
    os: isRecord(os) ? `${textIn(os, 'Family')} ${textIn(os, 'Name').split('.')[0]}` : null,
    findings: results.flatMap((result) => [
      ...listOf(result, 'Vulnerabilities').map((entry) => vulnerability(result, recordOf(entry), scope)),
      ...listOf(result, 'Secrets').map((entry) => secret(result, recordOf(entry), scope)),
      ...failuresIn(result).map((entry) => misconfiguration(result, entry, scope)),
    ]),
    licences: results.flatMap((result) => listOf(result, 'Licenses').map((entry) => licence(recordOf(entry)))),
  };
}

/**
 * A file that held up to checks of misconfigurations. Which of Trivy's analysers sees a lock file differs from scan to scan: sometimes the one
 * for Kubernetes does as well, which finds nothing in it.
 */
function isCountOnly(result: Json): boolean {
  return (
    Object.keys(result).every((key) => COUNTS.has(key)) && fieldOf(fieldOf(result, 'MisconfSummary'), 'Failures') === 0
  );
}

const COUNTS = new Set(['Target', 'Class', 'Type', 'MisconfSummary']);

/** How Trivy calls what it looked at; of a folder with a git repository in it, the latter. */
const ARTIFACTS: Record<ReportScope['of'], readonly string[]> = {
  image: ['container_image'],
  source: ['filesystem', 'repository'],
};

/** Trivy counts them as well: a list that holds fewer was cut. */
function failuresIn(result: Json): Json[] {
  const failures = listOf(result, 'Misconfigurations')
    .map(recordOf)
    .filter(({ Status }) => Status !== 'PASS');
  const counted = fieldOf(fieldOf(result, 'MisconfSummary'), 'Failures');
  if (typeof counted === 'number' && counted > failures.length) {
    throw new BadReport(
      `${textIn(result, 'Target')} has ${counted} misconfigurations, but ${failures.length} are listed`,
    );
  }
  return failures;
}

function parseDocument(text: string): Json {
  if (text.trim() === '') throw new BadReport('the report is empty');
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (cause) {
    throw new BadReport('the report is not JSON', { cause });
  }
  if (!isRecord(raw)) throw new BadReport('the report is not an object');
  if (raw.SchemaVersion !== 2) throw new BadReport(`the report has schema ${JSON.stringify(raw.SchemaVersion)}, not 2`);
  if (typeof raw.ArtifactName !== 'string') throw new BadReport('the report does not say what was scanned');
  return raw;
}

function withNames(raw: Json, names: Readonly<Record<string, string>>): Json {
  const nameOf = (target: string) => {
    const path = target.startsWith(`${NESTED}/`) ? target.slice(NESTED.length + 1) : target;
    return names[path] ?? path;
  };
  const results = listOf(raw, 'Results').map(recordOf);
  return { ...raw, Results: results.map((result) => ({ ...result, Target: nameOf(textIn(result, 'Target')) })) };
}

function vulnerability(result: Json, raw: Json, scope: ReportScope): Finding {
  const id = required(raw, 'VulnerabilityID');
  return {
    kind: 'vulnerability',
    id,
    ...aliasesOf(raw),
    severity: severityOf(raw),
    title: oneLine(textIn(raw, 'Title') || textIn(raw, 'Description') || id),
    url: urlOf(raw),
    package: packageOf(result, raw),
    fixedIn: textIn(raw, 'FixedVersion') || null,
    layer: layerOf(raw, scope),
    dev: false,
    via: [],
    places: [placeOf(packageFile(result, raw), null, scope)],
  };
}

/** A GHSA is of one CVE. What distributions publish (DSA, RHSA) is of several, and accepting one would accept all of them. */
function aliasesOf(raw: Json): Pick<Finding, 'aliases'> {
  const aliases = listOf(raw, 'VendorIDs').filter((id) => typeof id === 'string' && /^GHSA(-[\da-z]{4}){3}$/i.test(id));
  return aliases.length === 0 ? {} : { aliases: aliases as string[] };
}

/** Where the image keeps what is installed, else the file that names the package. */
function packageFile(result: Json, raw: Json): string {
  if (result.Class !== 'os-pkgs') return textIn(raw, 'PkgPath') || textIn(result, 'Target');
  const distribution = textIn(result, 'Type');
  if (distribution === 'debian' || distribution === 'ubuntu') return 'var/lib/dpkg';
  return distribution === 'alpine' ? 'lib/apk/db' : 'var/lib/rpm';
}

function packageOf(result: Json, raw: Json): PackageName {
  const [name, version] = [required(raw, 'PkgName'), required(raw, 'InstalledVersion')];
  const given = textIn(fieldOf(raw, 'PkgIdentifier'), 'PURL');
  const type = textIn(result, 'Type');
  const ecosystem = parsePurl(given)?.type ?? ECOSYSTEMS.get(type) ?? type;
  return {
    name,
    version,
    ecosystem,
    purl: given || purlOf(ecosystem, result.Class === 'os-pkgs' ? type : '', name, version),
  };
}

/** What a Trivy without package URLs (before 0.46) found a package by, in their words. */
const ECOSYSTEMS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    deb: ['debian', 'ubuntu'],
    apk: ['alpine'],
    npm: ['npm', 'node-pkg', 'yarn', 'pnpm', 'bun'],
    pypi: ['pip', 'python-pkg', 'pipenv', 'poetry'],
    golang: ['gomod', 'gobinary'],
    gem: ['bundler', 'gemspec'],
    maven: ['jar', 'pom', 'gradle'],
    cargo: ['cargo', 'rustbinary'],
  }).flatMap(([ecosystem, types]) => types.map((type) => [type, ecosystem] as const)),
);

function purlOf(type: string, namespace: string, name: string, version: string): string {
  const path = [type, ...(namespace === '' ? [] : [namespace]), ...name.split('/')].map(encodeURIComponent).join('/');
  return `pkg:${path}@${encodeURIComponent(version)}`;
}

function secret(result: Json, raw: Json, scope: ReportScope): Finding {
  const id = required(raw, 'RuleID');
  return {
    kind: 'secret',
    id,
    severity: severityOf(raw),
    title: oneLine(textIn(raw, 'Title') || id),
    url: null,
    ...NOT_A_PACKAGE,
    layer: layerOf(raw, scope),
    places: [placeOf(textIn(result, 'Target'), lineIn(raw), scope)],
  };
}

function misconfiguration(result: Json, raw: Json, scope: ReportScope): Finding {
  const id = textIn(raw, 'ID') || required(raw, 'AVDID');
  const message = textIn(raw, 'Message');
  const title = textIn(raw, 'Title') || id;
  return {
    kind: 'misconfiguration',
    id,
    severity: severityOf(raw),
    title: oneLine(message === '' || message === title ? title : `${title}: ${message}`),
    url: urlOf(raw),
    ...NOT_A_PACKAGE,
    layer: scope.of === 'image' ? 'app' : null,
    places: [placeOf(textIn(result, 'Target'), lineIn(fieldOf(raw, 'CauseMetadata')), scope)],
  };
}

const NOT_A_PACKAGE = { package: null, fixedIn: null, dev: false, via: [] };

function licence(raw: Json): Licence {
  return { name: textIn(raw, 'Name'), package: textIn(raw, 'PkgName'), category: textIn(raw, 'Category') };
}

/** Trivy names the layer where it saw a thing by its diff id. */
function layerOf(raw: Json, scope: ReportScope): Finding['layer'] {
  if (scope.of === 'source') return null;
  return scope.appLayers.includes(textIn(fieldOf(raw, 'Layer'), 'DiffID')) ? 'app' : 'base';
}

function placeOf(file: string, line: number | null, scope: ReportScope): Place {
  return { in: scope.of, file: file.replace(/^\/+/, ''), line };
}

function urlOf(raw: Json): string | null {
  const url = textIn(raw, 'PrimaryURL');
  return /^https?:\/\//.test(url) && URL.canParse(url) ? url : null;
}

function lineIn(raw: unknown): number | null {
  const line = fieldOf(raw, 'StartLine');
  return typeof line === 'number' && line > 0 ? line : null;
}

function severityOf(raw: Json): Severity {
  const given = required(raw, 'Severity');
  const found = SEVERITIES.find((severity) => severity === given);
  if (found === undefined) throw new BadReport(`a finding has the severity ${JSON.stringify(given)}`);
  return found;
}

function required(raw: Json, key: string): string {
  const text = textIn(raw, key);
  if (text === '') throw new BadReport(`a finding lacks ${key}: ${JSON.stringify(raw).slice(0, 120)}`);
  return text;
}

/** An absent list is an empty one (Trivy leaves empty ones out); anything else in its place is nonsense. */
function listOf(raw: Json, key: string): unknown[] {
  const list = raw[key] ?? [];
  if (!Array.isArray(list)) throw new BadReport(`${key} in the report is not a list`);
  return list;
}

function recordOf(value: unknown): Json {
  if (!isRecord(value)) throw new BadReport('the report holds an entry that is not an object');
  return value;
}

function fieldOf(value: unknown, key: string): unknown {
  return isRecord(value) ? value[key] : undefined;
}

/** What was scanned names files and packages as it likes: nothing that moves a terminal's cursor gets past here. */
function textIn(value: unknown, key: string): string {
  const field = fieldOf(value, key);
  return typeof field === 'string' ? field.toWellFormed().replace(CONTROLS, ' ').trim() : '';
}

const CONTROLS = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu;

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 160 ? `${line.slice(0, 159)}…` : line;
}

/** Times and identities of one scan. */
const OF_ONE_SCAN = new Set(['CreatedAt', 'ReportID', 'ArtifactID', 'UID']);

function normalise(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normalise);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !OF_ONE_SCAN.has(key))
      .map(([key, field]) => [key, normalise(field)]),
  );
}
