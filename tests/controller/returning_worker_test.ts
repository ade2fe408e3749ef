/** Workers that were given up and come back, and workers that tell of what they never had. */
import { assertEquals } from "@std/assert";
import type { EndedRun } from "../../src/wire/reconcile.ts";
import { CoreWorld } from "../support/core_world.ts";

function scenario(name: string, body: (world: CoreWorld) => void): void {
  Deno.test(name, () => {
    const world = new CoreWorld();
    try {
      body(world);
    } finally {
      world.close();
    }
  });
}

/** A task that ran on w0 as that was given up, and runs anew on w1; w0 does not know. */
function givenUp(world: CoreWorld) {
  const gone = world.join("w0");
  world.submit("a");
  world.settle();
  assertEquals([world.job("a").counts, gone.running], [{ RUNNING: 1 }, 1]);
  world.workers.delete("w0");
  world.lose("w0");
  const heir = world.join("w1");
  world.settle();
  assertEquals([world.job("a").counts, heir.running], [{ RUNNING: 1 }, 1]);
  assertEquals(world.tasks("a")[0]!.worker, "w1");
  world.workers.set("w0", gone);
  return { gone, heir };
}

scenario(
  "what a worker still runs that was given up is ended once it is back, and not charged again",
  (world) => {
    const { gone, heir } = givenUp(world);
    world.join("w0");
    world.settle();
    assertEquals([gone.running, heir.running], [0, 1], "one process of the task is left");
    assertEquals(world.state.jobs.get(1)!.ledger.of(0), { failures: 0, losses: 1, crashes: 1 });
    heir.finish(1, { atMs: world.now.wallMs });
    world.settle();
    assertEquals([world.job("a").state, world.tasks("a")[0]!.worker], ["SUCCEEDED", "w1"]);
  },
);

scenario("an end that a worker tells of after it was given up is not the task's end", (world) => {
  const { gone, heir } = givenUp(world);
  gone.finish(1, { atMs: world.now.wallMs, end: () => ({ cause: "exit", code: 3 }) });
  world.join("w0");
  world.settle();
  assertEquals([world.job("a").counts, heir.running], [{ RUNNING: 1 }, 1]);
  heir.finish(1, { atMs: world.now.wallMs });
  world.settle();
  assertEquals([world.job("a").counts, world.tasks("a")[0]!.attempt], [{ SUCCEEDED: 1 }, 1]);
});

scenario("a worker that is back may be given the same task again, as another attempt", (world) => {
  const { gone, heir } = givenUp(world);
  world.lose("w1");
  world.workers.delete("w1");
  world.join("w0");
  for (let i = 0; i < 3; i++) world.settle();
  assertEquals([world.job("a").counts, gone.running, heir.running], [{ RUNNING: 1 }, 1, 1]);
  assertEquals([world.tasks("a")[0]!.worker, world.tasks("a")[0]!.attempt], ["w0", 2]);
});

scenario(
  "what a worker tells of attempts that it never had, or that nobody had, is ignored",
  (world) => {
    const honest = world.join("w0");
    world.submit("a");
    world.settle();
    const liar = world.join("w1");
    const claims:
      readonly (readonly [generation: number, from: number, to: number, attempt: number])[] = [
        // Of another worker, of a later attempt, of another task, of a job that is not there.
        ...[[1, 0, 1, 0], [1, 0, 1, 7], [1, 3, 9, 0], [99, 0, 4, 0]] as const,
      ];
    const ended = claims.map((run): EndedRun => [...run, "exit", 0, world.now.wallMs]);
    const started = claims.map((run) => [...run, world.now.wallMs] as const);
    const observed = { ...liar.observed(), facts: { upTo: 1, started, ended, detail: {} } };
    world.react({ type: "observed", observed: { ...observed, missing: claims } });
    world.settle();
    assertEquals([world.job("a").counts, honest.running], [{ RUNNING: 1 }, 1]);
    assertEquals([world.reports, world.tasks("a")[0]!.attempt], [[], 0]);
  },
);
