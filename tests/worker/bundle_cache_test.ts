import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { seededRandom } from "../../src/base/random.ts";
import { BundleCache } from "../../src/worker/bundle_cache.ts";
import type { BundleBody } from "../../src/worker/bundle_copy.ts";
import { archiveOf, contentOf, file, hashOfBytes, tempFolder } from "../archive/samples.ts";
import { ManualClock } from "../fakes/manual_clock.ts";

type Answer = (signal: AbortSignal) => Promise<BundleBody>;

/** A controller that has bundles, and a cache over a real folder. */
class World {
  readonly #temp = tempFolder();
  readonly folder = `${this.#temp.path}/bundles`;
  readonly calls: string[] = [];
  readonly bundles = new Map<string, Uint8Array<ArrayBuffer>>();
  /** What is answered first, whatever was asked for. */
  readonly first: Answer[] = [];
  clock = new ManualClock();
  limitBytes = 100_000;
  boot = "boot1";
  cache = this.open();

  open(): BundleCache {
    const { clock } = this;
    const cache = new BundleCache({
      ...{ folder: this.folder, limitBytes: this.limitBytes, boot: this.boot, clock },
      random: seededRandom(1),
      source: (hash, signal) => {
        this.calls.push(hash.slice(0, 4));
        const answer = this.first.shift();
        if (answer !== undefined) return answer(signal);
        const bytes = this.bundles.get(hash);
        if (bytes === undefined) return Promise.reject(new IrisError("not_found", "not there"));
        return Promise.resolve(bodyOf(bytes));
      },
    });
    cache.open();
    cache.settled();
    return this.cache = cache;
  }

  /** A new process of the same worker. */
  async reopen(): Promise<void> {
    await this.cache.close();
    this.open();
  }

  async bundle(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
    const hash = await hashOfBytes(bytes);
    this.bundles.set(hash, bytes);
    return hash;
  }

  /** A bundle of one file of so many bytes, whose archive has some more. */
  sized(name: string, bytes = 5): Promise<string> {
    return this.bundle(archiveOf([file(name, name.repeat(bytes).slice(0, bytes))]));
  }

  copies(): string[] {
    return [...Deno.readDirSync(this.folder)].map(({ name }) => name).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cache.close();
    this.#temp[Symbol.dispose]();
  }
}

function bodyOf(bytes: Uint8Array<ArrayBuffer>): BundleBody {
  const half = bytes.length >> 1;
  return {
    bytes: bytes.length,
    body: ReadableStream.from([bytes.subarray(0, half), bytes.subarray(half)]),
  };
}

async function failure(promise: Promise<unknown>): Promise<IrisError> {
  return await assertRejects(() => promise, IrisError);
}

Deno.test("a bundle is fetched once for all who wait for it, and lies there as it was packed", async () => {
  await using world = new World();
  const hash = await world.bundle(archiveOf([
    { kind: "folder", path: "bin" },
    { ...file("bin/run", "#!/bin/sh"), executable: true } as ReturnType<typeof file>,
  ]));
  const folders = await Promise.all([1, 2, 3].map((job) => world.cache.acquire(hash, job)));
  assertEquals(new Set(folders).size, 1);
  assertEquals(contentOf(folders[0]!), { "bin/": "", "bin/run": "*#!/bin/sh" });
  assertEquals(await world.cache.acquire(hash, 4), folders[0]);
  assertEquals(world.calls.length, 1);
});

Deno.test("what an earlier process unpacked is used again, and half of a copy is not", async () => {
  await using world = new World();
  const [a, b] = [await world.sized("a"), await world.sized("b")];
  const folder = await world.cache.acquire(a, 1);
  const other = await world.cache.acquire(b, 1);
  Deno.removeSync(`${other}.json`);
  Deno.writeTextFileSync(`${world.folder}/x.json.new`, "{");
  await world.reopen();
  assertEquals(world.copies().length, 2, "the whole copy and its list");
  assertEquals(await world.cache.acquire(a, 1), folder);
  assertEquals(world.calls.length, 2);
  await world.cache.acquire(b, 1);
  assertEquals(world.calls.length, 3);
});

Deno.test("after a boot of the machine nothing that was unpacked before counts", async () => {
  await using world = new World();
  const hash = await world.sized("a");
  await world.cache.acquire(hash, 1);
  world.boot = "boot2";
  await world.reopen();
  assertEquals(world.copies(), []);
});

const CHANGES: Readonly<Record<string, (folder: string) => void>> = {
  "a changed file": (folder) => {
    Deno.chmodSync(`${folder}/sub/a`, 0o644);
    Deno.writeTextFileSync(`${folder}/sub/a`, "B");
    Deno.chmodSync(`${folder}/sub/a`, 0o444);
  },
  "a changed mode": (folder) => Deno.chmodSync(`${folder}/sub/a`, 0o755),
  "a new file": (folder) => {
    Deno.chmodSync(`${folder}/sub`, 0o755);
    Deno.writeTextFileSync(`${folder}/sub/evil.py`, "x");
  },
  "a removed file": (folder) => {
    Deno.chmodSync(`${folder}/sub`, 0o755);
    Deno.removeSync(`${folder}/sub/a`);
  },
  "a folder that became a link": (folder) => {
    Deno.chmodSync(folder, 0o755);
    Deno.renameSync(`${folder}/sub`, `${folder}/old`);
    Deno.symlinkSync("old", `${folder}/sub`);
  },
};

for (const [what, change] of Object.entries(CHANGES)) {
  Deno.test(`${what} in a copy spoils it for the next job, and not under the one that did it`, async () => {
    await using world = new World();
    const hash = await world.bundle(
      archiveOf([{ kind: "folder", path: "sub" }, file("sub/a", "A")]),
    );
    const folder = await world.cache.acquire(hash, 1);
    // Changes within one tick of the disk's clock cannot be told apart.
    const { mtime } = Deno.lstatSync(`${folder}/sub`);
    while (Date.now() <= (mtime?.getTime() ?? 0) + 12) await world.cache.acquire(hash, 1);
    change(folder);
    const fresh = await world.cache.acquire(hash, 2);
    assert(fresh !== folder);
    assertEquals(contentOf(fresh), { "sub/": "", "sub/a": "A" });
    assert(Deno.statSync(folder).isDirectory, "the first job still runs in it");
    world.cache.release(1);
    await assertRejects(() => Deno.stat(folder), Deno.errors.NotFound);
    world.cache.release(2);
    assertEquals(await world.cache.acquire(hash, 3), fresh);
  });
}

Deno.test("where room is needed the longest unused goes, and never one in use", async () => {
  await using world = new World();
  world.limitBytes = 7_000;
  await world.cache.close();
  world.open();
  const [a, b, c] = [
    await world.sized("a", 500),
    await world.sized("b", 500),
    await world.sized("c", 500),
  ];
  const size = world.bundles.get(a)!.length;
  assertEquals(Math.floor(7_000 / size), 3);
  const kept = await world.cache.acquire(a, 1);
  for (const [hash, job] of [[b, 2], [c, 3]] as const) {
    await world.cache.acquire(hash, job);
    await world.clock.advance(10);
    world.cache.release(job);
  }
  await world.cache.acquire(await world.sized("d", 500), 4);
  assertEquals(world.cache.bytes, 3 * size);
  assertEquals(await world.cache.acquire(a, 1), kept, "it was in use");
  const before = world.calls.length;
  await world.cache.acquire(c, 5);
  assertEquals(world.calls.length, before, "it was used last");
  const full = await failure(world.cache.acquire(b, 6));
  assertEquals(full.code, "storage_full");
  assertMatch(full.message, /running jobs use the 7000 bytes.*--bundle-cache/);
  world.cache.release(1);
  await world.cache.acquire(b, 6);
  const large = await failure(world.cache.acquire(await world.sized("e", 9_000), 7));
  assertMatch(large.message, /10752 bytes does not fit.*--bundle-cache/);
});

Deno.test("before it is known what runs nothing is removed", async () => {
  await using world = new World();
  world.limitBytes = 3_000;
  await world.reopen();
  const folder = await world.cache.acquire(await world.sized("a"), 1);
  await world.cache.close();
  const cache = new BundleCache({
    ...{ folder: world.folder, limitBytes: 3_000, boot: "boot1", clock: world.clock },
    random: seededRandom(1),
    source: (hash) => Promise.resolve(bodyOf(world.bundles.get(hash)!)),
  });
  cache.open();
  const hash = await world.sized("b");
  assertEquals((await failure(cache.acquire(hash, 2))).code, "storage_full");
  assert(Deno.statSync(folder).isDirectory);
  cache.settled();
  await cache.acquire(hash, 2);
  await assertRejects(() => Deno.stat(folder), Deno.errors.NotFound);
  await cache.close();
});

Deno.test("bytes with another hash, hostile or cut ones leave nothing and are said as such", async () => {
  await using world = new World();
  const good = archiveOf([file("a")]);
  const hash = await world.bundle(good);
  world.first.push(() => Promise.resolve(bodyOf(archiveOf([file("b")]))));
  assertMatch((await failure(world.cache.acquire(hash, 1))).message, /another hash/);
  const evil = await world.bundle(archiveOf([file("../../evil")]));
  assertMatch((await failure(world.cache.acquire(evil, 1))).message, /"..\/..\/evil" leads out/);
  world.bundles.set(hash, good.subarray(0, 512));
  assertMatch((await failure(world.cache.acquire(hash, 1))).message, /ends too early/);
  // It says that it is small, and is not.
  world.limitBytes = 2_048;
  await world.reopen();
  const lie = { bytes: 10, body: ReadableStream.from([archiveOf([file("a", "x".repeat(3_000))])]) };
  world.first.push(() => Promise.resolve(lie));
  assertEquals((await failure(world.cache.acquire(hash, 1))).code, "too_large");
  assertEquals([world.copies(), world.cache.bytes], [[], 0]);
});

Deno.test("a bundle that does not come is asked for again, with waits, and then given up", async () => {
  await using world = new World();
  const hash = await world.sized("a");
  const cut: Answer = () =>
    Promise.resolve({
      bytes: 2_048,
      body: new ReadableStream({
        pull(controller) {
          controller.error(new IrisError("unavailable", "cut"));
        },
      }),
    });
  world.first.push(cut, cut);
  const coming = world.cache.acquire(hash, 1);
  await untilDone(coming, world.clock);
  await coming;
  assertEquals(world.calls.length, 3);
  const other = await world.sized("b");
  world.first.push(...Array.from({ length: 9 }, () => cut));
  const never = world.cache.acquire(other, 1);
  await untilDone(never, world.clock);
  assertEquals((await failure(never)).code, "unavailable");
  assertEquals(world.calls.length, 8);
  world.first.length = 0;
  const gone = await failure(world.cache.acquire("0".repeat(64), 1));
  assertEquals([gone.code, world.calls.length], ["not_found", 9]);
});

/** Lets a clock go on until something has settled. */
async function untilDone(promise: Promise<unknown>, clock: ManualClock): Promise<void> {
  let done = false;
  promise.then(() => done = true, () => done = true);
  for (let tries = 0; !done && tries < 500; tries++) {
    await clock.advance(1_000);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert(done, "it did not settle");
}

Deno.test("when nobody waits any more a fetch ends, and who comes then begins anew", async () => {
  await using world = new World();
  const hash = await world.sized("a");
  const asked = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  const hang: Answer = (signal) => {
    asked.resolve();
    signal.addEventListener("abort", () => aborted.resolve(), { once: true });
    return Promise.resolve({ bytes: 2_048, body: new ReadableStream({}) });
  };
  world.first.push(hang);
  const [one, two] = [world.cache.acquire(hash, 1), world.cache.acquire(hash, 2)];
  const failures = Promise.all([failure(one), failure(two)]);
  await asked.promise;
  world.cache.release(1);
  world.cache.release(2);
  const third = world.cache.acquire(hash, 3);
  await aborted.promise;
  assertEquals((await failures).map(({ code }) => code), ["closing", "closing"]);
  await third;
  assertEquals(world.calls.length, 2);
  world.first.push(hang);
  const last = failure(world.cache.acquire(await world.sized("b"), 4));
  await world.cache.close();
  assertEquals((await last).code, "closing");
  assertEquals(world.copies().length, 2);
});

Deno.test("a controller that falls silent, before or after it answered, is asked again", async () => {
  await using world = new World();
  const hash = await world.sized("a");
  const silent: Answer = (signal) =>
    new Promise((_, reject) => {
      const error = new IrisError("unavailable", "aborted");
      signal.addEventListener("abort", () => reject(error), { once: true });
    });
  const stuck: Answer = () => Promise.resolve({ bytes: 2_048, body: new ReadableStream({}) });
  world.first.push(silent, stuck);
  const coming = world.cache.acquire(hash, 1);
  await untilDone(coming, world.clock);
  await coming;
  assertEquals([world.calls.length, world.clock.timers], [3, 0]);
});
