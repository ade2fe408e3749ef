import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { AssertionFailure } from "../../src/base/assert.ts";
import { PendingTasks } from "../../src/model/pending_tasks.ts";
import { isTerminalJob, rollUp } from "../../src/model/rollup.ts";
import { TaskTally } from "../../src/model/task_counts.ts";
import {
  isTerminalTask,
  stepTask,
  TASK_EVENTS,
  TASK_STATES,
  type TaskEvent,
  type TaskState,
} from "../../src/model/task_state.ts";

/** Written out by hand, so that the table cannot change unnoticed: one letter an event. */
const EXPECTED: Readonly<Record<TaskState, Partial<Record<TaskEvent, TaskState>>>> = {
  PENDING: {
    assign: "ASSIGNED",
    cancel: "KILLED",
    give_up: "UNSCHEDULABLE",
    gang: "COSCHED_FAILED",
  },
  ASSIGNED: {
    build: "BUILDING",
    start: "RUNNING",
    succeed: "SUCCEEDED",
    fail: "FAILED",
    retry: "PENDING",
    return: "PENDING",
    lose: "WORKER_FAILED",
    cancel: "KILLED",
    preempt: "PREEMPTED",
    gang: "COSCHED_FAILED",
  },
  BUILDING: {
    built: "ASSIGNED",
    start: "RUNNING",
    succeed: "SUCCEEDED",
    fail: "FAILED",
    retry: "PENDING",
    return: "PENDING",
    lose: "WORKER_FAILED",
    cancel: "KILLED",
    preempt: "PREEMPTED",
    gang: "COSCHED_FAILED",
  },
  RUNNING: {
    succeed: "SUCCEEDED",
    fail: "FAILED",
    retry: "PENDING",
    lose: "WORKER_FAILED",
    cancel: "KILLED",
    preempt: "PREEMPTED",
    gang: "COSCHED_FAILED",
  },
  SUCCEEDED: {},
  FAILED: {},
  KILLED: {},
  WORKER_FAILED: {},
  UNSCHEDULABLE: {},
  PREEMPTED: {},
  COSCHED_FAILED: {},
};

for (const state of TASK_STATES) {
  Deno.test(`a task that is ${state} does with every event what the table says`, () => {
    for (const event of TASK_EVENTS) {
      assertEquals(stepTask(state, event), EXPECTED[state][event] ?? null, `${state} ${event}`);
    }
    assertEquals(isTerminalTask(state), Object.keys(EXPECTED[state]).length === 0);
  });
}

Deno.test("a tally moves tasks only as the table allows, and loses none", () => {
  const move = fc.tuple(
    fc.constantFrom(...TASK_STATES),
    fc.constantFrom(...TASK_EVENTS),
    fc.nat(6),
  );
  fc.assert(fc.property(fc.array(move, { maxLength: 40, size: "max" }), (moves) => {
    const tally = new TaskTally({ PENDING: 10 });
    for (const [state, event, count] of moves) {
      const before = tally.toCounts();
      const allowed = stepTask(state, event) !== null && count <= tally.of(state);
      if (allowed) tally.move(state, event, count);
      else {
        assertThrows(() => tally.move(state, event, count), AssertionFailure);
        assertEquals(tally.toCounts(), before);
      }
      assertEquals(tally.total, 10);
    }
  }));
});

Deno.test("a job's state is what its tasks say, by the first rule that matches", () => {
  const of = (counts: Parameters<typeof rollUp>[0], started = false, maxTaskFailures = 0) =>
    rollUp(counts, { started, maxTaskFailures });
  assertEquals(of({ PENDING: 3 }), "PENDING");
  assertEquals(of({ PENDING: 3 }, true), "RUNNING");
  assertEquals(of({ PENDING: 2, ASSIGNED: 1 }), "RUNNING");
  assertEquals(of({ PENDING: 2, SUCCEEDED: 1 }, true), "RUNNING");
  assertEquals(of({ SUCCEEDED: 3 }), "SUCCEEDED");
  assertEquals(of({ RUNNING: 2, FAILED: 1 }), "FAILED");
  assertEquals(of({ RUNNING: 2, FAILED: 1 }, true, 1), "RUNNING");
  assertEquals(of({ SUCCEEDED: 2, FAILED: 1 }, true, 1), "SUCCEEDED");
  assertEquals(of({ KILLED: 2, FAILED: 1 }), "FAILED");
  assertEquals(of({ KILLED: 1, RUNNING: 2 }), "KILLED");
  assertEquals(of({ UNSCHEDULABLE: 1, KILLED: 2 }), "UNSCHEDULABLE");
  assertEquals(of({ WORKER_FAILED: 1, RUNNING: 1 }), "RUNNING");
  assertEquals(of({ WORKER_FAILED: 1, SUCCEEDED: 1 }), "WORKER_FAILED");
  assert(isTerminalJob("KILLED") && !isTerminalJob("RUNNING") && !isTerminalJob("PENDING"));
});

Deno.test("pending tasks leave by attempts first, then in order", () => {
  const pending = new PendingTasks();
  pending.add([0, 10, 0, 0, 0]);
  pending.add([20, 22, 1, 0, 0]);
  pending.add([30, 31, 3, 0, 0]);
  assertEquals(pending.size, 13);
  assertEquals(pending.take(4, 0), [[30, 31, 3, 0, 0], [20, 22, 1, 0, 0], [0, 1, 0, 0, 0]]);
  assertEquals([...pending], [[1, 10, 0, 0, 0]]);
  assertEquals(pending.take(100, 0), [[1, 10, 0, 0, 0]]);
  assertEquals(pending.size, 0);
});

Deno.test("pending tasks of all groups are taken together for those that go together", () => {
  const pending = new PendingTasks();
  pending.add([0, 2, 0, 0, 0]);
  pending.add([2, 3, 1, 1, 0]);
  pending.add([3, 4, 1, 2, 9]);
  assertEquals(pending.take(9, null), [[2, 3, 1, 1, 0], [0, 2, 0, 0, 0]]);
  assertEquals([...pending], [[3, 4, 1, 2, 9]]);
});

Deno.test("pending tasks that rest keep what is left of it when the clock is set", () => {
  const pending = new PendingTasks();
  pending.add([0, 4, 0, 0, 0]);
  assertEquals(pending.shift(-100), 0);
  pending.add([4, 6, 1, 1, 2_000]);
  assertEquals(pending.shift(-1_500), 2);
  assertEquals([pending.wake(499), pending.wake(500)], [0, 2]);
  pending.add([6, 7, 1, 1, 2_000]);
  pending.shift(-5_000);
  assertEquals([pending.ready, pending.nextMs], [6, 1], "it still rests, and not for ever");
});

Deno.test("pending tasks that rest are not taken before their time", () => {
  const pending = new PendingTasks();
  pending.add([0, 4, 0, 0, 0]);
  pending.add([4, 6, 1, 1, 2_000]);
  pending.add([6, 7, 1, 2, 3_000]);
  assertEquals([pending.size, pending.ready], [7, 4]);
  assertEquals([...pending.groups()], [[0, 4]]);
  assertEquals([pending.wake(1_999), pending.wake(2_000), pending.wake(2_000)], [0, 2, 0]);
  assertEquals([pending.size, pending.ready], [7, 6]);
  assertEquals([...pending.groups()], [[0, 4], [1, 2]]);
  assertEquals(pending.take(9, 2), []);
  assertEquals(pending.take(9, 1), [[4, 6, 1, 1, 0]]);
  assertEquals([...pending], [[0, 4, 0, 0, 0], [6, 7, 1, 2, 3_000]]);
  assertEquals([pending.clear().length, pending.size, pending.ready], [2, 0, 0]);
});
