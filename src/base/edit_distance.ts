/** How far apart two words are, for "did you mean". Pure. */

/**
 * The Levenshtein distance: how many letters are added, taken away or replaced between two words.
 * For words as long as names are: it takes the product of their lengths.
 */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Words that differ by more than this are not suggested. */
const NEAR = 3;

/** The word that was probably meant: the first of the nearest; null when none is near. */
export function nearest(given: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = NEAR + 1;
  for (const word of known) {
    const away = editDistance(given, word);
    if (away < bestDistance) [best, bestDistance] = [word, away];
  }
  return best;
}
