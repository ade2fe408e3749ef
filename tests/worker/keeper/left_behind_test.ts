import { assertEquals } from "@std/assert";
import type { NotedAttempt } from "../../../src/worker/keeper/journal.ts";
import { leftBehind, type SeenProcess } from "../../../src/worker/keeper/left_behind.ts";

/** The leader of attempt `1.<index>.0`, noted to have begun at a tick. */
function noted(index: number, pid: number, ticks: number): NotedAttempt {
  const place = { slot: 0, rotation: 0, outFrom: 0, errFrom: 0 };
  return { ticks, started: { generation: 1, index, attempt: 0, pid, atMs: 0, ...place } };
}

function seen(pid: number, session: number, startTime: number): SeenProcess {
  return { pid, session, startTime };
}

const JOURNAL = { open: [noted(0, 100, 5_000), noted(1, 200, 5_000)], ticks: 9_000 };

Deno.test("a leader is known by its pid and its start, and all of its session with it", () => {
  const found = leftBehind(JOURNAL, [
    ...[seen(100, 100, 5_003), seen(101, 100, 5_100), seen(102, 100, 20_000), seen(7, 7, 1)],
  ]);
  assertEquals(found, [100, 101, 102]);
});

Deno.test("a pid that was used again is nobody's of ours, nor is anything in its session", () => {
  const later = [seen(100, 100, 8_000), seen(101, 100, 8_001)];
  const muchLater = [seen(100, 100, 90_000), seen(103, 100, 90_005)];
  assertEquals(leftBehind(JOURNAL, later), []);
  assertEquals(leftBehind(JOURNAL, muchLater), []);
  assertEquals(leftBehind(JOURNAL, [seen(100, 100, 4_800)]), [], "an earlier one");
});

Deno.test("a pid that is now an ordinary process in another session is not ours", () => {
  assertEquals(leftBehind(JOURNAL, [seen(100, 55, 8_000), seen(200, 100, 9_500)]), []);
});

Deno.test("without its leader a member is ours if it was there while that was sure", () => {
  assertEquals(leftBehind(JOURNAL, [seen(150, 100, 6_000)]), [150]);
  assertEquals(leftBehind(JOURNAL, [seen(150, 100, 9_001)]), [], "it may be of a later session");
  assertEquals(leftBehind(JOURNAL, [seen(150, 100, 4_000)]), [], "it is older than the attempt");
});

Deno.test("attempts that the journal has as ended give nothing away", () => {
  assertEquals(leftBehind({ open: [], ticks: 9_000 }, [seen(100, 100, 5_000)]), []);
});
