import { unicodeWidth } from "@std/cli/unicode-width";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { factsLine, factsOf, type Moment, watchLines } from "../../src/cli/output/watch_screen.ts";
import type { JobView, WorkerView } from "../../src/wire/api.ts";

const job = (name: string, of: Partial<JobView>) =>
  ({
    ...{ name, state: "RUNNING", replicas: 4, counts: { RUNNING: 1, PENDING: 3 }, done: false },
    ...{ submittedAtMs: 0, startedAtMs: 0, endedAtMs: null, ...of },
  }) as JobView;
const worker = (name: string, of: Partial<WorkerView> = {}) =>
  ({
    ...{ name, state: "alive", hostname: "a-host-with-a-name", cpuMilli: 8_000 },
    ...{ memoryBytes: 2 ** 34, running: 1, backlog: 0, lastSeenMs: 5, reason: null },
    ...{ drained: null, setAside: null, ...of },
  }) as WorkerView;

const moment: Moment = {
  atMs: 3_600_000,
  workers: Array.from({ length: 30 }, (_, at) => worker(`w${at}`)),
  active: Array.from({ length: 40 }, (_, at) => job(`/ada/job-${at}`, {})),
  more: false,
  done: [job("/ada/done", { state: "FAILED", counts: { FAILED: 4 }, endedAtMs: 9 })],
};
const url = "http://127.0.0.1:10000";

Deno.test("the screen fits at every size, and shows as much as there is room for", () => {
  for (const [rows, columns] of [[5, 20], [10, 40], [24, 80], [60, 200]] as const) {
    const lines = watchLines(moment, { rows, columns, color: false, url, problem: null });
    assert(lines.length <= rows, `${rows} rows: ${lines.length}`);
    for (const line of lines) assert(unicodeWidth(line) <= columns, `${columns}: ${line}`);
  }
  const lines = watchLines(moment, { rows: 24, columns: 80, color: false, url, problem: null });
  assertEquals(lines.length, 24, "no room is wasted");
  assertStringIncludes(lines.join("\n"), "Jobs (11 of 41)");
  assertStringIncludes(lines.join("\n"), "Workers (5 of 30)");
});

Deno.test("a small cluster is shown whole, and what is stale says so", () => {
  const small = { ...moment, workers: [worker("w0")], active: [job("/ada/a", {})] };
  const shown = watchLines(small, {
    rows: 24,
    columns: 80,
    color: false,
    url,
    problem: "no route",
  });
  const text = shown.join("\n");
  for (const part of ["/ada/a", "/ada/done", "w0", "STALE: no route", "01:00:00 UTC"]) {
    assertStringIncludes(text, part);
  }
  assertEquals(text.includes(" of "), true);
  assertEquals(text.includes("Jobs ("), false);
});

Deno.test("the numbers are those of tasks that are not over", () => {
  const facts = factsOf({ ...moment, workers: [worker("a"), worker("b", { state: "lost" })] });
  assertEquals(facts, {
    ...{ atMs: 3_600_000, workers: 2, alive: 1, jobs: 40, running: 40, waiting: 120 },
  });
  assertEquals(
    factsLine(facts, true),
    "workers 1 of 2, active jobs 40+, tasks running 40+, waiting 120+",
  );
});
