import { assert, assertEquals } from "@std/assert";
import type { StopReport } from "../../src/lifecycle/part.ts";
import {
  exitCodeOf,
  forEachReport,
  formatReport,
  reportError,
  worstOutcome,
} from "../../src/lifecycle/stop_report.ts";

function report(name: string, changes: Partial<StopReport> = {}): StopReport {
  return {
    name,
    kind: "component",
    cause: "shutdown",
    outcome: "clean",
    rung: "ask",
    tookMs: 12.4,
    allowedMs: 2_000,
    errors: [],
    leftovers: [],
    children: [],
    ...changes,
  };
}

Deno.test("a parent is as bad as its worst part: leaked, forced, failed, clean", () => {
  assertEquals(worstOutcome([]), "clean");
  assertEquals(worstOutcome(["clean", "failed"]), "failed");
  assertEquals(worstOutcome(["forced", "failed"]), "forced");
  assertEquals(worstOutcome(["leaked", "forced", "clean"]), "leaked");
});

Deno.test("exit codes of a daemon: 0 clean, 1 failed, 3 something was forced, 4 something leaked", () => {
  const codes = (["clean", "failed", "forced", "leaked"] as const)
    .map((outcome) => exitCodeOf(report("iris", { outcome })));
  assertEquals(codes, [0, 1, 3, 4]);
});

Deno.test("an error as data keeps its cause, what stands beside it, and theirs", () => {
  const disk = new TypeError("disk");
  const close = new AggregateError([disk, "text"], "close", { cause: new Error("why") });
  assertEquals(reportError(close), {
    name: "AggregateError",
    message: "close",
    causes: [
      { name: "Error", message: "why" },
      { name: "TypeError", message: "disk" },
      { name: "Thrown", message: "text" },
    ],
  });
});

Deno.test("a cause that is also among the errors appears once", () => {
  const first = new Error("first");
  const all = new AggregateError([first, new Error("second")], "all", { cause: first });
  assertEquals(reportError(all).causes?.map((cause) => cause.message), ["first", "second"]);
});

Deno.test("a cycle of causes ends, and so does a long chain", () => {
  const a = new Error("a");
  const b = new Error("b", { cause: a });
  a.cause = b;
  assertEquals(reportError(a), {
    name: "Error",
    message: "a",
    causes: [{ name: "Error", message: "b" }],
  });
  let chain = new Error("0");
  for (let i = 1; i < 100; i++) chain = new Error(String(i), { cause: chain });
  assert(JSON.stringify(reportError(chain)).length < 1_000);
});

Deno.test("whatever was thrown becomes data, also what has no text", () => {
  const hostile = {
    toString() {
      throw new Error("no");
    },
    toJSON() {
      throw new Error("no");
    },
  };
  assertEquals(
    [undefined, null, 7, "x", Symbol("s"), { code: 3 }, hostile].map((v) => reportError(v).message),
    ["undefined", "null", "7", "x", "Symbol(s)", '{"code":3}', "a value that has no text"],
  );
});

Deno.test("a clean report is printed as one line", () => {
  const clean = report("iris", { children: [report("controller"), report("worker")] });
  assertEquals(formatReport(clean), [
    "iris stopped cleanly: 3 parts, 12 of 2000 ms (shutdown)",
  ]);
});

Deno.test("a report that is not clean is printed as a tree that names what was not", () => {
  const tasks = report("tasks", {
    outcome: "forced",
    rung: "force",
    kind: "process",
    tookMs: 1_900,
    allowedMs: 1_950,
  });
  const store = report("store", {
    outcome: "leaked",
    rung: "verify",
    kind: "resource",
    leftovers: ["file\nlock"],
    errors: [{ name: "Error", message: "busy", causes: [{ name: "Error", message: "disk" }] }],
  });
  const controller = report("controller", {
    outcome: "leaked",
    children: [store, report("core")],
  });
  const root = report("iris", {
    outcome: "leaked",
    children: [controller, report("worker", { outcome: "forced", children: [tasks] })],
  });
  assertEquals(formatReport(root), [
    "iris stopped, 1 leaked, 1 forced: 6 parts, 12 of 2000 ms (shutdown)",
    "  controller (component), 12 of 2000 ms",
    "    store (resource) leaked at verify, 12 of 2000 ms",
    "      Error: busy",
    "        Error: disk",
    "      left over: file lock",
    "  worker (component), 12 of 2000 ms",
    "    tasks (process) forced at force, 1900 of 1950 ms",
  ]);
});

Deno.test("a failure of the root itself is printed under the first line", () => {
  const root = report("iris", { outcome: "failed", errors: [{ name: "Error", message: "boom" }] });
  assertEquals(formatReport(root), [
    "iris stopped, 1 failed: 1 part, 12 of 2000 ms (shutdown)",
    "  Error: boom",
  ]);
});

Deno.test("forEachReport visits parents first, in start order, with paths", () => {
  const seen: string[] = [];
  forEachReport(
    report("a", { children: [report("b", { children: [report("c")] }), report("d")] }),
    (_, path) => seen.push(path),
  );
  assertEquals(seen, ["a", "a/b", "a/b/c", "a/d"]);
});
