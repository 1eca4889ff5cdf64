// The mark in a file that this tool wrote: by which version, so that a later one can tell what a person has changed in it.

const [BEFORE, BEHIND] = ['# Written by drydock ', '; `npx drydock update` merges what later versions write into it.'];

/** Behind its first line, which says what it is. */
export function marked(text: string, version: string): string {
  const [first = '', ...rest] = text.split('\n');
  return [first, `${BEFORE}${version}${BEHIND}`, ...rest].join('\n');
}

/** Null for a file that is a person's own. */
export function markedBy(text: string): string | null {
  const line = text.split(/\r?\n/).find((each) => each.startsWith(BEFORE) && each.endsWith(BEHIND));
  return line?.slice(BEFORE.length, -BEHIND.length) ?? null;
}
