/** The lifecycle loop with jobs that wait for their bundle. */
import { assertEquals } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { seededRandom } from "../../src/base/random.ts";
import { processRuntime } from "../../src/runtimes/process/process_runtime.ts";
import type { BundleSource } from "../../src/worker/bundle_cache.ts";
import { type LifecycleConfig, lifecycleLoop } from "../../src/worker/lifecycle_loop.ts";
import type { ToLifecycle, ToServer } from "../../src/worker/messages.ts";
import { archiveOf, file, hashOfBytes, tempFolder } from "../archive/samples.ts";
import { FakeKeeper } from "../fakes/fake_keeper.ts";
import { FakeLoop } from "../fakes/fake_loop.ts";
import { sampleRequest, sampleSpec } from "../support/reconcile_samples.ts";

const BYTES = archiveOf([file("run.sh")]);

/** A loop whose bundles come when a test says so, and what it answers. */
async function setup(
  test: (world: {
    keeper: FakeKeeper;
    loop: FakeLoop<LifecycleConfig>;
    come: () => void;
    /** Makes a call: task 0 of job 1, which needs a bundle, and of job 2, which does not. */
    call: (seq: number, stop?: boolean) => Promise<ToServer & { type: "response" }>;
  }) => Promise<void>,
): Promise<void> {
  using temp = tempFolder();
  const keeper = new FakeKeeper();
  const loop = new FakeLoop<LifecycleConfig>();
  const coming = Promise.withResolvers<Awaited<ReturnType<BundleSource>>>();
  const server = loop.far<ToServer, ToLifecycle>("worker");
  const answers = new Map<number, PromiseWithResolvers<ToServer & { type: "response" }>>();
  server.onMessage((message) => {
    if (message.type === "response") answers.get(message.id)?.resolve(message);
  });
  loop.run(
    lifecycleLoop({
      connect: () => Promise.resolve(keeper.connect()),
      runtime: processRuntime,
      random: seededRandom(1),
      fetch: () => Promise.reject(new IrisError("unavailable", "nobody")),
      bundles: () => () => coming.promise,
    }),
    {
      ...{ worker: "w0", controllerUrl: "http://c", controllerToken: "t", serverToken: "t" },
      ...{ keeperSocket: "/x", attributes: {}, hostname: "h", version: "0.1.0", pid: 1 },
      ...{ path: "/bin", home: "/", onControllerLost: "finish", controllerLostMs: 60_000 },
      capacity: { cpuMilli: 9_000, memoryBytes: 1e9, maxRunning: 9 },
      folder: temp.path,
      bundles: { folder: `${temp.path}/bundles`, limitBytes: 100_000 },
    },
  );
  await loop.ready;
  const bundle = await hashOfBytes(BYTES);
  const specs = [{ ...sampleSpec(1), bundle, cwd: null }, sampleSpec(2)];
  const call = (seq: number, stop = false) => {
    const answer = Promise.withResolvers<ToServer & { type: "response" }>();
    answers.set(seq, answer);
    const runs = stop ? [] : [[1, 0, 1, 0] as const];
    const request = sampleRequest(seq, {
      ...{ specs, waitMs: seq === 1 ? 0 : 5_000, run: [...runs, [2, 0, 1, 0]] },
      stop: stop ? [[1, 0, 1, 0, "cancelled"]] : [],
    });
    server.post({ type: "reconcile", id: seq, request });
    return answer.promise;
  };
  const come = () => coming.resolve({ bytes: null, body: ReadableStream.from([BYTES]) });
  try {
    await test({ keeper, loop, call, come });
  } finally {
    if (!loop.signal.signal.aborted) await loop.stop(1_000);
  }
}

Deno.test("a job waits for its bundle at the worker, counted in its backlog, and others run", async () => {
  await setup(async ({ keeper, call, come }) => {
    const { response } = await call(1);
    assertEquals([response.backlog, response.missing], [2, []], "told before anything has begun");
    assertEquals(response.building, [[1, 0, 1, 0]]);
    assertEquals(keeper.began, ["2.0.0"]);
    come();
    const next = (await call(2)).response;
    assertEquals(next.building, []);
    const begun = (next.facts?.started ?? []).some(([generation]) => generation === 1) ||
      (await call(3)).response.facts?.started.some(([generation]) => generation === 1);
    assertEquals([begun, keeper.began], [true, ["2.0.0", "1.0.0"]]);
  });
});

Deno.test("a job that is stopped while it waits ends as cancelled, and never begins", async () => {
  await setup(async ({ keeper, call, come }) => {
    await call(1);
    await call(2, true);
    const { facts } = (await call(3, true)).response;
    assertEquals(facts?.ended.map((run) => run.slice(0, 5)), [[1, 0, 1, 0, "cancelled"]]);
    come();
    await call(4, true);
    assertEquals(keeper.began, ["2.0.0"]);
  });
});

Deno.test("a worker that stops says of what it holds that it never was there, before its keeper ends", async () => {
  await setup(async ({ keeper, loop, call }) => {
    await call(1);
    await loop.stop(1_000);
    const { facts } = keeper.connect().hello;
    assertEquals(
      facts.ended.filter(({ generation }) => generation === 1).map(({ cause }) => cause),
      [
        "missing",
      ],
    );
    assertEquals(keeper.ends.length, 1);
  });
});
