import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { IrisError } from "../../src/base/errors.ts";
import { fromBlob, toBlob } from "../../src/store/columns.ts";
import { migrate, schemaVersion } from "../../src/store/migrate.ts";
import { openStore } from "../../src/store/open_store.ts";
import { openReader } from "../../src/store/reader.ts";
import { jobRow, NOTHING } from "../support/store_rows.ts";

function inFolder(name: string, body: (path: string, folder: string) => void | Promise<void>) {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir({ prefix: "iris-store-" });
    try {
      await body(`${folder}/iris.db`, folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

inFolder("a store keeps its cluster's id and counts its starts", (path) => {
  for (const epoch of [1, 2, 3]) {
    const store = openStore({ path, clusterId: `c${epoch}` });
    assertEquals([store.cluster, store.epoch], ["c1", epoch]);
    store.writer.close();
  }
});

inFolder(
  "a reader names the bundles that jobs refer to, and which of these jobs are open",
  (path) => {
    const { writer } = openStore({ path, clusterId: "c" });
    const [a, b] = ["a".repeat(64), "b".repeat(64)];
    const withBundle = (generation: number, bundle: string | null, done: boolean) => {
      const row = jobRow(generation);
      return { ...row, spec: { ...row.spec, bundle }, done };
    };
    writer.write({
      ...NOTHING,
      newJobs: [
        withBundle(1, a, true),
        withBundle(2, a, false),
        withBundle(3, b, true),
        withBundle(4, null, false),
      ],
    });
    const reader = openReader(path);
    assertEquals(reader.bundles(), [{ hash: a, open: true }, { hash: b, open: false }]);
    reader.close();
    writer.close();
  },
);

inFolder("what was written is there after the next start, and a reader sees it at once", (path) => {
  const { writer } = openStore({ path, clusterId: "c" });
  const reader = openReader(path);
  writer.write({ ...NOTHING, newJobs: [jobRow(1), jobRow(2)] });
  assertEquals(reader.jobs({ limit: 10 }).map((job) => job.generation), [2, 1]);
  writer.write({
    ...NOTHING,
    jobs: [
      jobRow(1, {
        counts: { PENDING: 5, ASSIGNED: 2, RUNNING: 2, FAILED: 1 },
        pending: [5, 10, 1, 0, 0],
      }),
    ],
    lanes: [{
      generation: 1,
      worker: "w0",
      attempt: 0,
      assigned: [0, 2],
      recalled: [],
      building: [],
      running: [2, 4, 77.5],
      preempted: [],
      disbanded: [],
      stopping: [],
    }],
    results: [[1, 4, 5, "FAILED", 0, "w0", "exit", 3, 70, 80]],
    details: [[1, 4, 0, "because"]],
    charges: [[1, 6, 1, 2, 1]],
    workers: [{
      worker: "w0",
      url: "http://h:1",
      token: "t",
      hostname: "h",
      version: "1",
      pid: 3,
      cpuMilli: 4,
      memoryBytes: 5,
      resources: { gpu: 500 },
      attributes: { zone: "a" },
    }],
  });
  const tasks = reader.tasks("/u/j1", { offset: 1, limit: 5 });
  assertEquals(tasks.map((task) => [task.index, task.state, task.attempt, task.worker]), [
    [1, "ASSIGNED", 0, "w0"],
    [2, "RUNNING", 0, "w0"],
    [3, "RUNNING", 0, "w0"],
    [4, "FAILED", 0, "w0"],
    [5, "PENDING", 0, null],
  ]);
  assertEquals([tasks[1]!.startedAtMs, tasks[3]!.exitCode, tasks[3]!.detail], [77.5, 3, "because"]);
  assertEquals(reader.workersOf(1), ["w0"]);
  assertEquals(reader.job("/u/none"), null);
  assertEquals(reader.jobs({ state: "FAILED", limit: 5 }), []);
  reader.close();
  writer.close();

  const again = openStore({ path, clusterId: "c" }).writer;
  const stored = again.load();
  assertEquals(stored.jobs.map((job) => [job.generation, job.pending]), [
    [1, [5, 10, 1, 0, 0]],
    [2, [0, 10, 0, 0, 0]],
  ]);
  assertEquals(stored.lanes[0]!.running, [2, 4, 77.5]);
  assertEquals([stored.charges, stored.lastGeneration], [[[1, 6, 1, 2, 1]], 2]);
  assertEquals(
    stored.workers.map(({ worker, resources, attributes }) => [
      worker,
      resources,
      attributes,
    ]),
    [["w0", { gpu: 500 }, { zone: "a" }]],
  );
  assertEquals([...again.newest(["/u/j2", "/u/none"])], [["/u/j2", {
    generation: 2,
    state: "PENDING",
  }]]);
  again.write({ ...NOTHING, jobs: [jobRow(1, { done: true })] });
  assertEquals(again.load().charges, [], "a job that is done has no charges");
  again.close();
});

inFolder("a page of tasks begins in the middle of a long result", (path) => {
  const { writer } = openStore({ path, clusterId: "c" });
  writer.write({
    ...NOTHING,
    newJobs: [jobRow(1, { pending: [] })],
    results: [
      [1, 0, 6, "SUCCEEDED", 0, "a", "exit", 0, 1, 2],
      [1, 6, 10, "FAILED", 1, "b", "exit", 1, 1, 2],
    ],
  });
  const reader = openReader(path);
  const page = reader.tasks("/u/j1", { offset: 4, limit: 3 });
  assertEquals(page.map((task) => task.state), ["SUCCEEDED", "SUCCEEDED", "FAILED"]);
  assertEquals(reader.tasks("/u/j1", { offset: 9, limit: 100 }).length, 1);
  assertEquals(reader.tasks("/u/j1", { offset: 10, limit: 100 }), []);
  reader.close();
  writer.close();
});

inFolder("a transaction that fails changes nothing", (path) => {
  const { writer } = openStore({ path, clusterId: "c" });
  const twice = () => writer.write({ ...NOTHING, newJobs: [jobRow(1), jobRow(1)] });
  const error = assertThrows(twice, IrisError);
  assertEquals(error.code, "database");
  assertEquals(writer.load().jobs, []);
  writer.write({ ...NOTHING, newJobs: [jobRow(1)] });
  assertEquals(writer.load().jobs.length, 1);
  writer.close();
});

for (const kind of ["a store", "a temporary store"]) {
  const temporary = kind === "a temporary store";
  inFolder(
    `what a killed process had committed to ${kind} is there, and nothing else`,
    async (path) => {
      const module = (name: string) => new URL(`../../src/store/${name}`, import.meta.url).href;
      const program = `
    import { openStore } from "${module("open_store.ts")}";
    const { writer } = openStore({ path: Deno.args[0], clusterId: "c", temporary: ${temporary} });
    writer.transaction(() => {});
    writer.write(JSON.parse(Deno.args[1]));
    writer.transaction(() => {
      console.log("committed");
      Deno.kill(Deno.pid, "SIGKILL");
    });`;
      const script = `${path}.ts`;
      await Deno.writeTextFile(script, program);
      const config = new URL("../../deno.json", import.meta.url).pathname;
      const changes = JSON.stringify({ ...NOTHING, newJobs: [jobRow(1)] });
      const output = await new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "-A",
          "--no-check",
          "--config",
          Deno.env.get("IRIS_TEST_CONFIG") ?? config,
          script,
          path,
          changes,
        ],
      }).output();
      assertEquals(output.signal, "SIGKILL", new TextDecoder().decode(output.stderr));
      const store = openStore({ path, clusterId: "other" });
      assertEquals([store.cluster, store.epoch], ["c", 2]);
      assertEquals(store.writer.load().jobs.map((job) => job.generation), [1]);
      store.writer.close();
    },
  );
}

for (const [what, at] of [["head", 0], ["middle", 4_096]] as const) {
  inFolder(`a database with a damaged ${what} is refused and left as it is`, (path, folder) => {
    const { writer } = openStore({ path, clusterId: "c" });
    writer.write({ ...NOTHING, newJobs: [jobRow(1)] });
    writer.close();
    const damaged = Deno.readFileSync(path).fill(0x5a, at, at + 4_096);
    Deno.writeFileSync(path, damaged);
    const error = assertThrows(() => openStore({ path, clusterId: "c" }), IrisError);
    assertEquals(error.code, "database");
    assertMatch(error.message, /^The database .* is damaged .*To recover: .*/);
    assert(!error.message.includes("\n"));
    assertEquals(Deno.readFileSync(path), damaged);
    assertEquals([...Deno.readDirSync(folder)].map((entry) => entry.name), ["iris.db"]);
  });
}

inFolder("a file that is no database, and a folder, are refused", (path) => {
  Deno.writeTextFileSync(path, "hello");
  assertThrows(() => openStore({ path, clusterId: "c" }), IrisError, "damaged");
  Deno.removeSync(path);
  Deno.mkdirSync(path);
  assertThrows(() => openStore({ path, clusterId: "c" }), IrisError, "not a file");
});

inFolder("a database of a newer Iris is refused and left as it is", (path) => {
  openStore({ path, clusterId: "c" }).writer.close();
  const db = new DatabaseSync(path);
  db.exec("PRAGMA user_version = 99");
  db.close();
  const before = Deno.readFileSync(path);
  assertThrows(() => openStore({ path, clusterId: "c" }), IrisError, "newer Iris (schema 99");
  assertEquals(Deno.readFileSync(path), before);
});

inFolder("what a task handed back is that of its latest attempt, and goes with its job", (path) => {
  const { writer } = openStore({ path, clusterId: "c" });
  const reader = openReader(path);
  writer.write({
    ...NOTHING,
    newJobs: [jobRow(1, { pending: [], done: true, state: "FAILED", endedAtMs: 5 })],
    results: [
      [1, 0, 6, "SUCCEEDED", 1, "a", "exit", 0, 1, 2],
      [1, 6, 10, "FAILED", 0, "b", "exit", 1, 1, 2],
    ],
    returned: [[1, 3, 1, '{"result":3}'], [1, 7, 0, '{"result":7}']],
  });
  writer.write({ ...NOTHING, returned: [[1, 3, 0, '{"result":"late"}']] });
  const of = (generation: number, task: number, attempt: number) =>
    reader.returned(generation, { task, attempt });
  assertEquals([of(1, 3, 1), of(1, 3, 0), of(1, 7, 0)], ['{"result":3}', null, '{"result":7}']);
  writer.write({ ...NOTHING, newJobs: [jobRow(2)], copiedResults: [[1, 2]] });
  assertEquals([of(2, 3, 1), of(2, 7, 0)], ['{"result":3}', null], "a retry keeps what succeeded");
  writer.forgetting.purge({ name: "/u/j1" }, 9);
  while (writer.forgetting.sweep(100) > 0);
  assertEquals([of(1, 3, 1), of(2, 3, 1)], [null, '{"result":3}']);
  reader.close();
  writer.close();
});

Deno.test("a migration that fails leaves the version as it was", () => {
  const db = new DatabaseSync(":memory:");
  migrate(db, ["CREATE TABLE a (x)"]);
  assertThrows(() => migrate(db, ["", "CREATE TABLE b (x); CREATE TABLE a (x)"]));
  assertEquals(schemaVersion(db), 1);
  assertEquals(db.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.n, 1);
  db.close();
});

Deno.test("a column of ranges that is no such thing is refused", () => {
  assertEquals(fromBlob(toBlob([1, 2.5, 1e12])), [1, 2.5, 1e12]);
  assertEquals([toBlob([]), fromBlob(null)], [null, []]);
  assertThrows(() => fromBlob(new Uint8Array(7)), IrisError);
  assertThrows(() => fromBlob("x"), IrisError);
});

inFolder("a purged job leaves no row, and its generation is never used again", (path) => {
  const { writer } = openStore({ path, clusterId: "c" });
  const done = { done: true, state: "SUCCEEDED", endedAtMs: 1_000 } as const;
  writer.write({
    ...NOTHING,
    newJobs: [jobRow(1, { ...done, endedAtMs: 10 }), jobRow(2, done), jobRow(3), jobRow(4, done)],
    results: [[2, 0, 10, "SUCCEEDED", 0, "w0", "exit", 0, 1, 2]],
    details: [[2, 0, 0, "why"]],
    charges: [[3, 0, 1, 0, 0]],
  });
  assertEquals(writer.forgetting.purge({ name: "/u/j3" }, 7), 0, "it is not done");
  assertEquals(writer.forgetting.purge({ endedBeforeMs: 1_000, limit: 9 }, 7), 1);
  assertEquals(
    writer.forgetting.purge({ endedBeforeMs: 1_001, limit: 1 }, 7),
    1,
    "no more than asked for",
  );
  assertEquals(writer.forgetting.purge({ name: "/u/j4" }, 7), 1);
  while (writer.forgetting.sweep(5) > 0);
  writer.close();
  const db = new DatabaseSync(path);
  for (const table of ["results", "details", "lanes", "job_workers", "forgotten"]) {
    assertEquals(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()!.n, 0, table);
  }
  assertEquals(db.prepare("SELECT generation FROM jobs").all().map((row) => row.generation), [3]);
  db.close();
  const again = openStore({ path, clusterId: "c" }).writer;
  assertEquals(again.load().lastGeneration, 4);
  again.close();
});

inFolder(
  "rows of a purged job go a few at a time, also over a restart, and the file shrinks",
  (path) => {
    let { writer } = openStore({ path, clusterId: "c" });
    const results = Array.from(
      { length: 50_000 },
      (_, i) => [1, i, i + 1, "FAILED", 0, "w".repeat(200), "exit", 1, 1, 2] as const,
    );
    writer.write({ ...NOTHING, newJobs: [jobRow(1, { done: true, endedAtMs: 1 })], results });
    const full = writer.forgetting.size();
    writer.forgetting.shrink(1_000);
    assertEquals(writer.forgetting.size(), full, "there is nothing to give back");
    assertEquals(writer.forgetting.purge({ name: "/u/j1" }, 7), 1);
    assertEquals(writer.newest(["/u/j1"]).size, 0, "it is forgotten at once");
    assertEquals(writer.forgetting.sweep(20_000), 20_000);
    writer.close();
    ({ writer } = openStore({ path, clusterId: "c" }));
    assertEquals(writer.forgetting.sweep(20_000), 20_000);
    assertEquals(
      writer.forgetting.sweep(20_000),
      10_001,
      "the last of them, and the note of the job",
    );
    assertEquals(writer.forgetting.sweep(20_000), 0);
    assert(writer.forgetting.size().usedBytes < full.usedBytes / 10);
    while (writer.forgetting.size().fileBytes > full.fileBytes / 2) {
      writer.forgetting.shrink(1_000);
    }
    writer.close();
    assert(Deno.statSync(path).size < full.fileBytes / 2, "the file itself is smaller");
  },
);

inFolder("a file that an earlier version made is made to shrink as well", (path) => {
  const old = new DatabaseSync(path);
  old.exec("CREATE TABLE other (x)");
  old.exec("DROP TABLE other");
  old.close();
  openStore({ path, clusterId: "c" }).writer.close();
  const db = new DatabaseSync(path);
  assertEquals(db.prepare("PRAGMA auto_vacuum").get()?.auto_vacuum, 2);
  db.close();
});
