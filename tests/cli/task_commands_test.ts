import { assertEquals, assertThrows } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { resolveModule } from "../../src/cli/commands/module_file.ts";
import { progressText, taskName, taskText } from "../../src/cli/commands/task_commands.ts";
import type { CliContext } from "../../src/cli/context.ts";
import type { TaskDetail } from "../../src/wire/api.ts";

const context = { env: (name: string) => name === "IRIS_USER" ? "ann" : undefined } as CliContext;

Deno.test("a task is typed as its job and an index, or as the job alone for its first", () => {
  assertEquals(taskName(context, "sweep/3"), { job: "/ann/sweep", index: 3 });
  assertEquals(taskName(context, "sweep"), { job: "/ann/sweep", index: 0 });
  assertEquals(taskName(context, "/bob/sweep/part/12"), { job: "/bob/sweep/part", index: 12 });
  for (const typed of ["", "/3", "a/99999999999999999999"]) {
    assertEquals(assertThrows(() => taskName(context, typed), IrisError).field, "TASK", typed);
  }
});

Deno.test("a task is told in lines, without what there is not", () => {
  const none: TaskDetail = {
    ...{ name: "/ann/sweep/3", index: 3, generation: 1, state: "PENDING", attempt: null },
    ...{ worker: null, startedAtMs: null, endedAtMs: null, exitCode: null, endCause: null },
    ...{ detail: null, result: null, progress: null, usage: null, used: null },
  };
  assertEquals(taskText(none), "task      /ann/sweep/3\nstate     PENDING");
  const done = taskText({
    ...none,
    ...{ state: "FAILED", attempt: 1, worker: "w0", startedAtMs: 0, endedAtMs: 1_500 },
    ...{ exitCode: 1, endCause: "exit", detail: "its result is no JSON", result: { a: [1] } },
    used: { cpuMs: 1_500, peakBytes: 40 * 2 ** 20 },
    progress: { fraction: 0.4, done: 4, total: 10, message: "reading\nlines", atMs: 1 },
  });
  assertEquals(done.split("\n").slice(2), [
    "attempts  2",
    "worker    w0",
    "started   1970-01-01T00:00:00.000Z",
    "took      1.5 s",
    "ended by  exit",
    "exit code 1",
    "why       its result is no JSON",
    "used      1.5 s of processor time, 40.0 MiB at most",
    "progress  40 %, 4 of 10, reading lines",
    'result    {"a":[1]}',
  ]);
  const usage = { atMs: 1, cpuMs: 20, memoryBytes: 2 ** 20, peakBytes: 2 ** 21, processes: 1 };
  const running = taskText({ ...none, state: "RUNNING", usage });
  assertEquals(
    running.split("\n").at(-1),
    "uses      20 ms of processor time, 1.0 MiB now, 2.0 MiB at most, 1 process",
  );
  assertEquals(taskText({ ...none, result: "x".repeat(200) }).split("\n").length, 4);
});

Deno.test("a progress without a total says what is done", () => {
  const none = { fraction: null, done: null, total: null, message: null, atMs: 1 };
  assertEquals(progressText({ ...none, done: 7 }), "7 done");
  assertEquals(progressText({ ...none, message: "warming up" }), "warming up");
});

Deno.test("a module's file is made absolute from where it was typed, but below a bundle", () => {
  const of = { cwd: "/home/a b/x", bundled: false, mustExist: false };
  const file = (typed: string, more: Partial<typeof of> = {}) =>
    resolveModule({ file: typed, export: "main" }, { ...of, ...more }).file;
  assertEquals(file("./train.ts"), "/home/a b/x/train.ts");
  assertEquals(file("../%41 #/t.ts"), "/home/a b/%41 #/t.ts");
  assertEquals(file("/abs/t.ts"), "/abs/t.ts");
  assertEquals(file("src/t.ts", { bundled: true, mustExist: true }), "src/t.ts");
  const error = assertThrows(() => file("/", { mustExist: true }), IrisError);
  assertEquals([error.message, error.field], ["Invalid --module: / is not a file", "--module"]);
});
