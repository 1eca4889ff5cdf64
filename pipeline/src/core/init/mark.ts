// The mark in a file that this tool wrote: by which version, so that a later one can tell what a person has changed in it.

const [BEFORE, BEHIND] = ['Written by drydock ', '; `npx drydock update` merges what later versions write into it.'];

/** Behind its first comment, which says what it is. JSON has no comments: there it is the first key. */
export function marked(text: string, version: string): string {
  const lines = text.split('\n');
  const mark = `${BEFORE}${version}${BEHIND}`;
  if (lines[0] === '{') return ['{', `  "//": "${mark}",`, ...lines.slice(1)].join('\n');
  const end = Math.max(
    1,
    lines.findIndex((line) => !line.startsWith('#')),
  );
  return [...lines.slice(0, end), `# ${mark}`, ...lines.slice(end)].join('\n');
}

const MARK = new RegExp(
  String.raw`^(?:# |  "//": ")${BEFORE}(.*)${BEHIND.replace('.', String.raw`\.`)}(?:",)?\r?$`,
  'm',
);

/** Null for a file that is a person's own. */
export function markedBy(text: string): string | null {
  return MARK.exec(text)?.[1] ?? null;
}
