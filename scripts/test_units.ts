/**
 * In what pieces the tests are run, and which of them may run side by side. Pure.
 */

/** Test files that one process runs, one after another. */
export interface TestUnit {
  readonly files: readonly string[];
  /** Two units with the same word never run at the same time; null for one that minds nobody. */
  readonly alone: string | null;
}

/** A file of these folders is a unit by itself: each takes seconds, and most of it waits. */
const BY_FILE = ["tests/e2e/", "tests/sim/", "tests/scripts/", "tests/vm/"];
/** What takes longest begins first, so that nothing long is left to the end. */
const LONGEST = ["tests/e2e/stop_matrix_test.ts", "tests/sim/"];
/** What there is once on a machine, and would be in its own way. */
const ALONE: readonly (readonly [word: string, path: RegExp])[] = [
  ["slurm", /slurm/],
];

/** The units of some test files, in the order in which they begin. */
export function testUnits(files: readonly string[]): TestUnit[] {
  const units = new Map<string, string[]>();
  for (const file of files) {
    const key = BY_FILE.some((folder) => file.startsWith(folder)) ? file : folderOf(file);
    const unit = units.get(key);
    if (unit === undefined) units.set(key, [file]);
    else unit.push(file);
  }
  return [...units].sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1))
    .map(([key, files]) => ({ files, alone: aloneOf(key) }));
}

/** The next unit that may begin beside those that run; undefined when it has to wait. */
export function nextUnit(
  waiting: readonly TestUnit[],
  running: ReadonlySet<TestUnit>,
): TestUnit | undefined {
  const taken = new Set([...running].map(({ alone }) => alone));
  return waiting.find(({ alone }) => alone === null || !taken.has(alone));
}

function folderOf(file: string): string {
  return file.split("/").slice(0, 2).join("/");
}

function rank(key: string): number {
  const at = LONGEST.findIndex((path) => key.startsWith(path));
  if (at >= 0) return at;
  return LONGEST.length + (key.endsWith("_test.ts") ? 0 : 1);
}

function aloneOf(key: string): string | null {
  return ALONE.find(([, path]) => path.test(key))?.[0] ?? null;
}
