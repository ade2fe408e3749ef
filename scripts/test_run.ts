/**
 * Runs the tests: three processes or more side by side, since a test waits more than it works. Each runs
 * one unit after the other; what a unit printed is shown as a whole when it is through. A unit that
 * hangs is ended, and counts as a failure with what it printed until then.
 */
import { ROOT } from "./lint/place.ts";
import { addCounts, type Counts, countTests, failedTests } from "./test_counts.ts";
import { nextUnit, type TestUnit, testUnits } from "./test_units.ts";

/** What every run of the tests is started with. */
export const TEST_ARGS = ["test", "-A", "--no-check", "--preload=tests/support/leak_guard.ts"];

/** A unit that takes longer hangs, in ms. */
const UNIT_MS = 10 * 60_000;
/** Units side by side: no fewer, no more. Three keep two cores busy, since most of a test is waiting. */
const LANES = { min: 3, max: 4 };
const NONE: Counts = { passed: 0, failed: 0, ignored: 0 };

/** How a run of all units went. */
export interface TestRun {
  readonly counts: Counts;
  /** Names of tests that failed; the files of a unit that failed otherwise. */
  readonly failed: readonly string[];
  readonly seconds: number;
}

/** Runs some test files. */
export async function runTests(
  files: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<TestRun> {
  const from = performance.now();
  const waiting = testUnits(files);
  const running = new Set<TestUnit>();
  const failed: string[] = [];
  let counts = NONE;
  const lane = async (): Promise<void> => {
    for (;;) {
      const unit = nextUnit(waiting, running);
      // What may not begin yet is begun by the lane that holds it up.
      if (unit === undefined) return;
      waiting.splice(waiting.indexOf(unit), 1);
      running.add(unit);
      const { output, counts: of } = await runUnit(unit, env);
      running.delete(unit);
      counts = addCounts(counts, of);
      if (of.failed === 0) continue;
      const names = failedTests(output);
      failed.push(...names.length > 0 ? names : unit.files);
    }
  };
  const lanes = Math.min(LANES.max, Math.max(LANES.min, navigator.hardwareConcurrency));
  await Promise.all(Array.from({ length: lanes }, lane));
  return { counts, failed, seconds: (performance.now() - from) / 1000 };
}

/** The line that `deno test` itself would end with. */
export function resultLine({ counts, seconds }: TestRun): string {
  const { passed, failed, ignored } = counts;
  const skipped = ignored === 0 ? "" : ` | ${ignored} ignored`;
  const word = failed === 0 ? "ok" : "FAILED";
  return `${word} | ${passed} passed | ${failed} failed${skipped} (${seconds.toFixed(0)}s)`;
}

async function runUnit(
  { files }: TestUnit,
  env: Readonly<Record<string, string>>,
): Promise<{ counts: Counts; output: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...TEST_ARGS, ...files],
    cwd: ROOT,
    env: { ...env, ...(!Deno.stdout.isTerminal() && { NO_COLOR: "1" }) },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let hangs = false;
  const timer = setTimeout(() => {
    hangs = true;
    child.kill("SIGKILL");
  }, UNIT_MS);
  const parts: string[] = [];
  const [, , { success }] = await Promise.all([
    collect(child.stdout, parts),
    collect(child.stderr, parts),
    child.status,
  ]);
  clearTimeout(timer);
  const output = parts.join("");
  console.log(output.trimEnd());
  if (hangs) console.log(`${files.join(" ")}: ended after ${UNIT_MS / 60_000} minutes`);
  return { counts: countTests(output, success), output };
}

/** Both streams as they came, which is the order in which they are read. */
async function collect(stream: ReadableStream<Uint8Array>, parts: string[]): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) parts.push(decoder.decode(chunk, { stream: true }));
}
