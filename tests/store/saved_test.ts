/** Databases that earlier versions wrote: carried forward, nothing of them lost. */
import { assertEquals, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { fromFileUrl } from "../../src/base/file_url.ts";
import { Reactor } from "../../src/controller/reactor.ts";
import { recover } from "../../src/controller/recovery.ts";
import { migrate, schemaVersion } from "../../src/store/migrate.ts";
import { openStore } from "../../src/store/open_store.ts";
import { openReader } from "../../src/store/reader.ts";
import { MIGRATIONS, SCHEMA_VERSION } from "../../src/store/schema.ts";

const SAVED = new URL("./saved/", import.meta.url);

async function withCopy(file: string, body: (path: string) => void): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "iris-saved-" });
  try {
    const path = `${folder}/iris.db`;
    await Deno.copyFile(fromFileUrl(new URL(file, SAVED)), path);
    body(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("there is a saved database of every earlier version", () => {
  const saved = [...Deno.readDirSync(SAVED)].map(({ name }) => name).sort();
  assertEquals(saved, Array.from({ length: SCHEMA_VERSION - 1 }, (_, i) => `v${i + 1}.db`));
});

Deno.test("version 1: jobs that ended, run, rest on a retry and wait are as they were", () =>
  withCopy("v1.db", (path) => {
    const { writer } = openStore({ path, clusterId: "other" });
    const reader = openReader(path);
    const jobs = reader.jobs({ limit: 10 }).reverse();
    assertEquals(jobs.map(({ name, state, counts, done }) => [name, state, counts, done]), [
      ["/u/good", "SUCCEEDED", { SUCCEEDED: 3 }, true],
      ["/u/bad", "FAILED", { FAILED: 1 }, true],
      ["/u/again", "RUNNING", { RUNNING: 1 }, false],
      ["/u/large", "PENDING", { PENDING: 1 }, false],
      ["/u/many", "RUNNING", { PENDING: 6, ASSIGNED: 2, RUNNING: 1 }, false],
    ]);
    assertEquals(jobs[1]!.reason, "task 0 exited with 3");
    assertEquals(jobs[0]!.spec.lossRetries, 100, "what a spec of then lacks has its default");
    assertEquals(reader.tasks("/u/bad", { offset: 0, limit: 1 })[0]!.exitCode, 3);
    const { state, broken } = recover(writer.load(), 0);
    assertEquals([broken, state.jobs.size], [[], 3]);
    assertEquals(state.jobs.get(3)!.ledger.of(0), { failures: 1, losses: 0, crashes: 0 });
    assertEquals([...state.jobs.get(5)!.pending], [[3, 9, 0, 0, 0]]);
    state.check();
    const reactor = new Reactor(state);
    reactor.react({ type: "hello" }, { wallMs: 0, monoMs: 0 });
    const effects = reactor.take({ wallMs: 0, monoMs: 0 });
    assertEquals(effects.desired[0]!.run, [[3, 0, 1, 1], [5, 0, 1, 0], [5, 1, 3, 0]]);
    reader.close();
    writer.close();
  }));

Deno.test("version 2: a rest, a gang that is held and what waits for it are as they were", () =>
  withCopy("v2.db", (path) => {
    const { writer } = openStore({ path, clusterId: "other" });
    const { state, broken } = recover(writer.load(), 0);
    assertEquals(broken, []);
    const [again, held, next] = [...state.jobs.values()];
    assertEquals([again!.name, again!.avoided, again!.pending.ready], ["/u/again", ["w0"], 0]);
    assertEquals([held!.held, held!.spec.gang], [true, { groupBy: "hostname" }]);
    assertEquals([...next!.waits], [[held!.generation, "end"]]);
    assertEquals(writer.marked("u", "any"), null);
    state.check();
    writer.close();
  }));

Deno.test("version 3: events, keys of submits, a rest and a hold are as they were", () =>
  withCopy("v3.db", (path) => {
    const { writer } = openStore({ path, clusterId: "other" });
    const reader = openReader(path);
    const kinds = reader.events(0, { limit: 100 }).map(({ kind }) => kind);
    assertEquals(kinds[0], "cluster_started");
    assertEquals(kinds.filter((kind) => kind === "job_submitted").length, 6);
    const keyed = reader.job("/local/keyed")!;
    assertEquals(writer.marked("local", "k1")?.generation, keyed.generation);
    assertEquals(keyed.spec.module, null, "what a spec of then lacks has its default");
    const { state, broken } = recover(writer.load(), 0);
    assertEquals(broken, []);
    assertEquals([...state.jobs.values()].map(({ name }) => name), [
      "/u/again",
      "/u/held",
      "/u/next",
      "/local/keyed",
    ]);
    assertEquals(state.jobs.get(3)!.ledger.of(0), { failures: 1, losses: 0, crashes: 0 });
    state.check();
    reader.close();
    writer.close();
  }));

Deno.test("a migration that breaks half way leaves the earlier version as it was", () =>
  withCopy("v1.db", (path) => {
    const db = new DatabaseSync(path);
    const broken = [...MIGRATIONS.slice(0, 1), `${MIGRATIONS[1]}; CREATE TABLE jobs (x)`];
    assertThrows(() => migrate(db, broken));
    assertEquals(schemaVersion(db), 1);
    const columns = db.prepare("PRAGMA table_info(jobs)").all().map(({ name }) => name);
    assertEquals(columns.includes("waits"), false);
    db.close();
  }));
