/** Reads how many tests passed and failed out of what `deno test` printed. */

/** How many tests went which way. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly ignored: number;
}

/** `ok | 12 passed (3 steps) | 0 failed | 1 ignored (2s)` */
const RESULT =
  /^(?:ok|FAILED) \| (\d+) passed(?: \([^)]*\))? \| (\d+) failed(?: \([^)]*\))?(?: \| (\d+) ignored)?/gm;
// deno-lint-ignore no-control-regex -- colours are escape sequences
const COLOURS = /\x1b\[[0-9;]*m/g;

/**
 * The counts of a run. The last result line is the run's own (a test may print one of another run).
 * A run that failed without a failed test, or that had none at all, counts as one failure.
 *
 * @param output what it wrote to stdout
 * @param success whether it exited with 0
 */
export function countTests(output: string, success: boolean): Counts {
  const last = [...output.replaceAll(COLOURS, "").matchAll(RESULT)].at(-1);
  const passed = Number(last?.[1] ?? 0);
  const failed = Number(last?.[2] ?? 0);
  const ignored = Number(last?.[3] ?? 0);
  const broken = failed === 0 && (!success || passed + ignored === 0);
  return { passed, failed: broken ? 1 : failed, ignored };
}

/** The names of tests that failed, as the list at the end of a run has them. */
export function failedTests(output: string): string[] {
  const list = output.replaceAll(COLOURS, "").split(/^ FAILURES \s*$/m).at(-1) ?? "";
  return [...list.matchAll(/^(.+) => \.?\/\S+:\d+:\d+$/gm)].map((match) => match[1]!);
}

/** The counts of two runs together. */
export function addCounts(a: Counts, b: Counts): Counts {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    ignored: a.ignored + b.ignored,
  };
}
