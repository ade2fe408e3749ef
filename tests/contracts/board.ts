/** What pages may count on, whoever reads it: lists of jobs, and numbers. */
import { assertEquals } from "@std/assert";
import type { BoardApi, JobQuery } from "../../src/controller/board_api.ts";
import type { JobRow } from "../../src/store/rows.ts";
import { jobRow, namedRow as named } from "../support/store_rows.ts";

const ANY = { text: "", states: [], user: null, endedSinceMs: null };
const ALL: JobQuery = { ...ANY, sort: "new", offset: 0, limit: 10 };

/** Makes a board of these jobs, oldest first, for as long as `body` takes. */
export type WithBoard = (
  rows: readonly JobRow[],
  body: (board: Pick<BoardApi, "jobs" | "counts" | "users">) => void | Promise<void>,
) => void | Promise<void>;

/** Registers the tests. */
export function boardContract(name: string, withBoard: WithBoard): void {
  Deno.test(`${name} finds jobs by text, state, user and end, in the order that is asked for`, () =>
    withBoard([
      named(1, "/ann/Train", {
        state: "FAILED",
        done: true,
        endedAtMs: 20,
        counts: { FAILED: 10 },
      }),
      named(2, "/bob/train_2"),
      named(3, "/bob/eval", { state: "SUCCEEDED", done: true, endedAtMs: 30 }),
      named(4, "/bob/100%", { state: "RUNNING", startedAtMs: 9 }),
    ], (board) => {
      const names = (query: Partial<JobQuery>) => {
        const { jobs, total } = board.jobs({ ...ALL, ...query });
        return [jobs.map(({ generation }) => generation), total];
      };
      assertEquals(names({}), [[4, 3, 2, 1], 4]);
      assertEquals(names({ text: "TRAIN" }), [[2, 1], 2]);
      assertEquals(names({ text: "%" }), [[4], 1], "no letter means another one");
      assertEquals(names({ text: "train_" }), [[2], 1]);
      assertEquals(names({ states: ["FAILED", "RUNNING"] }), [[4, 1], 2]);
      assertEquals(names({ user: "ann" }), [[1], 1]);
      assertEquals(names({ sort: "old", limit: 2, offset: 1 }), [[2, 3], 4]);
      assertEquals(names({ sort: "name" }), [[1, 4, 3, 2], 4]);
      assertEquals(names({ sort: "ended" }), [[3, 1, 4, 2], 4]);
      assertEquals(names({ sort: "ended", endedSinceMs: 0 }), [[3, 1], 2]);
      assertEquals(names({ sort: "ended", endedSinceMs: 25 }), [[3], 1]);
      assertEquals(board.users(), ["ann", "bob"]);
      const [first] = board.jobs({ ...ALL, text: "ann" }).jobs;
      const { name, user, state, done, counts, endedAtMs } = first!;
      const all = [name, user, state, done, counts, endedAtMs];
      assertEquals(all, ["/ann/Train", "ann", "FAILED", true, { FAILED: 10 }, 20]);
    }));

  Deno.test(`${name} counts everything, and adds up what running tasks asked for`, () => {
    const running = jobRow(3, { state: "RUNNING", counts: { RUNNING: 3, PENDING: 7 } });
    const spec = { ...running.spec, cpuMilli: 500, memoryBytes: 10 };
    return withBoard([
      named(1, "/u/a", { submittedAtMs: 70 }),
      named(2, "/u/b", { submittedAtMs: 60 }),
      { ...running, name: "/u/c", spec },
      named(4, "/u/d", { state: "SUCCEEDED", done: true, counts: { SUCCEEDED: 10 } }),
      named(5, "/v/other"),
    ], (board) => {
      assertEquals(board.counts("u"), {
        jobs: { PENDING: 2, RUNNING: 1, SUCCEEDED: 1 },
        tasks: { PENDING: 27, RUNNING: 3 },
        ...{ cpuMilli: 1_500, memoryBytes: 30, oldestPendingMs: 60 },
      });
      assertEquals(board.counts("nobody"), {
        ...{ jobs: {}, tasks: {}, cpuMilli: 0, memoryBytes: 0, oldestPendingMs: null },
      });
      assertEquals(board.counts(null).tasks, { PENDING: 37, RUNNING: 3 });
    });
  });
}
