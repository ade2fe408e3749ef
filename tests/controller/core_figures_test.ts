import { assert, assertEquals } from "@std/assert";
import { type Figures, ownFigures } from "../../src/base/metrics.ts";
import { CoreFigures } from "../../src/controller/core_figures.ts";
import type { Effects } from "../../src/controller/effects.ts";
import { isTerminalTask, TASK_STATES } from "../../src/model/task_state.ts";
import { BANDS } from "../../src/wire/api.ts";
import { CoreWorld } from "../support/core_world.ts";

/** What is counted now, by metric and labels; a histogram's number of observations. */
function now(): Map<string, number> {
  const figures: Figures = ownFigures();
  return new Map(figures.flatMap(([name, series]) =>
    series.map(([labels, values]) => {
      const of = values.length === 1 ? values : values.slice(0, -1);
      return [[name, ...labels].join(" "), of.reduce((sum, value) => sum + value, 0)] as const;
    })
  ));
}

/** A core whose every commit is counted, and compared with what there really is. */
class CountedWorld extends CoreWorld {
  figures = new CoreFigures(this.state);
  readonly #before = now();

  override commit(): Effects {
    const effects = super.commit();
    this.figures.committed(effects);
    this.compare();
    return effects;
  }

  /** How much more there is than at the beginning. */
  more(key: string): number {
    return (now().get(key) ?? 0) - (this.#before.get(key) ?? 0);
  }

  compare(): void {
    const jobs = [...this.state.jobs.values()];
    const counted = now();
    for (const state of TASK_STATES.filter((one) => !isTerminalTask(one))) {
      const there = jobs.reduce((sum, job) => sum + job.tally.of(state), 0);
      assertEquals(counted.get(`iris_tasks ${state}`), there, state);
    }
    for (const band of BANDS) {
      const there = jobs.filter(({ spec }) => spec.band === band)
        .reduce((sum, job) => sum + job.tally.of("PENDING"), 0);
      assertEquals(counted.get(`iris_queue_tasks ${band}`), there, band);
    }
    const open = [...counted].filter(([key]) => key.startsWith("iris_jobs "))
      .reduce((sum, [, count]) => sum + count, 0);
    assertEquals(open, jobs.length);
  }
}

Deno.test("what is open is counted as it is after every commit, whatever becomes of it", () => {
  const world = new CountedWorld();
  const worker = world.join("w", { cpuMilli: 4_000 });
  world.submit("a", { replicas: 3, band: "production" });
  world.submit("b", { replicas: 500, retries: 1, backoffMs: 0 });
  world.submit("c", { replicas: 2, after: [{ job: "/u/b", on: "success" }] });
  world.settle();
  worker.finish(10, { atMs: world.now.wallMs });
  world.settle();
  world.lose("w");
  world.join("w");
  world.settle();
  world.stop("b");
  world.settle();
  world.stop("c");
  world.settle();
  worker.finish(10, { atMs: world.now.wallMs });
  world.settle();
  assertEquals(world.more("iris_jobs_submitted_total"), 3);
  assert(world.more("iris_attempts_ended_total exit") > 3);
  assert(world.more("iris_attempts_ended_total worker_lost") > 0);
  assert(world.more("iris_attempts_ended_total cancelled") > 0);
});

Deno.test("a job of a thousand tasks is counted task by task, its ends and its waits too", () => {
  const world = new CountedWorld();
  const worker = world.join("w", { cpuMilli: 1_000_000, memoryBytes: 1e12 });
  world.submit("a", { replicas: 1_000, memoryBytes: 0 });
  world.settle();
  assertEquals(world.more("iris_dispatch_seconds"), 1_000);
  assertEquals(world.more("iris_start_seconds"), 1_000);
  worker.finish(1_000, { atMs: world.now.wallMs });
  world.settle();
  assertEquals(world.more("iris_tasks_ended_total SUCCEEDED"), 1_000);
  assertEquals(world.more("iris_attempts_ended_total exit"), 1_000);
  assertEquals(world.more("iris_jobs_ended_total SUCCEEDED"), 1);
});

Deno.test("a core that begins anew counts what there is, and nothing twice", () => {
  const world = new CountedWorld();
  world.submit("a", { replicas: 7 });
  world.restart();
  world.figures = new CoreFigures(world.state);
  world.compare();
  world.join("w");
  world.settle();
  world.stop("a");
  world.settle();
  assertEquals(world.more("iris_tasks_ended_total KILLED"), 7);
});

Deno.test("what runs holds what its job asked for, and what only waits holds nothing", () => {
  const world = new CountedWorld();
  const worker = world.join("w", { cpuMilli: 2_000, memoryBytes: 1e9 });
  const used = () => {
    world.figures.look(world.state);
    return [now().get("iris_used_cpu_cores"), now().get("iris_used_memory_bytes")];
  };
  world.submit("a", { replicas: 5, cpuMilli: 1_000, memoryBytes: 1_000 });
  assertEquals(used(), [0, 0]);
  world.settle();
  assertEquals(used(), [2, 2_000]);
  world.stop("a");
  // Two more were to wait there: whether they began is known when they are gone.
  assertEquals(used(), [4, 4_000]);
  world.settle();
  assertEquals(used(), [0, 0]);
  assertEquals(worker.running, 0);
});
