import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { BundleStore } from "../../src/controller/bundle_store.ts";
import { archiveOf, file, hashOfBytes, tempFolder } from "../archive/samples.ts";
import { bundlesContract } from "../contracts/bundles.ts";
import { FakeBundles } from "../fakes/fake_bundles.ts";
import { ManualClock } from "../fakes/manual_clock.ts";

const NEVER = new AbortController().signal;
const HOUR_MS = 3_600_000;

/** A store over a real folder, and the jobs that refer to what is in it. */
class World {
  readonly #temp = tempFolder();
  readonly folder = `${this.#temp.path}/bundles`;
  readonly clock = new ManualClock();
  references: { hash: string; open: boolean }[] = [];
  bundles = this.open(1_000_000);

  open(spaceBytes: number): BundleStore {
    this.bundles?.release();
    const bundles = new BundleStore({
      ...{ folder: this.folder, maxBytes: 100_000, spaceBytes, clock: this.clock },
      references: () => this.references,
    });
    bundles.start();
    return this.bundles = bundles;
  }

  /** Sends a bundle of 2,048 bytes. */
  async send(name: string): Promise<string> {
    const bytes = archiveOf([file(name, name)]);
    const hash = await hashOfBytes(bytes);
    await this.bundles.put(hash, new Blob([bytes]).stream(), NEVER);
    return hash;
  }

  files(): string[] {
    return [...Deno.readDirSync(this.folder)].map(({ name }) => name).sort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.bundles.release();
    this.#temp[Symbol.dispose]();
    return Promise.resolve();
  }
}

bundlesContract("a store in memory", () => ({
  bundles: new FakeBundles(100_000),
  [Symbol.asyncDispose]: () => Promise.resolve(),
}));
bundlesContract("a store on disk", () => new World());

Deno.test("what was sent is there after a restart, and what was under way is not", async () => {
  await using world = new World();
  const hash = await world.send("a");
  Deno.writeTextFileSync(`${world.folder}/${hash}.00.part`, "half");
  world.open(1_000_000);
  assertEquals([world.files(), world.bundles.has(hash)], [[hash], true]);
  assertEquals(world.bundles.bytes, 2_048);
});

Deno.test("a bundle that nobody refers to goes a while after its last use, others stay", async () => {
  await using world = new World();
  const [a, b, c] = [await world.send("a"), await world.send("b"), await world.send("c")];
  world.references = [{ hash: b, open: false }];
  await world.clock.advance(HOUR_MS - 1_000);
  assertEquals(world.bundles.has(c), true);
  assertEquals(world.files().length, 3);
  await world.clock.advance(HOUR_MS / 2);
  assertEquals(world.files(), [b, c].sort(), `${a} was not used for an hour`);
  world.references = [];
  await world.clock.advance(3 * HOUR_MS);
  assertEquals([world.files(), world.bundles.bytes], [[], 0]);
});

Deno.test("where room is needed unused ones go first, then those of done jobs, never open ones", async () => {
  await using world = new World();
  world.open(3 * 2_048);
  const [open, done, unused] = [
    await world.send("o"),
    await world.send("d"),
    await world.send("u"),
  ];
  world.references = [{ hash: open, open: true }, { hash: done, open: false }];
  const offer = { hash: "0".repeat(64), bytes: 2_048 };
  const fresh = assertThrows(() => world.bundles.offer(offer), IrisError);
  assertEquals(fresh.code, "storage_full", "each may be of a submit that is under way");
  assertMatch(fresh.message, /--bundle-space/);
  await world.clock.advance(HOUR_MS / 2);
  assertEquals(world.bundles.offer(offer).here, false);
  assertEquals(world.files(), [open, done].sort(), `${unused} went`);
  const other = await world.send("x");
  await world.clock.advance(HOUR_MS / 2);
  world.references.push({ hash: other, open: true });
  await world.send("y");
  assertEquals(world.files().includes(done), false);
  await assertRejects(() => world.send("z"), IrisError, "There is no room");
  assertEquals([world.files().includes(open), world.bundles.bytes], [true, 3 * 2_048]);
});

Deno.test("an upload and a download that are under way end when the server does", async () => {
  await using world = new World();
  const hash = await world.send("a");
  const { body } = await world.bundles.get(hash);
  const stuck = world.bundles.put("0".repeat(64), new ReadableStream({}), NEVER);
  const refused = assertRejects(() => stuck, IrisError, "stopping");
  world.bundles.release();
  await refused;
  await assertRejects(() => new Response(body).bytes());
  assertEquals(world.files(), [hash]);
  assertEquals((await assertRejects(() => world.bundles.get(hash), IrisError)).code, "closing");
});

Deno.test("a sender that leaves in the middle leaves nothing", async () => {
  await using world = new World();
  const gone = new AbortController();
  const stuck = world.bundles.put("0".repeat(64), new ReadableStream({}), gone.signal);
  gone.abort();
  await assertRejects(() => stuck, IrisError, "gone");
  assertEquals([world.files(), world.bundles.bytes], [[], 0]);
});

Deno.test("a bundle that somebody removed by hand is not there, and nothing breaks", async () => {
  await using world = new World();
  const hash = await world.send("a");
  Deno.removeSync(`${world.folder}/${hash}`);
  assertEquals([world.bundles.has(hash), world.bundles.bytes], [false, 0]);
  assertEquals(await world.send("a"), hash);
});

Deno.test("a sender that falls silent is given up, and its bytes are not counted any more", async () => {
  await using world = new World();
  const half = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new Uint8Array(1_000)),
  });
  const stuck = world.bundles.put("0".repeat(64), half, NEVER);
  const refused = assertRejects(() => stuck, IrisError, "Nothing came for 60 s");
  while (world.bundles.bytes < 1_000) await new Promise((resolve) => setTimeout(resolve, 1));
  while (world.bundles.bytes > 0) {
    await world.clock.advance(10_000);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await refused;
  assertEquals([world.files(), world.bundles.bytes], [[], 0]);
});
