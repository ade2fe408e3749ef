import { assertEquals, assertRejects } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { type JobOutputsOptions, JobOutputsReader } from "../../src/controller/job_outputs.ts";
import type { JobView, TaskView } from "../../src/wire/api.ts";
import type { KeptOutput } from "../../src/wire/shipping.ts";
import { ManualClock } from "../fakes/manual_clock.ts";

const NEVER = new AbortController().signal;

function task(index: number, state: TaskView["state"], worker: string | null): TaskView {
  return {
    ...{ name: `/u/a/${index}`, index, state, worker, attempt: worker === null ? null : 1 },
    ...{ startedAtMs: 1, endedAtMs: 2, exitCode: 0, endCause: "exit", detail: null },
  };
}

function kept(index: number, more: Partial<KeptOutput> = {}): KeptOutput {
  return { index, attempt: 1, files: 1, bytes: 2, note: null, gone: false, ...more };
}

/** Tasks, what workers say, and what was asked of them. */
function setup(tasks: TaskView[], workers: Record<string, KeptOutput[] | "down" | "strange">) {
  const asked: unknown[] = [];
  const clock = new ManualClock();
  const options: JobOutputsOptions = {
    job: (name) =>
      name !== "/u/a" ? null : {
        ...{ name, generation: 7, replicas: tasks.length },
        spec: { outputBytes: 10 },
      } as unknown as JobView,
    tasks: (_, { offset, limit }) => tasks.slice(offset, offset + limit),
    sources: () =>
      Object.keys(workers).map((name) => ({ name, url: `http://${name}`, token: "t" })),
    post: ({ url }, body) => {
      asked.push(body);
      const worker = workers[url.slice(7)];
      if (worker === "down") return Promise.reject(new Error("no route"));
      return Promise.resolve(worker === "strange" ? { outputs: 3 } : { outputs: worker });
    },
    reader: { job: () => null, tasks: () => [], returned: () => null },
    stream: ({ url }, body) => {
      asked.push([url, body]);
      return Promise.resolve(ReadableStream.from([new Uint8Array([1])]));
    },
    clock,
    closed: NEVER,
  };
  return { outputs: new JobOutputsReader(options), asked, clock };
}

Deno.test("each task's last attempt is found where it ran, and what is missing has a reason", async () => {
  const { outputs, clock } = setup([
    task(0, "SUCCEEDED", "w1"),
    task(1, "FAILED", "w2"),
    task(2, "SUCCEEDED", "w3"),
    task(3, "RUNNING", "w1"),
    task(4, "PENDING", null),
    task(5, "SUCCEEDED", "w1"),
    task(6, "SUCCEEDED", "gone"),
    task(7, "SUCCEEDED", "w1"),
    task(8, "SUCCEEDED", "w4"),
  ], {
    w1: [kept(0), kept(1), kept(5, { attempt: 0 }), kept(7, { gone: true })],
    w2: [kept(1, { note: "not kept: x" })],
    w3: "down",
    w4: "strange",
  });
  const { outputs: found, gaps, gapCount } = await outputs.list("/u/a");
  assertEquals(found.map(({ task, worker, note }) => [task, worker, note]), [
    [0, "w1", null],
    [1, "w2", "not kept: x"],
  ]);
  assertEquals(gaps.map(({ task, why }) => `${task} ${why}`), [
    "2 worker w3 does not answer: no route",
    "3 it still runs",
    "6 worker gone is gone",
    "7 worker w1 does not keep it any more",
    "8 worker w4 does not answer: outputs Invalid type: Expected Array but received 3",
  ]);
  assertEquals([gapCount, clock.timers], [5, 0]);
});

Deno.test("the archive of a task comes from its worker, by its last attempt", async () => {
  const { outputs, asked } = setup([task(0, "SUCCEEDED", "w1"), task(1, "SUCCEEDED", "w9")], {
    w1: [kept(0)],
  });
  const body = await outputs.open("/u/a", 0, NEVER);
  assertEquals(await new Response(body).bytes(), new Uint8Array([1]));
  assertEquals(asked, [["http://w1", { generation: 7, index: 0, attempt: 1 }]]);
  const code = async (index: number) =>
    (await assertRejects(() => outputs.open("/u/a", index, NEVER), IrisError)).code;
  assertEquals([await code(1), await code(2)], ["unavailable", "not_found"]);
  const unknown = await assertRejects(() => outputs.list("/u/b"), IrisError);
  assertEquals(unknown.code, "not_found");
});
