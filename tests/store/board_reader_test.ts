/** What pages read from a store: lists, counts and ranges. */
import { assertEquals, assertNotEquals } from "@std/assert";
import type { EventQuery } from "../../src/store/board_reader.ts";
import { openStore } from "../../src/store/open_store.ts";
import { openReader } from "../../src/store/reader.ts";
import type { LaneRow, ResultRow, StoreChanges } from "../../src/store/rows.ts";
import type { JobView } from "../../src/wire/api.ts";
import { boardContract } from "../contracts/board.ts";
import { FakeBoard } from "../fakes/fake_board.ts";
import { jobRow, namedRow as named, NOTHING } from "../support/store_rows.ts";

function world(name: string, body: (of: ReturnType<typeof setup>) => void) {
  Deno.test(name, () => {
    const folder = Deno.makeTempDirSync({ prefix: "iris-board-" });
    const of = setup(`${folder}/iris.db`);
    try {
      body(of);
    } finally {
      of.reader.close();
      of.writer.close();
      Deno.removeSync(folder, { recursive: true });
    }
  });
}

function setup(path: string) {
  const { writer } = openStore({ path, clusterId: "c" });
  const reader = openReader(path);
  const write = (changes: Partial<StoreChanges>) => writer.write({ ...NOTHING, ...changes });
  return { writer, reader, board: reader.board, write };
}

function lane(more: Partial<LaneRow>): LaneRow {
  return {
    ...{ generation: 1, worker: "w1", attempt: 0, assigned: [], recalled: [], building: [] },
    ...{ running: [], preempted: [], disbanded: [], stopping: [] },
    ...more,
  };
}

boardContract("the store's reader", async (rows, body) => {
  const folder = Deno.makeTempDirSync({ prefix: "iris-board-" });
  const { reader, writer, board, write } = setup(`${folder}/iris.db`);
  try {
    write({ newJobs: rows });
    await body(board);
  } finally {
    reader.close();
    writer.close();
    Deno.removeSync(folder, { recursive: true });
  }
});

boardContract("the fake", (rows, body) => {
  const jobs = rows.toReversed().map((row): JobView => ({ ...row, replicas: row.spec.replicas }));
  const none = { tasks: () => [], events: () => ({ events: [] }) };
  return body(new FakeBoard({ ...none, jobs: ({ limit }) => jobs.slice(0, limit) }));
});

world("tasks are added up over every job, done or not", ({ board, write }) => {
  write({
    newJobs: [
      jobRow(1),
      jobRow(2, { state: "RUNNING", counts: { RUNNING: 3, PENDING: 7 } }),
      jobRow(3, { user: "v", state: "SUCCEEDED", done: true, counts: { SUCCEEDED: 10 } }),
    ],
  });
  assertEquals(board.totals(null), { PENDING: 17, RUNNING: 3, SUCCEEDED: 10 });
  assertEquals(board.totals("v"), { SUCCEEDED: 10 });
});

world("what ended is told by interval", ({ board, write }) => {
  const result = (lo: number, hi: number, endedAtMs: number, state = "SUCCEEDED"): ResultRow => {
    return [1, lo, hi, state as "SUCCEEDED", 0, "w1", "exit", 0, 1, endedAtMs];
  };
  write({
    newJobs: [jobRow(1)],
    results: [result(0, 4, 900), result(4, 5, 1_100), result(5, 7, 1_900, "FAILED")],
  });
  assertEquals(board.ended(0, { stepMs: 1_000, user: null }), [
    { atMs: 0, counts: { SUCCEEDED: 4 } },
    { atMs: 1_000, counts: { FAILED: 2, SUCCEEDED: 1 } },
  ]);
  assertEquals(board.ended(1_500, { stepMs: 1_000, user: null }), [{
    atMs: 1_000,
    counts: { FAILED: 2 },
  }]);
});

world("tasks are where they are, as squares and by state", ({ board, write }) => {
  write({
    newJobs: [jobRow(1, { pending: [8, 10, 0, 0, 0] })],
    results: [
      [1, 0, 3, "SUCCEEDED", 0, "w1", "exit", 0, 1, 2],
      [1, 3, 4, "FAILED", 0, "w1", "exit", 1, 1, 2],
    ],
    lanes: [lane({ running: [4, 6, 100], assigned: [6, 8], building: [7, 8] })],
  });
  assertEquals(board.cells(1, { replicas: 10, cells: 5 }), [
    { SUCCEEDED: 2 },
    { SUCCEEDED: 1, FAILED: 1 },
    { RUNNING: 2 },
    { ASSIGNED: 1, BUILDING: 1 },
    {},
  ]);
  const third = board.cells(1, { replicas: 10, cells: 3 });
  assertEquals(third, [{ SUCCEEDED: 3, FAILED: 1 }, { RUNNING: 2, ASSIGNED: 1 }, { BUILDING: 1 }]);
  const page = { offset: 0, limit: 10 };
  assertEquals(board.tasksIn(1, ["SUCCEEDED", "FAILED"], page), [0, 1, 2, 3]);
  assertEquals(board.tasksIn(1, ["SUCCEEDED"], { offset: 1, limit: 1 }), [1]);
  assertEquals(board.tasksIn(1, ["RUNNING"], page), [4, 5]);
  assertEquals(board.tasksIn(1, ["PENDING"], page), [8, 9]);
  assertEquals(board.heldBy("w1", { user: null, limit: 10 }), [
    { job: "/u/j1", attempt: 0, state: "RUNNING", ranges: [[4, 6]] },
    { job: "/u/j1", attempt: 0, state: "ASSIGNED", ranges: [[6, 8]] },
  ]);
  assertEquals(board.heldBy("w2", { user: null, limit: 10 }), []);
});

world("jobs below a job are told from those whose names only begin alike", ({ board, write }) => {
  write({
    newJobs: [
      named(1, "/u/a"),
      named(2, "/u/a/b", { parent: 1 }),
      named(3, "/u/ab"),
      named(4, "/u/a/c", { parent: 9 }),
    ],
  });
  assertEquals(board.children(1, "/u/a", 10).map(({ generation }) => generation), [2]);
});

world("events come newest first, and those of one task oldest first", ({ board, write }) => {
  const of = { job: "/u/a", generation: 1, worker: null };
  write({
    events: [
      { ...of, atMs: 1, kind: "job_submitted", data: { replicas: 3 } },
      { ...of, atMs: 2, kind: "task_retried", data: { task: 1, failures: 1 } },
      { ...of, atMs: 3, kind: "task_ended", data: { from: 0, to: 2, state: "FAILED" } },
      { ...of, job: null, worker: "w1", atMs: 4, kind: "worker_state", data: {} },
    ],
  });
  const any = { before: null, kinds: [], job: null, worker: null, user: null };
  const query: EventQuery = { ...any, limit: 10 };
  const times = (more: Partial<EventQuery>) =>
    board.events({ ...query, ...more }).map(({ atMs }) => atMs);
  assertEquals(times({}), [4, 3, 2, 1]);
  assertEquals(times({ before: 3, limit: 1 }), [2]);
  assertEquals(times({ job: "U/A" }), [3, 2, 1]);
  assertEquals(times({ worker: "w1" }), [4]);
  assertEquals(board.events({ ...query, kinds: ["task_ended"] }).map(({ atMs }) => atMs), [3]);
  assertEquals(board.taskEvents(1, 1, 10).map(({ atMs }) => atMs), [2, 3]);
  assertEquals(board.taskEvents(1, 2, 10), []);
});

world("the version changes when something was stored, and only then", ({ board, write }) => {
  const before = board.version();
  assertEquals(board.version(), before);
  write({ newJobs: [jobRow(1)] });
  assertNotEquals(board.version(), before);
});
