// OpenVEX documents (https://github.com/openvex/spec): statements that a vulnerability does, or does not, matter in a product.
import { isMap, isScalar, isSeq } from 'yaml';
import { PipelineError } from '../errors.ts';
import { type Fields, phraseFaults, YamlFile } from '../yaml.ts';
import { compareText, type Finding, isCalled } from './finding.ts';
import { matchesPurl, type Purl, parsePurl } from './purl.ts';

export const VEX_FOLDER = 'policy/vex';

/** The specification's own examples carry the last one; what they hold is 0.2.0 too. */
const CONTEXTS = ['https://openvex.dev/ns/v0.2.0', 'https://openvex.dev/ns/v0.2', 'https://openvex.dev/ns'];
/** In these, vulnerabilities and products are texts, and parts are the statement's. */
const OLD_CONTEXTS = ['https://openvex.dev/ns/v0.0.1', 'https://openvex.dev/ns/v0.0.2'];

/** What else is called VEX, by the field that gives it away. */
const OTHERS: [name: string, is: (fields: Fields) => boolean][] = [
  ['CSAF', (fields) => isMap(fields.nodeOf('document')) && !fields.has('@context')],
  ['CycloneDX', (fields) => fields.has('bomFormat') || fields.has('specVersion')],
  ['SPDX', (fields) => fields.has('spdxVersion') || /\bspdx\b/.test(contextOf(fields))],
];
const contextOf = (fields: Fields) => (isScalar(fields.nodeOf('@context')) ? fields.text('@context', '') : '');
const STATUSES = ['not_affected', 'affected', 'fixed', 'under_investigation'] as const;
const JUSTIFICATIONS = [
  'component_not_present',
  'vulnerable_code_not_present',
  'vulnerable_code_not_in_execute_path',
  'vulnerable_code_cannot_be_controlled_by_adversary',
  'inline_mitigations_already_exist',
] as const;

/** The image, or a package, that a statement is about, by each of its names; and the parts of it that are meant. */
type Product = { names: string[]; parts: string[] };

export type Statement = {
  vulnerabilities: string[];
  products: Product[];
  status: (typeof STATUSES)[number];
  justification: string | null;
  /** In the author's words. */
  impact: string | null;
  /** In UTC, as `toISOString` writes it: in order as a text. */
  timestamp: string;
  /** `file:line` */
  place: string;
};

export type VexText = { file: string; text: string };

/** The statements of all documents. Throws one `BAD_VEX` that names every fault with file and line. */
export function parseVex(documents: readonly VexText[]): Statement[] {
  return documents.flatMap(({ file, text }) => {
    const yaml = new YamlFile(file, text);
    const fields = yaml.fields();
    const statements = fields === undefined ? [] : readDocument(yaml, fields);
    if (yaml.faults.length === 0) return statements;
    throw new PipelineError(
      'BAD_VEX',
      phraseFaults(yaml.faults),
      'fix the document, or take it out; OpenVEX is described at https://github.com/openvex/spec, and its vexctl makes it of others',
    );
  });
}

function readDocument(yaml: YamlFile, fields: Fields): Statement[] {
  const [other] = OTHERS.find(([, is]) => is(fields)) ?? [];
  if (other !== undefined) {
    yaml.fault(fields.node, `this is ${other}, and only OpenVEX is read here`);
    return [];
  }
  const context = fields.required('@context');
  if (context !== '' && ![...CONTEXTS, ...OLD_CONTEXTS].includes(context)) {
    fields.fault('@context', `is ${JSON.stringify(context)}: a version of OpenVEX that is not known here`);
    return [];
  }
  for (const key of ['@id', 'author']) fields.required(key);
  for (const key of ['timestamp', 'statements']) if (!fields.has(key)) fields.fault(key, 'is missing');
  const timestamp = readTime(fields, '');
  // `version`, `last_updated`, `tooling` and what else documents carry decide nothing here.
  return fields.list('statements').map((entry) => readStatement(yaml, entry, timestamp));
}

function readStatement(yaml: YamlFile, fields: Fields, documentTime: string): Statement {
  const status = fields.oneOf('status', STATUSES, 'under_investigation');
  if (!fields.has('status')) fields.fault('status', 'is missing');
  const justification = fields.has('justification')
    ? fields.oneOf('justification', JUSTIFICATIONS, JUSTIFICATIONS[0])
    : null;
  const impact = fields.text('impact_statement') ?? null;
  if (status === 'not_affected' && justification === null && impact === null) {
    fields.fault('status', 'is not_affected, which needs a justification or an impact_statement');
  }
  if (!fields.has('products')) fields.fault('products', 'is missing: a statement about nothing says nothing');
  return {
    vulnerabilities: readVulnerability(fields),
    products: readProducts(fields),
    status,
    justification,
    impact,
    timestamp: readTime(fields, documentTime),
    place: `${yaml.file}:${yaml.lineOf(fields.node)}`,
  };
}

function readVulnerability(fields: Fields): string[] {
  if (isScalar(fields.nodeOf('vulnerability'))) return [fields.required('vulnerability')];
  const vulnerability = fields.mapping('vulnerability');
  if (vulnerability === undefined) {
    if (!fields.has('vulnerability')) fields.fault('vulnerability', 'is missing');
    return [];
  }
  return [vulnerability.required('name'), ...vulnerability.texts('aliases')];
}

function readProducts(fields: Fields): Product[] {
  const listed = fields.nodeOf('products');
  const isOld = isSeq(listed) && listed.items.length > 0 && listed.items.every(isScalar);
  if (!isOld) return fields.list('products').map(readProduct);
  const parts = fields.texts('subcomponents');
  return fields.texts('products').map((name) => ({ names: [name], parts }));
}

function readProduct(fields: Fields): Product {
  return { names: readNames(fields), parts: fields.list('subcomponents').flatMap(readNames) };
}

function readNames(fields: Fields): string[] {
  const names = [fields.text('@id'), fields.mapping('identifiers')?.text('purl')].filter((name) => name !== undefined);
  if (names.length === 0) fields.fault('@id', 'is missing, and so is a purl among identifiers');
  return names;
}

/** RFC 3339 with its zone: without one, which statement is the latest would be another on another machine. */
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/i;

function readTime(fields: Fields, fallback: string): string {
  const text = fields.text('timestamp');
  if (text === undefined) return fallback;
  if (TIME.test(text) && !Number.isNaN(Date.parse(text))) return new Date(text).toISOString();
  fields.fault('timestamp', `must be a time such as 2026-01-31T12:00:00Z, not ${JSON.stringify(text)}`);
  return fallback;
}

/** What a statement may call the image that was scanned: digests, of the whole and of each platform, and repositories. */
export type ImageNames = { digests: readonly string[]; repositories: readonly string[] };

/** The statement that speaks of a finding, if any: the latest one. Of two at the same time, the one that takes nothing back. */
export function statementFor(
  finding: Finding,
  statements: readonly Statement[],
  image: ImageNames,
): Statement | undefined {
  return statements
    .filter((statement) => isAbout(statement, finding, image))
    .sort((a, b) => compareText(b.timestamp, a.timestamp) || Number(acquits(a)) - Number(acquits(b)))[0];
}

export function isAbout({ vulnerabilities, products }: Statement, finding: Finding, image: ImageNames): boolean {
  return isCalled(finding, vulnerabilities) && products.some((product) => speaksOf(product, finding, image));
}

/** Whether a finding that this statement speaks of does not count. */
export function acquits({ status }: Statement): boolean {
  return status === 'not_affected' || status === 'fixed';
}

/**
 * A product is the package itself, or the image that has it (`pkg:oci/…`): all of the image, or the parts that are named. Parts of
 * anything else speak of that thing's dependencies, and which of them a package in an image is, nobody can tell here.
 */
function speaksOf({ names, parts }: Product, finding: Finding, image: ImageNames): boolean {
  const { package: found, layer } = finding;
  if (found === null) return false;
  const isNamed = (name: string) => matchesPurl(name, found.purl);
  const images = imagesIn(names);
  if (images.length === 0) return parts.length === 0 && names.some(isNamed);
  return layer !== null && images.every((purl) => isOf(image, purl)) && (parts.length === 0 || parts.some(isNamed));
}

/** Images that a statement names by neither a digest nor a repository of ours: whoever wrote it may have meant this one. */
export function strangersIn({ products }: Statement, image: ImageNames): string[] {
  return products.flatMap(({ names }) =>
    imagesIn(names)
      .filter((purl) => purl.version === null && !isOf(image, purl))
      .map(({ name, qualifiers }) => qualifiers.get('repository_url') ?? name),
  );
}

const imagesIn = (names: readonly string[]): Purl[] =>
  names.flatMap((name) => parsePurl(name) ?? []).filter(({ type }) => type === 'oci');

/** `repository_url` is the repository; some writers leave its last part to the name. */
function isOf({ digests, repositories }: ImageNames, { name, version, qualifiers }: Purl): boolean {
  if (version !== null) return digests.includes(version);
  const url = (qualifiers.get('repository_url') ?? '').replace(/^https?:\/\/|\/+$/g, '').toLowerCase();
  const own = name.toLowerCase();
  return repositories
    .map((repository) => repository.toLowerCase())
    .some((repository) => repository.endsWith(`/${own}`) && (url === repository || `${url}/${own}` === repository));
}
