/**
 * `deno task ok`: the one gate. Runs format, lint, types, documents, and then all tests, all of them
 * even when one fails, and says how it went: a line a step, then `N passed, N failed`, where each test
 * counts as one and each other step as one. Needs no network once caches are filled.
 */
import { ROOT } from "./lint/place.ts";
import { readTree } from "./lint/tree.ts";
import { resultLine, runTests } from "./test_run.ts";

/** One thing that must hold. */
interface Step {
  readonly name: string;
  /** Arguments of `deno`. */
  readonly args: readonly string[];
  /** Whether it passed, where the exit code does not say. */
  readonly passed?: (output: string) => boolean;
}

/** What is type-checked. Isolate modules bring their own library, by a reference on top of them. */
const CODE = ["main.ts", "src", "tests", "bench", "scripts", "examples"];

/** The whole stop matrix and the whole explorer instead of their daily parts. */
const ALL_TESTS = { NO_COLOR: "1", IRIS_FULL: "1", IRIS_EXPLORE: "full" };

function steps(documents: readonly string[]): Step[] {
  return [
    { name: "format", args: ["fmt", "--check"] },
    { name: "lint", args: ["lint"] },
    { name: "types", args: ["check", ...CODE] },
    { name: "examples", args: ["check", "--doc-only", ...documents, "src"] },
    {
      name: "client types",
      args: ["doc", "--lint", "src/client/mod.ts"],
      // Only this finding counts: a user of the SDK can name every type that it shows. That each
      // field has a comment, which it asks for too, would say `name: the name` most of the time.
      passed: (output) => !output.includes("error[private-type-ref]"),
    },
  ];
}

/** Runs a step to its end; true when it passed. */
async function runStep(step: Step): Promise<boolean> {
  const from = performance.now();
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: [...step.args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  const output = decoder.decode(stdout) + decoder.decode(stderr);
  const passed = step.passed?.(output) ?? success;
  if (!passed) console.log(output.trimEnd());
  say(passed, `${step.name} (${((performance.now() - from) / 1000).toFixed(1)} s)`);
  return passed;
}

function say(passed: boolean, text: string): void {
  console.log(`${passed ? "ok    " : "FAILED"} ${text}`);
}

async function main(): Promise<number> {
  const tree = await readTree();
  const documents = [...tree.keys()].filter((path) => path.endsWith(".md"));
  const failures: string[] = [];
  const all = steps(documents);
  for (const step of all) {
    if (!await runStep(step)) failures.push(step.name);
  }
  const files = [...tree.keys()].filter((path) => path.endsWith("_test.ts"));
  const run = await runTests(files, ALL_TESTS);
  const { counts } = run;
  console.log(resultLine(run));
  say(counts.failed === 0, `tests (${run.seconds.toFixed(1)} s)`);
  const passed = all.length - failures.length + counts.passed;
  const failed = failures.length + counts.failed;
  failures.push(...run.failed);
  for (const name of failures) console.log(`failed: ${name}`);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exitCode = await main();
