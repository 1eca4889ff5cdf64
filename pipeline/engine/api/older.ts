// What SDKs of earlier versions call otherwise: their queries are read in today's words, as a real engine has a view for each version.
import { type DocumentNode, type FieldNode, visit } from 'graphql';

/** By field: the name that an argument had before Dagger 0.19, and has now. */
const RENAMED: Readonly<Record<string, readonly [before: string, now: string]>> = {
  withDirectory: ['directory', 'source'],
};

/** The query in today's words. Few are not: all others are left as they are. */
export function inTodaysWords(document: DocumentNode, text: string): DocumentNode {
  return /\bwithDirectory\b/.test(text) ? visit(document, { Field: renamed }) : document;
}

function renamed(field: FieldNode): FieldNode {
  const [before, now] = RENAMED[field.name.value] ?? [];
  if (now === undefined) return field;
  const words = field.arguments?.map((word) =>
    word.name.value === before ? { ...word, name: { ...word.name, value: now } } : word,
  );
  return { ...field, ...(words === undefined ? {} : { arguments: words }) };
}
