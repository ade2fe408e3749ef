import { assertEquals } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { seededRandom } from "../../src/base/random.ts";
import { processRuntime } from "../../src/runtimes/process/process_runtime.ts";
import { NO_OPTIONS } from "../../src/wire/task_options.ts";
import { BundleCache, type BundleSource } from "../../src/worker/bundle_cache.ts";
import { BundleStarts, inBundle } from "../../src/worker/bundle_starts.ts";
import { archiveOf, file, hashOfBytes, tempFolder } from "../archive/samples.ts";
import { FakeKeeper } from "../fakes/fake_keeper.ts";
import { ManualClock } from "../fakes/manual_clock.ts";
import { sampleSpec } from "../support/reconcile_samples.ts";
import { within } from "../support/until.ts";

const FACTS = { worker: "w", controllerUrl: "http://c", path: "/bin", home: "/" };
const BYTES = archiveOf([file("run.sh")]);

/** A keeper behind a gate, and bundles that come when a test says so. */
async function setup(
  test: (world: {
    keeper: FakeKeeper;
    starts: BundleStarts;
    folder: string;
    come: () => void;
    fail: (why: string) => void;
    /** Generations whose bundle was given back. */
    released: number[];
  }) => Promise<void>,
): Promise<void> {
  using temp = tempFolder();
  const coming = Promise.withResolvers<Awaited<ReturnType<BundleSource>>>();
  const cache = new BundleCache({
    ...{ folder: temp.path, limitBytes: 100_000, boot: "b", clock: new ManualClock() },
    random: seededRandom(1),
    source: () => coming.promise,
  });
  cache.open();
  const released: number[] = [];
  const release = cache.release.bind(cache);
  cache.release = (generation) => {
    released.push(generation);
    release(generation);
  };
  const keeper = new FakeKeeper();
  const link = keeper.connect();
  const starts = new BundleStarts({
    ...{ link, cache },
    plan: (spec) => processRuntime.plan(spec, FACTS),
  });
  link.onFacts((facts) => starts.observe(facts));
  const bundle = await hashOfBytes(BYTES);
  starts.command({ kind: "spec", spec: { ...sampleSpec(1), bundle, cwd: null } });
  starts.command({ kind: "spec", spec: sampleSpec(2) });
  starts.command({ kind: "start", runs: [[1, 0, 2, 0], [2, 0, 1, 0]] });
  await test({
    ...{ keeper, starts, folder: temp.path },
    come: () => coming.resolve({ bytes: null, body: ReadableStream.from([BYTES]) }),
    released,
    fail: (why) => coming.reject(new IrisError("not_found", why)),
  });
  await cache.close();
}

const until = within(5_000, 1);

Deno.test("attempts begin in their bundle's folder when it is there, and others before", async () => {
  await setup(async ({ keeper, folder, come }) => {
    assertEquals(keeper.began, ["2.0.0"]);
    come();
    await until(() => keeper.began.length === 3);
    assertEquals(keeper.began, ["2.0.0", "1.0.0", "1.1.0"]);
    const { cwd, env } = keeper.specs.get(1)!;
    assertEquals([cwd?.startsWith(`${folder}/`), env.IRIS_BUNDLE_DIR], [true, cwd!]);
    assertEquals([...Deno.readDirSync(cwd!)].map(({ name }) => name), ["run.sh"]);
  });
});

Deno.test("attempts whose bundle cannot be had end with the reason, by facts of the keeper", async () => {
  await setup(async ({ keeper, fail }) => {
    fail("the controller does not have it");
    await until(() => keeper.kept === 3);
    const { facts } = keeper.connect().hello;
    assertEquals(facts.ended.map(({ index, cause, detail }) => [index, cause, detail]), [
      [0, "launch_error", "The bundle is not here: the controller does not have it"],
      [1, "launch_error", "The bundle is not here: the controller does not have it"],
    ]);
  });
});

Deno.test("a worker that stops gives back what waits for a bundle, and it never starts", async () => {
  await setup(async ({ keeper, starts, come }) => {
    starts.close();
    const { facts } = keeper.connect().hello;
    assertEquals(facts.ended.map(({ index, cause }) => [index, cause]), [
      [0, "missing"],
      [1, "missing"],
    ]);
    come();
    await new Promise((resolve) => setTimeout(resolve, 1));
    assertEquals(keeper.began, ["2.0.0"]);
  });
});

Deno.test("a worker without a cache says so of each job that needs one", async () => {
  const keeper = new FakeKeeper();
  const starts = new BundleStarts({
    ...{ link: keeper.connect(), cache: null },
    plan: (spec) => processRuntime.plan(spec, FACTS),
  });
  starts.command({ kind: "spec", spec: { ...sampleSpec(1), bundle: "0".repeat(64) } });
  starts.command({ kind: "start", runs: [[1, 0, 1, 0]] });
  await until(() => keeper.kept === 1);
  assertEquals(
    keeper.connect().hello.facts.ended[0]?.detail,
    "The bundle is not here: This worker takes no bundles",
  );
});

Deno.test("relative paths of a job are below its bundle, absolute ones stay", () => {
  const spec = { ...sampleSpec(1), ...NO_OPTIONS };
  assertEquals(inBundle({ ...spec, cwd: null }, "/b").cwd, "/b");
  assertEquals(inBundle({ ...spec, cwd: "sub/dir" }, "/b").cwd, "/b/sub/dir");
  assertEquals(inBundle({ ...spec, cwd: "/data" }, "/b").cwd, "/data");
  const module = { file: "./train.ts", export: "main", args: null };
  assertEquals(inBundle({ ...spec, module }, "/b").module?.file, "/b/./train.ts");
  const absolute = { ...module, file: "/x.ts" };
  assertEquals(inBundle({ ...spec, module: absolute }, "/b").module?.file, "/x.ts");
});

Deno.test("a run of the loop that ends takes no bundle from what runs in it", async () => {
  await setup(async ({ keeper, starts, come, released }) => {
    come();
    await until(() => keeper.began.length === 3);
    starts.leave();
    assertEquals(released, []);
    starts.drop();
    assertEquals(released, [], "it has left, and knows of nothing any more");
  });
});
