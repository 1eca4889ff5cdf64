// OpenVEX documents (https://github.com/openvex/spec): statements that a vulnerability does, or does not, matter in a product.
import { PipelineError } from '../errors.ts';
import { type Fields, phraseFaults, YamlFile } from '../yaml.ts';
import { compareText, type Finding } from './finding.ts';
import { matchesPurl, parsePurl } from './purl.ts';

export const VEX_FOLDER = 'policy/vex';

const CONTEXTS = ['https://openvex.dev/ns/v0.2.0', 'https://openvex.dev/ns/v0.2'];
const STATUSES = ['not_affected', 'affected', 'fixed', 'under_investigation'] as const;
const JUSTIFICATIONS = [
  'component_not_present',
  'vulnerable_code_not_present',
  'vulnerable_code_not_in_execute_path',
  'vulnerable_code_cannot_be_controlled_by_adversary',
  'inline_mitigations_already_exist',
] as const;

/** The image, or packages in it, that a statement is about. */
type Product = { id: string; subcomponents: string[] };

export type Statement = {
  vulnerabilities: string[];
  products: Product[];
  status: (typeof STATUSES)[number];
  justification: string | null;
  /** In the author's words. */
  impact: string | null;
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
      'mend the document, or take it out; OpenVEX 0.2.0 is described at https://github.com/openvex/spec',
    );
  });
}

function readDocument(yaml: YamlFile, fields: Fields): Statement[] {
  const context = fields.required('@context');
  if (context !== '' && !CONTEXTS.includes(context)) {
    fields.fault('@context', `is ${JSON.stringify(context)}: a version of OpenVEX that is not known here`);
    return [];
  }
  for (const key of ['@id', 'author']) fields.required(key);
  const timestamp = readTime(fields, 'timestamp', '');
  if (timestamp === '') fields.fault('timestamp', 'is missing');
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
  return {
    vulnerabilities: readVulnerability(fields),
    products: fields.list('products').map(readProduct),
    status,
    justification,
    impact,
    timestamp: readTime(fields, 'timestamp', documentTime),
    place: `${yaml.file}:${yaml.lineOf(fields.node)}`,
  };
}

function readVulnerability(fields: Fields): string[] {
  const vulnerability = fields.mapping('vulnerability');
  if (vulnerability === undefined) {
    if (!fields.has('vulnerability')) fields.fault('vulnerability', 'is missing');
    return [];
  }
  return [vulnerability.required('name'), ...vulnerability.texts('aliases')];
}

function readProduct(fields: Fields): Product {
  const id = fields.text('@id') ?? fields.mapping('identifiers')?.text('purl') ?? '';
  if (id === '') fields.fault('@id', 'is missing');
  const subcomponents = fields
    .list('subcomponents')
    .map((part) => part.text('@id') ?? part.mapping('identifiers')?.text('purl') ?? '');
  return { id, subcomponents };
}

function readTime(fields: Fields, key: string, fallback: string): string {
  const text = fields.text(key, fallback);
  if (text === '' || !Number.isNaN(Date.parse(text))) return text;
  fields.fault(key, `must be a time such as 2026-01-31T12:00:00Z, not ${JSON.stringify(text)}`);
  return fallback;
}

/** The statement that speaks of a finding, if any: the latest one. */
export function statementFor(finding: Finding, statements: readonly Statement[]): Statement | undefined {
  if (finding.package === null) return undefined;
  const { purl } = finding.package;
  return statements
    .filter(({ vulnerabilities }) => vulnerabilities.includes(finding.id))
    .filter(({ products }) => products.some((product) => speaksOf(product, purl)))
    .sort((a, b) => compareText(new Date(b.timestamp).toISOString(), new Date(a.timestamp).toISOString()))[0];
}

/** A product is the package itself, or an image (`pkg:oci/…`) that has it: all of the image, or the parts that are named. */
function speaksOf(product: Product, purl: string): boolean {
  if (parsePurl(product.id)?.type !== 'oci') return matchesPurl(product.id, purl);
  return product.subcomponents.length === 0 || product.subcomponents.some((part) => matchesPurl(part, purl));
}
