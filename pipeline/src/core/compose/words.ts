// Divides a command that is one text into its words, as Docker Compose does: by blanks, with quotes and backslashes, and without a shell.

/** Undefined for what has a sign in it that means something to a shell: Compose drops what follows it. */
export function wordsOf(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text.charAt(at);
    if (sign === '\\' && quote !== "'") {
      at += 1;
      if (at === text.length) return undefined;
      word = `${word ?? ''}${text.charAt(at)}`;
    } else if (quote !== undefined) {
      if (sign === quote) quote = undefined;
      else word += sign;
    } else if (/[ \t\r\n]/.test(sign)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (sign === '"' || sign === "'") {
      quote = sign;
      word ??= '';
    } else if (/[`$()|&;<>]/.test(sign)) return undefined;
    else word = `${word ?? ''}${sign}`;
  }
  if (quote !== undefined) return undefined;
  return word === undefined ? words : [...words, word];
}
