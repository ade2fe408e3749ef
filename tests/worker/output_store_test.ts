import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { Unpacker } from "../../src/archive/unpack.ts";
import { OutputFolders } from "../../src/worker/keeper/output_folders.ts";
import type { EndedFact, StartedFact } from "../../src/worker/keeper_link.ts";
import { OutputStore } from "../../src/worker/output_store.ts";
import { NO_OPTIONS } from "../../src/wire/task_options.ts";
import { contentOf, fill, tempFolder } from "../archive/samples.ts";
import { ManualClock } from "../fakes/manual_clock.ts";
import { endedFact, sampleSpec, startedFact } from "../support/reconcile_samples.ts";

/** A worker's folder, what its keeper makes there, and a store over it. */
class World {
  readonly #temp = tempFolder();
  readonly folder = this.#temp.path;
  readonly clock = new ManualClock();
  #keeper = new OutputFolders(this.folder);
  store = this.open();

  open(limitBytes = 1_000): OutputStore {
    const { folder, clock } = this;
    return this.store = new OutputStore({ folder, limitBytes, clock });
  }

  /** An attempt begins and writes. @returns its folder */
  begin(generation: number, index: number, of: { files: Record<string, string>; limit?: number }) {
    const options = { ...NO_OPTIONS, outputBytes: of.limit ?? 100 };
    const spec = { ...sampleSpec(generation), options };
    const [line] = this.#keeper.begin(spec, { index, attempt: 0, generation });
    const folder = line?.replace("IRIS_OUTPUT_DIR=", "") ?? "";
    this.tell({ started: [startedFact(generation, index)] });
    fill(folder, of.files);
    return folder;
  }

  tell(facts: { again?: boolean; started?: StartedFact[]; ended?: EndedFact[] }): void {
    this.store.observe({ again: false, started: [], ended: [], ...facts });
  }

  async end(generation: number, index: number) {
    await this.clock.advance(10);
    this.tell({ ended: [endedFact(generation, index)] });
    return (await this.store.list(generation)).find((one) => one.index === index);
  }

  async content(generation: number, index: number): Promise<Record<string, string>> {
    using target = tempFolder();
    const limits = { bytes: 10_000, entries: 100 };
    const unpacker = new Unpacker(target.path, { limits, readOnly: false });
    const body = await this.store.open({ generation, index, attempt: 0 });
    for await (const chunk of body) unpacker.push(chunk);
    unpacker.end();
    return contentOf(target.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
    this.#temp[Symbol.dispose]();
  }
}

Deno.test("what an attempt wrote is kept when it has ended, and comes out as it was", async () => {
  await using world = new World();
  const files = { "a": "12", "b/c": "34567", "link": "->b/c" };
  world.begin(1, 0, { files });
  assertEquals(await world.store.list(1), []);
  const kept = await world.end(1, 0);
  assertEquals(kept, { index: 0, attempt: 0, files: 3, bytes: 7, note: null, gone: false });
  assertEquals(await world.content(1, 0), { ...files, "b/": "" });
  const none = await assertRejects(
    () => world.store.open({ generation: 1, index: 1, attempt: 0 }),
    IrisError,
  );
  assertEquals(none.code, "not_found");
});

Deno.test("what is over the limit, or cannot be sent, is not kept, and the note names it", async () => {
  await using world = new World();
  const files = {
    "a": "12345",
    "b": "67890",
    "c": "1",
    "out": "->/etc/passwd",
    "d/deep": "123456",
  };
  const folder = world.begin(1, 0, { files, limit: 7 });
  const kept = await world.end(1, 0);
  assertEquals([kept?.files, kept?.bytes], [2, 6]);
  assertMatch(kept?.note ?? "", /^not kept: over the limit of 7 bytes: 2 of 5 files \(11 bytes\)/);
  assertMatch(kept?.note ?? "", /: b, d\/deep; out is a link to an absolute path/);
  assertEquals(contentOf(folder), { "a": "12345", "c": "1", "d/": "" });
});

Deno.test("an attempt that wrote nothing, or removed its folder, leaves nothing", async () => {
  await using world = new World();
  world.begin(1, 0, { files: {} });
  assertEquals(await world.end(1, 0), undefined);
  Deno.removeSync(world.begin(1, 1, { files: { a: "1" } }), { recursive: true });
  assertEquals(await world.end(1, 1), undefined);
  assertEquals([...Deno.readDirSync(`${world.folder}/outputs/1`)].map(({ name }) => name), [
    "limit",
  ]);
});

Deno.test("a job that keeps nothing costs nothing and gets no folder", async () => {
  await using world = new World();
  const spec = { ...sampleSpec(1), options: NO_OPTIONS };
  const lines = new OutputFolders(world.folder).begin(spec, {
    generation: 1,
    index: 0,
    attempt: 0,
  });
  world.tell({ started: [startedFact(1, 0)], ended: [endedFact(1, 0)] });
  assertEquals([lines, contentOf(world.folder), await world.store.list(1)], [[], {}, []]);
});

Deno.test("over the worker's limit the oldest goes, and is known to have been there", async () => {
  await using world = new World();
  world.open(10);
  for (const index of [0, 1, 2]) {
    world.begin(1, index, { files: { a: "12345" } });
    await world.end(1, index);
  }
  const listed = await world.store.list(1);
  assertEquals(listed.map(({ index, gone }) => [index, gone]), [[0, true], [1, false], [2, false]]);
  assertEquals(world.store.bytes, 10);
  await assertRejects(() => world.store.open({ generation: 1, index: 0, attempt: 0 }), IrisError);
  world.open(10);
  assertEquals([await world.store.list(1), world.store.bytes], [listed, 10]);
});

Deno.test("what ended while nobody looked is kept by the next process, what runs is left alone", async () => {
  await using world = new World();
  const running = world.begin(1, 0, { files: { a: "1" } });
  const ended = world.begin(1, 1, { files: { a: "2" } });
  const young = world.begin(2, 0, { files: {} });
  const long = new Date(world.clock.wall() - 60_000);
  for (const folder of [running, ended]) Deno.utimeSync(folder, long, long);
  Deno.utimeSync(young, long, new Date(world.clock.wall()));
  world.open();
  world.tell({ again: true, started: [startedFact(1, 0)] });
  const listed = await world.store.list(1);
  assertEquals(listed.map(({ index }) => index), [1]);
  assertEquals([Deno.statSync(running).isDirectory, Deno.statSync(young).isDirectory], [
    true,
    true,
  ]);
  assertEquals((await world.end(1, 0))?.bytes, 1);
});

Deno.test("a job that is forgotten takes its outputs along", async () => {
  await using world = new World();
  for (const generation of [1, 2]) {
    world.begin(generation, 0, { files: { a: "123" } });
    await world.end(generation, 0);
  }
  world.store.forget(1);
  assertEquals([await world.store.list(1), world.store.bytes], [[], 3]);
  assertEquals([...Deno.readDirSync(`${world.folder}/outputs`)].map(({ name }) => name), ["2"]);
});

Deno.test("what is being sent ends when the server does", async () => {
  await using world = new World();
  world.begin(1, 0, { files: { a: "123" } });
  await world.end(1, 0);
  const body = await world.store.open({ generation: 1, index: 0, attempt: 0 });
  world.store.endStreams();
  await assertRejects(() => new Response(body).bytes());
  await assertRejects(() => world.content(1, 0), IrisError, "stopping");
});
