/** Columns of text in a terminal. */
import { WIDE_RUNS, ZERO_RUNS } from "./_width_table.ts";

/** Sorted first and last code points: `[first, last, first, last, ...]`. */
type Ranges = Uint32Array;

let tables: { readonly zero: Ranges; readonly wide: Ranges } | undefined;

/**
 * How many columns a terminal needs for a text: two for wide characters, none for marks, format and
 * control characters, one for all others. Each code point counts for itself, so a joined emoji is as
 * wide as its parts.
 *
 * @param str without escape sequences, whose printable characters would count
 */
export function unicodeWidth(str: string): number {
  let width = 0;
  for (const char of str) {
    width += codePointWidth(char.codePointAt(0) as number);
  }
  return width;
}

function codePointWidth(codePoint: number): 0 | 1 | 2 {
  if (codePoint < 0x7f) return codePoint < 0x20 ? 0 : 1;
  if (codePoint < 0xa0) return 0;
  tables ??= { zero: decodeRuns(ZERO_RUNS), wide: decodeRuns(WIDE_RUNS) };
  if (contains(tables.zero, codePoint)) return 0;
  return contains(tables.wide, codePoint) ? 2 : 1;
}

/** Reads runs as written in the table: `GAP` or `GAP+MORE`, in base 36. */
function decodeRuns(text: string): Ranges {
  const ranges: number[] = [];
  let at = 0;
  for (const run of text.split(" ")) {
    const [gap = "", more = "0"] = run.split("+");
    const first = at + parseInt(gap, 36);
    at = first + parseInt(more, 36);
    ranges.push(first, at);
  }
  return Uint32Array.from(ranges);
}

/** Binary search for the last range that starts at or before the code point. */
function contains(ranges: Ranges, codePoint: number): boolean {
  let low = 0;
  let high = ranges.length / 2;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[middle * 2] as number) <= codePoint) low = middle + 1;
    else high = middle;
  }
  return low > 0 && codePoint <= (ranges[low * 2 - 1] as number);
}
