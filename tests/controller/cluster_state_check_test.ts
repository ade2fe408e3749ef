/** What `check()` is for: every way in which the core's state may not fit together is found. */
import { assertMatch, assertThrows } from "@std/assert";
import { AssertionFailure } from "../../src/base/assert.ts";
import type { ClusterState } from "../../src/controller/cluster_state.ts";
import type { Job } from "../../src/model/job.ts";
import type { AttemptLane } from "../../src/model/attempt_lane.ts";
import type { JobSpec } from "../../src/wire/api.ts";
import { CoreWorld } from "../support/core_world.ts";

interface Parts {
  readonly state: ClusterState;
  /** Some of its tasks run, some wait at the worker, some wait to be placed. */
  readonly job: Job<JobSpec>;
  /** Waits for `job`. */
  readonly waiter: Job<JobSpec>;
  /** A part of `job`. */
  readonly child: Job<JobSpec>;
  readonly lane: AttemptLane;
}

const DAMAGES: readonly (readonly [what: string, says: RegExp, damage: (parts: Parts) => void])[] =
  [
    ["a task in two places", /two places|differ/, ({ lane }) => lane.assigned.add(0, 1)],
    ["a task in no place", /differ/, ({ lane }) => lane.running.remove(0, 1)],
    [
      "a task that there is not",
      /two places|differ/,
      ({ job }) => job.pending.add([40, 41, 0, 0, 0]),
    ],
    ["a lane that its job does not know", /differ|lane/, ({ job, lane }) => job.lanes.delete(lane)],
    ["a lane that its worker does not know", /lane/i, ({ state, lane }) => {
      state.workers.get("w0")!.lanes.delete(
        [...state.workers.get("w0")!.lanes].find(([, one]) => one === lane)![0],
      );
    }],
    [
      "a lane of a job that is gone",
      /waits for|lane/i,
      ({ state, job }) => state.jobs.delete(job.generation),
    ],
    ["a lane of a worker that is gone", /lane/i, ({ state }) => state.workers.delete("w0")],
    ["a job that is not placed though it could be", /placeable/, ({ state, job }) => {
      state.placeable.delete(job);
    }],
    ["a job that would be placed though it waits", /placeable/, ({ state, waiter }) => {
      state.placeable.add(waiter);
    }],
    ["a job that is woken though nothing of it rests", /resting/, ({ state, job }) => {
      state.resting.add(job);
    }],
    ["a job that nobody will tell", /waits for/, ({ state, job }) => {
      state.waiters.delete(job.generation);
    }],
    ["a job that waits for what is gone", /waits for/, ({ waiter }) => waiter.waits.set(99, "end")],
    ["a child that its parent does not know", /parent/, ({ job, child }) => {
      job.children.delete(child);
    }],
    ["a child of another", /child/, ({ waiter, child }) => waiter.children.add(child)],
  ];

for (const [what, says, damage] of DAMAGES) {
  Deno.test(`a check of the state finds ${what}`, () => {
    const world = new CoreWorld();
    try {
      world.join("w0");
      world.submit("a", { replicas: 40 });
      world.submit("w", { after: [{ job: "a" }] });
      world.submit("/u/a/child", { hold: true });
      world.settle();
      const [job, waiter, child] = [1, 2, 3].map((generation) => world.state.jobs.get(generation)!);
      const [lane] = job!.lanes;
      world.state.check();
      damage({ state: world.state, job: job!, waiter: waiter!, child: child!, lane: lane! });
      const error = assertThrows(() => world.state.check(), AssertionFailure);
      assertMatch((error as Error).message, says);
    } finally {
      world.close();
    }
  });
}
