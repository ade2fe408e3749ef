import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { PortChannel } from "../../src/lifecycle/channel.ts";
import { type IsolateOptions, type IsolatePart, isolatePart } from "../../src/lifecycle/isolate.ts";
import { Owner, UnwindError } from "../../src/lifecycle/owner.ts";
import type { StopReport } from "../../src/lifecycle/part.ts";
import { type LeakCheck, leakTest } from "../support/leak_check.ts";

const RESTART = { limit: 2, windowMs: 10_000, minBackoffMs: 2, maxBackoffMs: 10 };

/** An isolate under a root, and what was seen of it. */
class Bench {
  readonly infos: unknown[] = [];
  readonly failures: unknown[] = [];
  readonly root: Owner;
  readonly part: IsolatePart<unknown>;
  #changed = Promise.withResolvers<void>();

  constructor(check: LeakCheck, module: string, options: Partial<IsolateOptions<unknown>> = {}) {
    this.root = check.owns(Owner.root("root", {
      clock: systemClock,
      onFailure: (error) => {
        this.failures.push(error);
        this.#wake();
      },
    }));
    this.part = isolatePart<unknown>({
      name: "core",
      module: new URL(`../support/isolates/${module}.ts`, import.meta.url),
      config: undefined,
      startTimeoutMs: 5000,
      stallMs: 3000,
      restart: RESTART,
      onReady: (info) => {
        this.infos.push(info);
        this.#wake();
      },
      ...options,
    });
  }

  up(): Promise<Owner> {
    return this.root.own(this.part);
  }

  /** Stops the root; answers with the report of the isolate. */
  async stop(ms = 2000): Promise<StopReport> {
    const [child] = (await this.root.stop(ms, "shutdown")).children;
    assert(child !== undefined, "the root has a report of its isolate");
    return child;
  }

  /** Waits until something that was seen makes it true. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await this.#changed.promise;
      this.#changed = Promise.withResolvers();
    }
  }

  #wake() {
    this.#changed.resolve();
  }
}

/** Waits until it is true of something that can only be looked at. */
async function seen(condition: () => boolean, withinMs = 2000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!condition()) {
    assert(performance.now() < end, `not seen within ${withinMs} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

leakTest(
  "an isolate starts with its config, shows its facts, and ends cleanly when asked",
  async (check) => {
    const bench = new Bench(check, "obey", { config: { greeting: "hello" } });
    await bench.up();
    assertEquals(bench.infos, [{ greeting: "hello" }]);
    const node = bench.root.tree().children[0];
    assertEquals(node?.stalled, false);
    assertEquals(node?.restarts, 0);
    assert((node?.memoryBytes ?? 0) > 1e6);
    assertMatch(node?.detail ?? "", /^thread \d+$/);
    assertEquals(node?.children.map((child) => `${child.kind} ${child.name}`), ["resource socket"]);
    const started = performance.now();
    const report = await bench.stop();
    assertEquals(report.outcome, "clean");
    assertEquals(report.rung, "ask");
    assertEquals(report.children.map((child) => child.name), ["socket"]);
    assert(performance.now() - started < 500, "it does not wait out its budget");
  },
);

leakTest(
  "an isolate talks over the channels it was given, and hears of close before ask",
  async (check) => {
    const { port1, port2 } = new MessageChannel();
    const channel = new PortChannel<string, string>(port1);
    const bench = new Bench(check, "obey", {
      config: { greeting: "with-channel" },
      channels: { main: port2 },
    });
    await bench.up();
    const heard: string[] = [];
    const both = Promise.withResolvers<void>();
    channel.onMessage((message) => {
      heard.push(message);
      if (heard.length === 2) both.resolve();
    });
    channel.post("ping");
    bench.part.close("drain");
    await both.promise;
    assertEquals(heard, ["ping pong", "closing drain"]);
    assertEquals((await bench.stop()).outcome, "clean");
    channel.close();
  },
);

leakTest(
  "a body that crashes in its isolate is started again there, in the same thread",
  async (check) => {
    const bench = new Bench(check, "throws", { config: { crashes: 2 } });
    await bench.up();
    await bench.until(() => bench.infos.length === 3);
    assertEquals(bench.infos, [1, 2, 3], "the module's state went on: it is the same isolate");
    await seen(() => bench.root.tree().children[0]?.restarts === 2);
    assertMatch(bench.root.tree().children[0]?.detail ?? "", /^thread \d+, last crash: crash 2$/);
    assertEquals((await bench.stop()).outcome, "clean");
  },
);

leakTest(
  "a body that crashes too often takes its isolate down, and its failure goes up",
  async (check) => {
    const bench = new Bench(check, "throws", { config: { crashes: 99 } });
    await bench.up();
    await bench.until(() => bench.failures.length > 0);
    const failure = bench.failures[0] as Error;
    assertEquals(
      failure.message,
      "loop core failed: crash 3 (restarted 2 times in 10000 ms)",
    );
    assertEquals(bench.root.tree().children, []);
    await bench.root.stop(1000, "crash");
  },
);

leakTest("an error in a timer that nobody catches is a crash of the body", async (check) => {
  const bench = new Bench(check, "throws_in_timer");
  await bench.up();
  await bench.until(() => bench.infos.length === 2);
  await seen(() => bench.root.tree().children[0]?.restarts === 1);
  assertMatch(bench.root.tree().children[0]?.detail ?? "", /last crash: thrown in a timer$/);
  assertEquals((await bench.stop()).outcome, "clean");
});

leakTest("a rejection that nobody handles is a crash of the body", async (check) => {
  const bench = new Bench(check, "rejects_unhandled");
  await bench.up();
  await bench.until(() => bench.infos.length === 2);
  await seen(() => bench.root.tree().children[0]?.restarts === 1);
  assertMatch(bench.root.tree().children[0]?.detail ?? "", /last crash: rejected and unhandled$/);
  assertEquals((await bench.stop()).outcome, "clean");
});

leakTest("a body that returns early without restarts left is a failure", async (check) => {
  const bench = new Bench(check, "returns_early", { restart: { ...RESTART, limit: 0 } });
  await bench.up();
  await bench.until(() => bench.failures.length > 0);
  assertMatch(
    (bench.failures[0] as Error).message,
    /^loop core failed: loop core returned before it was asked to stop/,
  );
  await bench.root.stop(1000, "crash");
});

leakTest(
  "what a body throws while it ends is in the report, and it is not forced for it",
  async (check) => {
    const bench = new Bench(check, "throws_at_stop");
    await bench.up();
    const report = await bench.stop();
    assertEquals(report.outcome, "failed");
    assertEquals(report.rung, "ask");
    assertEquals(report.errors.map((error) => error.message), ["could not write the last page"]);
  },
);

leakTest(
  "an isolate that ignores its signal is forced at its deadline, and proved gone by its thread",
  async (check) => {
    const bench = new Bench(check, "ignores");
    await bench.up();
    const started = performance.now();
    const report = await bench.stop(2_000);
    const took = performance.now() - started;
    assertEquals(report.outcome, "forced");
    assertEquals(report.rung, "force");
    assertEquals(report.leftovers, []);
    assert(took > 1_700 && took <= 2_200, `took ${took} ms`);
  },
);

leakTest(
  "a process that a killed isolate had is not accounted for, and leaks by name",
  async (check) => {
    const bench = new Bench(check, "ignores", { config: { process: true } });
    await bench.up();
    const report = await bench.stop(200);
    assertEquals(report.outcome, "leaked");
    assertEquals(report.leftovers, ["process helper (pid 4711) of killed isolate core"]);
  },
);

leakTest("a nearer stop brings the deadline inside the isolate nearer", async (check) => {
  const bench = new Bench(check, "ignores");
  await bench.up();
  const slow = bench.root.stop(60_000, "drain");
  const started = performance.now();
  // What is kept of it for the proof is a share: long enough for a machine that is busy.
  const [report] = (await bench.root.stop(1_500, "shutdown")).children;
  assertEquals((await slow).children[0], report);
  assertEquals(report?.outcome, "forced");
  assert(performance.now() - started < 1_700);
});

leakTest("a kill ends an isolate at once", async (check) => {
  const bench = new Bench(check, "ignores");
  await bench.up();
  const started = performance.now();
  const [report] = (await bench.root.kill()).children;
  assertEquals(report?.outcome, "forced");
  assert(performance.now() - started < 200);
});

leakTest("an isolate cannot start another one: that is refused, and says why", async (check) => {
  const bench = new Bench(check, "nests");
  await bench.up();
  assertEquals(bench.infos, [
    "An isolate cannot start another isolate: main owns them all, hand it in as a part",
  ]);
  assertEquals((await bench.stop()).outcome, "clean");
});

leakTest(
  "an isolate that is not ready in time fails the start and leaves nothing",
  async (check) => {
    const bench = new Bench(check, "never_ready", { startTimeoutMs: 150 });
    await assertRejects(() => bench.up(), Error, "core not ready within 150 ms");
    assertEquals(bench.root.tree().children, []);
    await bench.root.stop(1000, "shutdown");
  },
);

leakTest(
  "an isolate whose config comes later loads meanwhile, and begins with it",
  async (check) => {
    const config = Promise.withResolvers<unknown>();
    const bench = new Bench(check, "obey", { config: config.promise, startTimeoutMs: 2000 });
    const up = bench.up();
    await seen(() => /^thread/.test(bench.root.tree().children[0]?.detail ?? ""));
    assertEquals(bench.infos, []);
    config.resolve({ greeting: "late" });
    await up;
    assertEquals(bench.infos, [{ greeting: "late" }]);
    assertEquals((await bench.stop()).outcome, "clean");
  },
);

leakTest("a stop ends an isolate whose config never came, and what it was given", async (check) => {
  const { port1, port2 } = new MessageChannel();
  const config = Promise.withResolvers<unknown>();
  const channels = { main: port2 };
  const bench = new Bench(check, "obey", { config: config.promise, channels });
  const up = assertRejects(() => bench.up());
  await seen(() => /^thread/.test(bench.root.tree().children[0]?.detail ?? ""));
  assertEquals((await bench.stop()).outcome, "clean");
  await up;
  config.resolve({ greeting: "too late" });
  await config.promise;
  assertEquals(bench.infos, []);
  port1.close();
});

leakTest("a config that fails to come fails the start of its isolate with that", async (check) => {
  const config = Promise.reject(new Error("no config"));
  const bench = new Bench(check, "obey", { config });
  await assertRejects(() => bench.up(), Error, "no config");
  assertEquals((await bench.root.stop(2000, "shutdown")).outcome, "clean");
});

leakTest("a stop during the start of an isolate unwinds it at once", async (check) => {
  const bench = new Bench(check, "never_ready");
  const up = bench.up().then(() => "up", (error) => String(error));
  await new Promise((resolve) => setTimeout(resolve, 60));
  const started = performance.now();
  const report = await bench.root.stop(2000, "shutdown");
  assert(performance.now() - started < 500);
  assert(await up !== "up");
  assertEquals(report.outcome, "clean");
});

leakTest("a module that cannot load fails the start with its error", async (check) => {
  const bench = new Bench(check, "broken_module");
  await assertRejects(() => bench.up(), Error, "this module cannot load");
  await bench.root.stop(1000, "shutdown");
});

leakTest(
  "a config that cannot be cloned fails the start, and the ports it was given are closed",
  async (check) => {
    const { port1, port2 } = new MessageChannel();
    const bench = new Bench(check, "obey", { config: { fn: () => {} }, channels: { main: port2 } });
    await assertRejects(() => bench.up(), Error, "could not be cloned");
    port1.close();
    await bench.root.stop(1000, "shutdown");
  },
);

leakTest("what the receiver of a ready isolate's news throws fails the start", async (check) => {
  const bench = new Bench(check, "obey", {
    onReady: () => {
      throw new Error("cannot use this port");
    },
  });
  await assertRejects(() => bench.up(), Error, "cannot use this port");
  await bench.root.stop(1000, "shutdown");
});

leakTest("a module that does not exist fails the start", async (check) => {
  const bench = new Bench(check, "no_such_module");
  // With types checked the loader speaks of the check, without it of the module.
  const error = await assertRejects(() => bench.up(), Error, "isolate core died");
  assertMatch(error.message, /no_such_module\.ts|Type checking failed/);
  await bench.root.stop(1000, "shutdown");
});

leakTest(
  "an isolate that ends behind everybody's back is noticed, and its failure goes up",
  async (check) => {
    const bench = new Bench(check, "dies");
    await bench.up();
    await bench.until(() => bench.failures.length > 0);
    const failure = bench.failures[0];
    assertEquals(failure instanceof UnwindError, false, String(failure));
    assertEquals((failure as Error).message, "isolate core is gone without a word");
    await bench.root.stop(1000, "crash");
  },
);

leakTest(
  "a loop that does not tick shows as stalled though its isolate is alive",
  async (check) => {
    const bench = new Bench(check, "stalls", { stallMs: 100 });
    await bench.up();
    assertEquals(bench.root.tree().children[0]?.stalled, false);
    await seen(() => bench.root.tree().children[0]?.stalled === true);
    assertEquals((await bench.stop()).outcome, "clean");
  },
);

leakTest("twenty isolates start and stop together", async (check) => {
  const root = check.owns(Owner.root("root", { clock: systemClock }));
  const module = new URL("../support/isolates/obey.ts", import.meta.url);
  await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      root.own(
        isolatePart({
          name: `i${i}`,
          module,
          config: {},
          startTimeoutMs: 10_000,
          stallMs: 3000,
          restart: RESTART,
        }),
        { stage: 0 },
      )),
  );
  const threads = root.tree().children.map((child) => child.detail);
  assertEquals(new Set(threads).size, 20, "each is tied to a thread of its own");
  const report = await root.stop(5000, "shutdown");
  assertEquals(report.outcome, "clean");
});

/** Runs the program whose isolate spins, in a process of its own. */
async function runSpinning(module: string): Promise<Record<string, unknown>> {
  const program = new URL("../support/spinning_program.ts", import.meta.url).pathname;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", program, module],
    stdin: "null",
    stderr: "inherit",
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test("a spinning isolate shows as stalled, and leaks by name and thread when it is stopped", async () => {
  const seen = await runSpinning("spins");
  assertEquals(seen.stalled, true);
  assertEquals(seen.outcome, "leaked");
  assertEquals(seen.rung, "verify");
  assertMatch(String(seen.leftovers), /^isolate spinner \(thread \d+\) still runs$/);
  assert(Number(seen.tookMs) <= 600, `the stop took ${seen.tookMs} ms of 500 ms`);
});

Deno.test("an isolate that spins while it loads fails the start, which names the thread it leaves", async () => {
  const seen = await runSpinning("spins_at_load");
  assertMatch(
    String(seen.failure),
    /not ready within 1500 ms; left over: isolate spinner \(thread \d+\) still runs$/,
  );
});
