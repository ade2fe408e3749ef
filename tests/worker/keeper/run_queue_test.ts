import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Run } from "../../../src/wire/runs.ts";
import { RunQueue } from "../../../src/worker/keeper/run_queue.ts";

const run = fc.tuple(
  fc.integer({ min: 1, max: 2 }),
  fc.integer({ min: 0, max: 12 }),
  fc.integer({ min: 1, max: 6 }),
  fc.integer({ min: 0, max: 1 }),
).map(([generation, from, size, attempt]): Run => [generation, from, from + size, attempt]);

const step = fc.oneof(
  fc.record({ do: fc.constant("push" as const), runs: fc.array(run, { maxLength: 3 }) }),
  fc.record({ do: fc.constant("take" as const), runs: fc.array(run, { maxLength: 3 }) }),
  fc.record({ do: fc.constant("shift" as const), runs: fc.constant<Run[]>([]) }),
);

function names(runs: readonly Run[]): string[] {
  return runs.flatMap(([generation, from, to, attempt]) =>
    Array.from({ length: to - from }, (_, at) => `${generation}.${from + at}.${attempt}`)
  );
}

Deno.test("a queue of runs does what a list of single attempts would do", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
    const queue = new RunQueue();
    let model: string[] = [];
    for (const one of steps) {
      if (one.do === "push") {
        queue.push(one.runs);
        for (const name of names(one.runs)) if (!model.includes(name)) model.push(name);
      } else if (one.do === "take") {
        const meant = new Set(names(one.runs));
        const taken = names(queue.take(one.runs));
        assertEquals(taken.sort(), model.filter((name) => meant.has(name)).sort());
        model = model.filter((name) => !meant.has(name));
      } else {
        const first = queue.first();
        const name = first && `${first.generation}.${first.index}.${first.attempt}`;
        assertEquals(name, model.shift());
        queue.shift();
      }
      assertEquals(names(queue.runs), model);
    }
    assertEquals(names(queue.drain()), model);
    assertEquals(queue.first(), undefined);
  }));
});
