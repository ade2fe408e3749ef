/** What a bench measured. */

/** One measured line. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
  /** What DESIGN promises, for instance `<= 600 ms`. */
  readonly target: string;
}

/** Sums up samples. */
export function figure(
  of: { name: string; unit: string; target: string },
  samples: readonly number[],
): Figure {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.round((sorted.length - 1) * share)] ?? NaN;
  return { ...of, median: at(0.5), min: at(0), max: at(1), runs: sorted.length };
}
