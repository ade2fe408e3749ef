import { assertEquals } from "@std/assert";
import { ownFigures } from "../../src/base/metrics.ts";
import { AttemptFigures, MAX_ASKED } from "../../src/worker/attempt_figures.ts";
import type { EndedFact } from "../../src/worker/keeper_link.ts";

const STOPS = "iris_worker_attempt_stop_seconds";

function fact(index: number, more: Partial<EndedFact> = {}): EndedFact {
  return {
    ...{
      generation: 1,
      index,
      attempt: 0,
      cause: "cancelled",
      code: 143,
      atMs: 0,
      outTo: 0,
    } as const,
    ...{ errTo: 0, forced: false, detail: null, leftovers: [], ...more },
  };
}

/** How many stops were noted, how long all of them took in s, and how many were forced. */
function noted(): { stops: number; seconds: number; forced: number } {
  const figures = new Map(ownFigures());
  const cells = figures.get(STOPS)?.[0]?.[1] ?? [0];
  return {
    stops: cells.slice(0, -1).reduce((sum, count) => sum + count, 0),
    seconds: cells.at(-1)!,
    forced: figures.get("iris_worker_attempts_forced_total")?.[0]?.[1][0] ?? 0,
  };
}

Deno.test("a stop takes from the first time it was asked to when the attempt is gone", () => {
  let nowMs = 1_000;
  const figures = new AttemptFigures({ now: () => nowMs });
  const before = noted();
  figures.asked([[1, 0, 2, 0]]);
  nowMs += 2_000;
  figures.asked([[1, 0, 1, 0]]);
  nowMs += 1_000;
  figures.ended({ ended: [fact(0), fact(1, { forced: true }), fact(2, { cause: "exit" })] });
  figures.ended({ ended: [fact(0)] });
  const after = noted();
  assertEquals(after.stops - before.stops, 2);
  assertEquals(after.seconds - before.seconds, 6);
  assertEquals(after.forced - before.forced, 1);
});

Deno.test("of many that are asked the last are remembered", () => {
  const figures = new AttemptFigures({ now: () => 0 });
  const before = noted();
  figures.asked([[1, 0, 3, 0], [2, 0, 1_000_000, 0]]);
  figures.ended({ ended: [fact(0), fact(0, { generation: 2 })] });
  assertEquals(noted().stops - before.stops, 1);
  figures.asked([[3, 0, MAX_ASKED, 0]]);
  figures.ended({ ended: [fact(1, { generation: 2 })] });
  assertEquals(noted().stops - before.stops, 1);
});
