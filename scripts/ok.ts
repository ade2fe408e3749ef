/**
 * `deno task ok`: the one gate. Runs format, lint, types, documents and all tests one after another,
 * all of them even when one fails, and says how it went: a line a step, then `N passed, N failed`,
 * where each test counts as one and each other step as one. Needs no network once caches are filled.
 */
import { ROOT } from "./lint/place.ts";
import { readTree } from "./lint/tree.ts";
import { type Counts, countTests } from "./test_counts.ts";

/** One thing that must hold. */
interface Step {
  readonly name: string;
  /** Arguments of `deno`. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it passed, where the exit code does not say. */
  readonly passed?: (output: string) => boolean;
  /** Whether it runs tests: its output is shown as it comes, and its tests are counted. */
  readonly tests?: true;
}

/** What is type-checked. Isolate modules bring their own library, by a reference on top of them. */
const CODE = ["main.ts", "src", "tests", "bench", "scripts", "examples"];

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
    // The whole stop matrix and the whole explorer instead of their daily parts.
    {
      name: "tests",
      args: ["test", "-A", "--no-check", "--preload=tests/support/leak_guard.ts", "tests", "src"],
      env: { IRIS_FULL: "1", IRIS_EXPLORE: "full" },
      tests: true,
    },
  ];
}

/** Everything that comes out of a stream, passed on as it comes when asked to. */
async function collect(stream: ReadableStream<Uint8Array>, show: boolean): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    if (show) await Deno.stdout.write(chunk);
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

/** Runs a step to its end; true when it passed. */
async function runStep(step: Step): Promise<{ passed: boolean; counts: Counts }> {
  const from = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [...step.args],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...step.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const shown = step.tests === true;
  const [out, err, { success }] = await Promise.all([
    collect(child.stdout, shown),
    collect(child.stderr, shown),
    child.status,
  ]);
  const good = step.passed?.(out + err) ?? success;
  if (!good && !shown) console.log(`${out}${err}`.trimEnd());
  const counts = step.tests ? countTests(out, success) : count(good);
  const passed = counts.failed === 0;
  const seconds = ((performance.now() - from) / 1000).toFixed(1);
  const tests = step.tests ? `, ${counts.passed} passed, ${counts.failed} failed` : "";
  console.log(`${passed ? "ok    " : "FAILED"} ${step.name} (${seconds} s${tests})`);
  return { passed, counts };
}

function count(success: boolean): Counts {
  return success ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

async function main(): Promise<number> {
  const tree = await readTree();
  const documents = [...tree.keys()].filter((path) => path.endsWith(".md"));
  let passed = 0;
  let failed = 0;
  const failures: string[] = [];
  for (const step of steps(documents)) {
    const result = await runStep(step);
    passed += result.counts.passed;
    failed += result.counts.failed;
    if (!result.passed) failures.push(step.name);
  }
  if (failures.length > 0) console.log(`failed: ${failures.join(", ")}`);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exitCode = await main();
