/** What a job of a million tasks takes in the store: ranges, and rows only for what differs. */
import { assert, assertEquals } from "@std/assert";
import { CoreWorld } from "../support/core_world.ts";

const MILLION = 1_000_000;

function rows(world: CoreWorld): number {
  const tables = world.db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
  return tables.reduce(
    (sum, { name }) =>
      sum + Number(world.db.prepare(`SELECT count(*) AS n FROM "${String(name)}"`).get()!.n),
    0,
  );
}

function bytes(world: CoreWorld): number {
  const pragma = (name: string) =>
    Number(Object.values(world.db.prepare(`PRAGMA ${name}`).get()!)[0]);
  return pragma("page_count") * pragma("page_size");
}

Deno.test("a million tasks rest and run as a handful of rows, and are told apart where they differ", () => {
  const world = new CoreWorld();
  try {
    const worker = world.join("w0");
    const before = { rows: rows(world), bytes: bytes(world) };
    world.submit("many", { replicas: MILLION, maxTaskFailures: MILLION });
    assert(rows(world) - before.rows <= 2, `${rows(world) - before.rows} rows for a submit`);
    assert(bytes(world) - before.bytes < 32_768, `${bytes(world) - before.bytes} bytes`);
    world.settle();
    // One in the middle of what runs ends in a way of its own.
    worker.finish(1, { atMs: world.now.wallMs });
    worker.finish(1, { atMs: world.now.wallMs, end: () => ({ cause: "exit", code: 3 }) });
    world.settle();
    assertEquals(world.job("many").counts.FAILED, 1);
    assert(rows(world) - before.rows < 20, `${rows(world) - before.rows} rows`);
    assertEquals(world.tasks("many").slice(0, 2).map(({ state, exitCode }) => [state, exitCode]), [
      ["SUCCEEDED", 0],
      ["FAILED", 3],
    ]);
    world.restart();
    assertEquals(world.state.jobs.get(1)!.tally.total, MILLION);
    world.stop("many");
    assert(rows(world) - before.rows < 30, `${rows(world) - before.rows} rows after a stop`);
  } finally {
    world.close();
  }
});
