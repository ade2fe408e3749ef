import { assertEquals, assertThrows } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { type ResultsReader, taskResults } from "../../src/controller/task_results.ts";
import type { JobView, TaskView } from "../../src/wire/api.ts";

function task(index: number, state: TaskView["state"], attempt: number | null = 0): TaskView {
  return {
    ...{ name: `/u/a/${index}`, index, state, attempt, worker: "w1" },
    ...{ startedAtMs: 1, endedAtMs: 2, exitCode: 0, endCause: "exit", detail: null },
  };
}

function reader(tasks: TaskView[], returned: Record<string, string>): ResultsReader {
  return {
    job: (name) => name === "/u/a" ? { name, generation: 7 } as JobView : null,
    tasks: (_, { offset, limit }) => tasks.slice(offset, offset + limit),
    returned: (generation, { task, attempt }) =>
      returned[`${generation}.${task}.${attempt}`] ?? null,
  };
}

Deno.test("results end before the first task that has not ended, and are those of the last attempt", () => {
  const tasks = [
    ...[task(0, "SUCCEEDED", 1), task(1, "FAILED"), task(2, "UNSCHEDULABLE", null)],
    ...[task(3, "RUNNING"), task(4, "SUCCEEDED")],
  ];
  const store = reader(tasks, { "7.0.0": '{"result":1}', "7.0.1": '{"result":{"n":2}}' });
  const found = taskResults(store, "/u/a", { offset: 0, limit: 10 });
  assertEquals(found.map(({ index, result }) => [index, result]), [
    [0, { n: 2 }],
    [1, null],
    [2, null],
  ]);
  assertEquals(taskResults(store, "/u/a", { offset: 3, limit: 10 }), []);
  assertEquals(taskResults(store, "/u/a", { offset: 4, limit: 10 }).length, 1);
  assertThrows(() => taskResults(store, "/u/b", { offset: 0, limit: 1 }), IrisError, "/u/b");
});

Deno.test("a page of large results is short, and never empty", () => {
  const large = JSON.stringify({ result: "x".repeat(3 * 1024 * 1024) });
  const store = reader([0, 1, 2, 3].map((index) => task(index, "SUCCEEDED")), {
    ...{ "7.0.0": large, "7.1.0": large, "7.2.0": large },
  });
  const from = (offset: number) => taskResults(store, "/u/a", { offset, limit: 10 }).length;
  assertEquals([from(0), from(1), from(2)], [2, 2, 2]);
});
