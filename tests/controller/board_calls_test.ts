/** What pages read is kept for a moment, and what ended is told from look to look. */
import { assertEquals } from "@std/assert";
import { BoardCalls } from "../../src/controller/board_calls.ts";
import { openStore } from "../../src/store/open_store.ts";
import { openReader } from "../../src/store/reader.ts";
import { ManualClock } from "../fakes/manual_clock.ts";
import { jobRow, namedRow, NOTHING } from "../support/store_rows.ts";

Deno.test("what ended is known from before the first look, and grows from look to look", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "iris-board-" });
  const { writer } = openStore({ path: `${folder}/iris.db`, clusterId: "c" });
  const reader = openReader(`${folder}/iris.db`);
  try {
    const clock = new ManualClock();
    const board = new BoardCalls(reader, clock, new AbortController().signal);
    const ended = (user: string | null) => {
      const { points } = board.throughput(user);
      assertEquals(points.length, 121);
      return points.filter(({ counts }) => Object.keys(counts).length > 0)
        .map(({ counts }) => counts);
    };
    writer.write({
      ...NOTHING,
      newJobs: [jobRow(1, { state: "RUNNING", counts: { SUCCEEDED: 4, RUNNING: 6 } })],
      results: [[1, 0, 4, "SUCCEEDED", 0, "w", "exit", 0, 1, clock.wall() - 60_000]],
    });
    assertEquals(ended(null), [{ SUCCEEDED: 4 }]);
    writer.write({
      ...NOTHING,
      jobs: [jobRow(1, { counts: { SUCCEEDED: 7, FAILED: 1, RUNNING: 2 } })],
    });
    assertEquals(ended(null), [{ SUCCEEDED: 4 }], "kept for a moment");
    await clock.advance(1_000);
    assertEquals(ended(null), [{ SUCCEEDED: 4 }, { SUCCEEDED: 3, FAILED: 1 }]);
    writer.write({
      ...NOTHING,
      newJobs: [namedRow(2, "/v/x", { state: "SUCCEEDED", done: true, counts: { SUCCEEDED: 2 } })],
    });
    await clock.advance(10_000);
    assertEquals(ended(null).at(-1), { SUCCEEDED: 2 });
    assertEquals(ended("nobody"), []);
  } finally {
    reader.close();
    writer.close();
    Deno.removeSync(folder, { recursive: true });
  }
});
