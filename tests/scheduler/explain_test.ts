import { assertEquals } from "@std/assert";
import { place } from "../../src/scheduler/place.ts";
import type { PassInput } from "../../src/scheduler/pass.ts";
import { job, only, pass, room } from "../support/pass_samples.ts";

function explain(more: Partial<PassInput>) {
  return place(pass(more)).explanations[0]!;
}

Deno.test("a constraint that no worker satisfies is named, with the nearest worker", () => {
  const workers = Array.from(
    { length: 12 },
    (_, i) => room(`w${i}`, 4, { attributes: { "gpu-kind": i < 3 ? "a100" : "none" } }),
  );
  const jobs = [job(1, 2, { constraints: [only("gpu-kind", "h100")] })];
  assertEquals(explain({ jobs, workers }), {
    generation: 1,
    place: 1,
    workers: 12,
    line: "needs gpu-kind=h100: 0 of 12 workers have it; nearest is w0 (gpu-kind=a100)",
    ruledOut: [{ reason: "constraint", what: "gpu-kind=h100", count: 12 }],
    nearest: {
      worker: "w0",
      missing: [{ what: "gpu-kind=h100", needs: "gpu-kind=h100", has: "gpu-kind=a100" }],
    },
    impossible: true,
    unblock: "a worker with gpu-kind=h100 would help",
  });
});

Deno.test("what rules how many workers out is counted, and what lacks least is nearest", () => {
  const workers = [
    room("small", 2),
    room("cpu", 8, { totalMemoryBytes: 0, attributes: { zone: "a" } }),
    room("far", 8, { attributes: { zone: "b" } }),
    room("good", 8, { attributes: { zone: "a" }, freeCpuMilli: 0 }),
  ];
  const jobs = [
    job(1, 1, { cpuMilli: 4_000, memoryBytes: 1_024, constraints: [only("zone", "a")] }),
  ];
  const busy = explain({ jobs, workers });
  assertEquals(busy.line, "waits for free capacity: 1 of 4 workers could hold it, it is busy");
  assertEquals(busy.ruledOut, [
    { reason: "memory", what: "1 KiB of memory", count: 1 },
    { reason: "constraint", what: "zone=a", count: 2 },
    { reason: "busy", what: "other tasks", count: 1 },
  ]);
  assertEquals([busy.impossible, busy.nearest], [false, null]);
  const never = explain({ jobs, workers: workers.slice(0, 3) });
  assertEquals([never.impossible, never.nearest?.worker], [true, "cpu"]);
  assertEquals(
    never.line,
    "needs zone=a and 1 KiB of memory: 0 of 3 workers have it; nearest is cpu (0 bytes of memory)",
  );
});

Deno.test("cores, resources and no workers at all read like what they are", () => {
  const line = (more: Partial<PassInput>) => explain(more).line;
  const workers = [room("w", 2, { totalResources: { gpu: 1_000 } })];
  assertEquals(
    line({ jobs: [job(1, 1, { cpuMilli: 64_000 })], workers }),
    "needs 64 cores: 0 of 1 worker has it; nearest is w (2 cores)",
  );
  assertEquals(
    line({ jobs: [job(1, 1, { resources: { gpu: 2_000 } })], workers }),
    "needs gpu >= 2: 0 of 1 worker has it; nearest is w (gpu 1)",
  );
  assertEquals(line({ jobs: [job(1, 1)] }), "waits for a worker: there is none yet");
  assertEquals(
    line({ jobs: [job(1, 1)], unavailable: 2 }),
    "waits for a worker: 2 are known, none takes work now",
  );
});

Deno.test("a gang says how much of it the largest side holds", () => {
  const gang = { gang: { groupBy: "rack" } };
  const workers = [
    room("a", 2, { attributes: { rack: "a" } }),
    room("b", 4, { attributes: { rack: "b" } }),
  ];
  const line = (count: number, of = workers) =>
    explain({ jobs: [job(1, count, gang)], workers: of });
  assertEquals(line(6).line, "needs 6 tasks at once on one rack: the largest, rack=b, holds 4");
  assertEquals(line(6).impossible, true);
  const busy = [workers[0]!, { ...workers[1]!, freeCpuMilli: 0 }];
  assertEquals(
    line(4, busy).line,
    "waits for room for 4 tasks at once on one rack: rack=b could hold them, it is busy",
  );
  assertEquals(
    line(4, [room("c", 8)]).line,
    "needs 4 tasks at once on one rack: no worker that could hold one has an attribute rack",
  );
});

Deno.test("places in the queue follow the order, one for each job", () => {
  const jobs = [job(3, 1), job(1, 1, { band: "batch" }), job(2, 1), job(2, 1, { group: 1 })];
  const { explanations } = place(pass({ jobs, workers: [room("w", 1, { freeCpuMilli: 0 })] }));
  assertEquals(explanations.map(({ generation, place }) => [generation, place]), [
    [2, 1],
    [3, 2],
    [1, 3],
  ]);
});
