// What all of Kubernetes' objects have in common, and how a file of them is written.
import { stringify } from 'yaml';

export type Resource = {
  apiVersion: string;
  kind: string;
  metadata: { name: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  [field: string]: unknown;
};

/** A file below deploy/, and the text that belongs into it. */
export type RenderedFile = { path: string; text: string };

const HEADER = '# Rendered by deploy/render.ts. Change what it is made from, then: npm run deploy\n';

export function yamlFile(path: string, documents: readonly object[]): RenderedFile {
  const texts = documents.map((document) => stringify(document, { lineWidth: 0, aliasDuplicateObjects: false }));
  return { path, text: `${HEADER}${texts.join('---\n')}` };
}

/** What selectors select by. It never changes: a Deployment's selector can't. */
export const selectorOf = (name: string) => ({ 'app.kubernetes.io/name': name });
