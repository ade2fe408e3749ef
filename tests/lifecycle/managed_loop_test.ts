import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { AssertionFailure } from "../../src/base/assert.ts";
import { seededRandom } from "../../src/base/random.ts";
import { channelPair } from "../../src/lifecycle/channel.ts";
import type { LoopBody, LoopContext } from "../../src/lifecycle/loop.ts";
import {
  LoopFailure,
  type ManagedLoop,
  managedLoop,
  type ManagedLoopOptions,
} from "../../src/lifecycle/managed_loop.ts";
import { Owner } from "../../src/lifecycle/owner.ts";
import type { StopReport, StopRequest } from "../../src/lifecycle/part.ts";
import { FakeClock } from "../fakes/fake_clock.ts";

const RESTART = { limit: 2, windowMs: 10_000, minBackoffMs: 100, maxBackoffMs: 1000 };

/** Resolves when the loop is asked to end. */
function asked(context: LoopContext): Promise<void> {
  if (context.signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    context.signal.addEventListener("abort", () => resolve(), { once: true })
  );
}

/** A body that is ready and then does what is asked. */
const obedient: LoopBody = async (context) => {
  context.ready();
  await asked(context);
};

/** A loop under a root with a fake clock, and everything that was seen of it. */
class Bench {
  readonly clock = new FakeClock();
  readonly failures: unknown[] = [];
  readonly infos: unknown[] = [];
  readonly events: string[] = [];
  readonly root: Owner;
  readonly loop: ManagedLoop<unknown>;

  constructor(body: LoopBody<unknown>, options: Partial<ManagedLoopOptions<unknown>> = {}) {
    this.root = Owner.root("root", {
      clock: this.clock,
      onFailure: (error) => this.failures.push(error),
    });
    this.loop = managedLoop<unknown>({
      name: "core",
      body,
      config: undefined,
      startTimeoutMs: 500,
      stallMs: 3000,
      restart: RESTART,
      random: seededRandom(1),
      onReady: (info) => this.infos.push(info),
      ...options,
    });
  }

  up(): Promise<unknown> {
    return this.clock.drive(this.root.own(this.loop));
  }

  stop(ms = 1000): Promise<StopReport> {
    return this.clock.drive(this.root.stop(ms, "shutdown"));
  }

  /** The loop's own report in a report of the root. */
  static of(report: StopReport): StopReport {
    const [child] = report.children;
    assert(child !== undefined, "the root has a report of its loop");
    return child;
  }
}

Deno.test("a loop is up when its body says so, with what it says", async () => {
  const bench = new Bench(async (context) => {
    context.ready({ port: 1234 });
    await asked(context);
  });
  await bench.up();
  assertEquals(bench.infos, [{ port: 1234 }]);
  const report = await bench.stop();
  assertEquals(report.outcome, "clean");
  assertEquals(Bench.of(report).rung, "ask");
  assertEquals(bench.clock.pending, 0, "no timer is left");
});

Deno.test("a body that is not ready in time fails the start, and what it owned is unwound", async () => {
  let released = false;
  const bench = new Bench(async (context) => {
    await context.owner.own({
      name: "db",
      kind: "resource",
      release: () => void (released = true),
    });
    await asked(context);
  });
  await assertRejects(() => bench.up(), Error, "loop core not ready within 500 ms");
  assertEquals(released, true);
  assertEquals(bench.root.tree().children, []);
  assertEquals((await bench.stop()).outcome, "clean");
  assertEquals(bench.clock.pending, 0);
});

Deno.test("a body that throws before it is ready fails the start with what it threw", async () => {
  let runs = 0;
  const bench = new Bench(() => {
    runs++;
    return Promise.reject(new Error("no such database"));
  });
  await assertRejects(() => bench.up(), Error, "no such database");
  await bench.clock.advanceAsync(60_000);
  assertEquals(runs, 1, "a failed start is not tried again");
  await bench.stop();
});

Deno.test("a stop during the start ends the body and the start", async () => {
  const bench = new Bench(asked);
  const up = bench.root.own(bench.loop).then(() => "up", (error) => String(error));
  await bench.clock.settle();
  const report = await bench.stop();
  assert(await up !== "up");
  assertEquals(report.outcome, "clean");
  assertEquals(bench.clock.now(), 1000, "nobody waited for a deadline");
  assertEquals(bench.clock.pending, 0);
});

Deno.test("a crashed loop starts again after a back-off, and what its run owned is released before", async () => {
  const events: string[] = [];
  let run = 0;
  const bench = new Bench(async (context) => {
    const me = ++run;
    events.push(`run ${me}`);
    await context.owner.own({
      name: `db${me}`,
      kind: "resource",
      release: () => void events.push(`release ${me}`),
    });
    context.ready(me);
    if (me === 1) throw new Error("bang");
    await asked(context);
  });
  await bench.up();
  await bench.clock.settle();
  assertEquals(events, ["run 1", "release 1"]);
  const down = bench.loop.facts();
  assertEquals(down.stalled, true, "a loop that is down shows as not well");
  assertEquals(down.restarts, 1);
  assertEquals(down.detail, "last crash: bang");
  const waitMs = bench.clock.nextMs ?? 0;
  assert(waitMs >= 50 && waitMs <= 100, `the first back-off was ${waitMs} ms`);
  await bench.clock.advanceAsync(waitMs);
  assertEquals(events, ["run 1", "release 1", "run 2"]);
  assertEquals(bench.loop.facts().stalled, false);
  assertEquals(bench.infos, [1, 2]);
  assertEquals(bench.root.tree().children[0]?.children.map((node) => node.name), ["db2"]);
  const report = await bench.stop();
  assertEquals(report.outcome, "clean");
  assertEquals(Bench.of(report).children.map((child) => child.name), ["db2"]);
  assertEquals(bench.failures, []);
});

Deno.test("after the allowed restarts the failure goes up, with the last crash as its cause", async () => {
  let run = 0;
  const bench = new Bench((context) => {
    context.ready();
    return Promise.reject(new Error(`bang ${++run}`));
  });
  await bench.up();
  await bench.clock.advanceAsync(5000);
  assertEquals(run, 3);
  assertEquals(bench.failures.length, 1);
  const failure = bench.failures[0];
  assert(failure instanceof LoopFailure);
  assertEquals(
    failure.message,
    "loop core failed: bang 3 (restarted 2 times in 10000 ms)",
  );
  assertEquals((failure.cause as Error).message, "bang 3");
  await bench.clock.advanceAsync(60_000);
  assertEquals(run, 3, "it is not started again");
  await bench.stop();
});

Deno.test("crashes older than the window do not count", async () => {
  let run = 0;
  const bench = new Bench(async (context) => {
    run++;
    context.ready();
    const { clock } = context;
    await new Promise<void>((resolve) => clock.setTimer(6000, resolve));
    throw new Error("bang");
  });
  await bench.up();
  await bench.clock.advanceAsync(100_000);
  assert(run > 10, `it ran ${run} times`);
  assertEquals(bench.failures, []);
  await bench.stop(100_000);
});

Deno.test("the back-off grows with each crash in the window", async () => {
  const starts: number[] = [];
  const bench = new Bench((context) => {
    starts.push(context.clock.now());
    context.ready();
    return Promise.reject(new Error("bang"));
  }, { restart: { limit: 4, windowMs: 60_000, minBackoffMs: 100, maxBackoffMs: 400 } });
  await bench.up();
  await bench.clock.advanceAsync(10_000);
  const waits = starts.slice(1).map((start, i) => start - (starts[i] ?? 0));
  assertEquals(waits.length, 4);
  for (const [i, most] of [100, 200, 400, 400].entries()) {
    const wait = waits[i] ?? 0;
    assert(wait >= most / 2 && wait <= most, `wait ${i} was ${wait} ms`);
  }
  await bench.stop();
});

Deno.test("a body that returns before it is asked has crashed", async () => {
  let run = 0;
  const bench = new Bench(async (context) => {
    context.ready();
    if (++run === 2) await asked(context);
  });
  await bench.up();
  await bench.clock.advanceAsync(100);
  assertEquals(run, 2);
  assertEquals(
    bench.loop.facts().detail,
    "last crash: loop core returned before it was asked to stop",
  );
  await bench.stop();
});

Deno.test("the signal's reason is the request, whose live deadline a nearer stop brings nearer", async () => {
  let request: StopRequest | undefined;
  const end = Promise.withResolvers<void>();
  const bench = new Bench(async (context) => {
    context.ready();
    await asked(context);
    request = context.signal.reason;
    await end.promise;
  });
  await bench.up();
  const stopped = bench.root.stop(10_000, "drain");
  await bench.clock.settle();
  assertEquals(request?.cause, "drain");
  const left = request?.deadline.remainingMs() ?? 0;
  assert(left > 9000 && left < 10_000, `${left} ms are left`);
  void bench.root.stop(1000, "shutdown");
  assert((request?.deadline.remainingMs() ?? 0) < 1000);
  end.resolve();
  assertEquals((await bench.clock.drive(stopped)).outcome, "clean");
});

for (
  const [how, leave] of [
    ["the signal's reason", (c: LoopContext) => c.signal.throwIfAborted()],
    ["an AbortError", () => {
      throw new DOMException("aborted", "AbortError");
    }],
    ["an error caused by the reason", (c: LoopContext) => {
      throw new Error("fetch failed", { cause: c.signal.reason });
    }],
  ] as const
) {
  Deno.test(`a body that leaves by ${how} because the stop came has ended cleanly`, async () => {
    const bench = new Bench(async (context) => {
      context.ready();
      await asked(context);
      leave(context);
    });
    await bench.up();
    assertEquals((await bench.stop()).outcome, "clean");
  });
}

Deno.test("a body that throws something else while it ends has failed, and is not forced", async () => {
  const bench = new Bench(async (context) => {
    context.ready();
    await asked(context);
    throw new Error("could not write the last page");
  });
  await bench.up();
  const report = Bench.of(await bench.stop());
  assertEquals(report.outcome, "failed");
  assertEquals(report.rung, "ask");
  assertEquals(report.errors.map((error) => error.message), ["could not write the last page"]);
});

Deno.test("what a run owns is stopped after its body ended", async () => {
  const events: string[] = [];
  const bench = new Bench(async (context) => {
    await context.owner.own({
      name: "server",
      kind: "server",
      ask: () => void events.push("server"),
    });
    context.ready();
    await asked(context);
    events.push("body");
  });
  await bench.up();
  await bench.stop();
  assertEquals(events, ["body", "server"]);
});

Deno.test("a stop during a back-off ends the loop at once, without another run", async () => {
  let run = 0;
  const bench = new Bench((context) => {
    run++;
    context.ready();
    return Promise.reject(new Error("bang"));
  });
  await bench.up();
  await bench.clock.settle();
  const before = bench.clock.now();
  assertEquals((await bench.stop()).outcome, "clean");
  assertEquals(bench.clock.now(), before);
  await bench.clock.advanceAsync(10_000);
  assertEquals(run, 1);
});

Deno.test("a loop without a tick shows as stalled, and with one as well again", async () => {
  let tick = () => {};
  const bench = new Bench(async (context) => {
    tick = context.tick;
    context.ready();
    await asked(context);
  });
  await bench.up();
  await bench.clock.advanceAsync(3000);
  assertEquals(bench.loop.facts().lastTickMs, 3000);
  assertEquals(bench.loop.facts().stalled, false);
  await bench.clock.advanceAsync(1);
  assertEquals(bench.root.tree().children[0]?.stalled, true);
  tick();
  assertEquals(bench.root.tree().children[0]?.stalled, false);
  assertEquals(bench.loop.facts().lastTickMs, 0);
  await bench.stop();
});

Deno.test("a body that ignores its signal leaks by name, within the deadline", async () => {
  const bench = new Bench(async (context) => {
    await context.owner.own({ name: "db", kind: "resource" });
    context.ready();
    await new Promise<void>(() => {});
  });
  await bench.up();
  const before = bench.clock.now();
  const whole = await bench.stop(1000);
  const report = Bench.of(whole);
  assert(bench.clock.now() - before <= 1000);
  assertEquals(report.outcome, "leaked");
  assertEquals(report.rung, "verify");
  assertEquals(report.leftovers, ["loop core still runs"]);
});

Deno.test("a kill asks a body that was not asked yet, and one that then ends is proved gone", async () => {
  const bench = new Bench(obedient);
  await bench.up();
  const report = await bench.clock.drive(bench.root.kill("kill"));
  assertEquals(report.outcome === "leaked", false);
  assertEquals(Bench.of(report).leftovers, []);
});

Deno.test("a failure from outside the body ends the run, and the loop starts again", async () => {
  let run = 0;
  const bench = new Bench(async (context) => {
    context.ready(++run);
    await asked(context);
  });
  await bench.up();
  bench.loop.crash(new Error("thrown in a timer"));
  await bench.clock.advanceAsync(100);
  assertEquals(run, 2);
  assertEquals(bench.loop.facts().detail, "last crash: thrown in a timer");
  assertEquals((await bench.stop()).outcome, "clean");
});

Deno.test("the failure of a resource is a crash of the run that owns it", async () => {
  let run = 0;
  const bench = new Bench(async (context) => {
    const me = ++run;
    const failed = Promise.withResolvers<void>();
    await context.owner.own({
      name: "server",
      kind: "server",
      start: ({ ended }) => void failed.promise.then(() => ended(new Error("socket closed"))),
    });
    context.ready(me);
    if (me === 1) failed.resolve();
    await asked(context);
  });
  await bench.up();
  await bench.clock.advanceAsync(100);
  assertEquals(run, 2);
  assertEquals(bench.loop.facts().detail, "last crash: socket closed");
  await bench.stop();
});

Deno.test("a body that failed and does not end is not started a second time beside itself", async () => {
  let run = 0;
  const bench = new Bench(async (context) => {
    context.ready(++run);
    await new Promise<void>(() => {});
  });
  await bench.up();
  bench.loop.crash(new Error("thrown in a timer"));
  await bench.clock.advanceAsync(10_000);
  assertEquals(run, 1);
  assertEquals(bench.failures.length, 1);
  assertStringIncludes(
    String((bench.failures[0] as Error).message) + String((bench.failures[0] as Error).cause),
    "did not end after that and still runs",
  );
  await bench.stop();
});

Deno.test("messages between two runs wait for the next, and a run that is over hears and says nothing", async () => {
  const [mine, theirs] = channelPair<string, string>();
  const heard: string[] = [];
  const got = Promise.withResolvers<void>();
  let run = 0;
  let oldPost = (_: string) => {};
  const bench = new Bench(async (context) => {
    const me = ++run;
    const channel = context.channel<string, string>("peer");
    channel.onMessage((message) => {
      heard.push(`${me}: ${message}`);
      if (message === "last") got.resolve();
    });
    context.ready();
    if (me === 1) {
      oldPost = (message) => {
        channel.post(message);
        channel.onMessage(() => heard.push("stolen"));
      };
      throw new Error("bang");
    }
    channel.post("from 2");
    await asked(context);
  }, { channels: { peer: theirs } });
  const answers: string[] = [];
  const answered = Promise.withResolvers<void>();
  mine.onMessage((message) => {
    answers.push(message);
    answered.resolve();
  });
  await bench.up();
  await bench.clock.settle();
  mine.post("between");
  oldPost("from 1");
  await bench.clock.advanceAsync(100);
  mine.post("last");
  await got.promise;
  await answered.promise;
  assertEquals(heard, ["2: between", "2: last"]);
  assertEquals(answers, ["from 2"]);
  await bench.stop();
  mine.close();
  theirs.close();
});

Deno.test("messages that come while a crashed run is cleaned up wait for the next run", async () => {
  const [mine, theirs] = channelPair<string, string>();
  const heard: string[] = [];
  const got = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  let run = 0;
  const bench = new Bench(async (context) => {
    const me = ++run;
    context.channel<string, string>("peer").onMessage((message) => {
      heard.push(`${me}: ${message}`);
      got.resolve();
    });
    if (me === 1) {
      await context.owner.own({ name: "db", kind: "resource", release: () => released.promise });
    }
    context.ready();
    if (me === 1) throw new Error("bang");
    await asked(context);
  }, { channels: { peer: theirs } });
  await bench.up();
  await bench.clock.settle();
  mine.post("during the clean-up");
  // An answer to a later message on the same port proves that this one has arrived.
  theirs.post("probe");
  await new Promise<void>((resolve) => mine.onMessage(() => resolve()));
  await bench.clock.settle();
  released.resolve();
  await bench.clock.advanceAsync(100);
  await got.promise;
  assertEquals(heard, ["2: during the clean-up"]);
  await bench.stop();
  mine.close();
  theirs.close();
});

Deno.test("a channel that nobody gave is our bug, and says so", async () => {
  const bench = new Bench(async (context) => {
    context.ready();
    context.channel("nowhere");
    await asked(context);
  }, { restart: { ...RESTART, limit: 0 } });
  await bench.up();
  await bench.clock.settle();
  const failure = bench.failures[0] as Error;
  assert(failure.cause instanceof AssertionFailure);
  assertStringIncludes(failure.message, "Loop core was given no channel 'nowhere'");
  await bench.stop();
});

Deno.test("closing carries the cause to the body, to what it owns, and into a run that starts later", async () => {
  const causes: string[] = [];
  let run = 0;
  const bench = new Bench(async (context) => {
    const me = ++run;
    if (me === 1) {
      await context.owner.own({
        name: "server",
        kind: "server",
        close: (cause) => void causes.push(`server ${cause}`),
      });
    }
    context.closing.addEventListener("abort", () => causes.push(`${me} ${context.closing.reason}`));
    context.ready();
    if (me === 2) {
      causes.push(`2 ${context.closing.reason}`);
      await context.owner.own({ name: "db", kind: "resource" });
    }
    await asked(context);
  });
  await bench.up();
  bench.loop.close("drain");
  assertEquals(causes.toSorted(), ["1 drain", "server drain"]);
  bench.loop.crash(new Error("bang"));
  await bench.clock.advanceAsync(100);
  assertEquals(causes.includes("2 drain"), true);
  assertEquals((await bench.stop()).outcome, "clean");
});
