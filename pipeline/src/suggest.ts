// "Did you mean": the known word that is nearest to what was typed.

export function nearest(typed: string, known: readonly string[]): string | undefined {
  const lower = typed.toLowerCase();
  const ranked = known
    .map((word) => ({ word, distance: distance(lower, word.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  const isStart = (word: string) => lower.length >= 2 && word.toLowerCase().startsWith(lower);
  const started = known.find(isStart);
  // A third of the letters may be wrong; more is another word.
  if (best !== undefined && best.distance <= Math.max(1, Math.floor(best.word.length / 3))) return best.word;
  return started;
}

/** Edits (one letter more, less, other, or two swapped) from one word to the other. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, index) => index)];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const at = (y: number, x: number) => rows[y]?.[x] ?? 0;
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : Infinity;
      row.push(Math.min(at(i - 1, j) + 1, (row[j - 1] ?? 0) + 1, at(i - 1, j - 1) + cost, swapped));
    }
    rows.push(row);
  }
  return rows[a.length]?.[b.length] ?? Infinity;
}
