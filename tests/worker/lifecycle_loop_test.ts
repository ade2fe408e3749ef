import { assert, assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { IrisError } from "../../src/base/errors.ts";
import { Deadline } from "../../src/lifecycle/deadline.ts";
import { processRuntime } from "../../src/runtimes/process/process_runtime.ts";
import { PROTOCOL } from "../../src/wire/protocol.ts";
import type { ReconcileRequest } from "../../src/wire/reconcile.ts";
import type { KeeperSpec } from "../../src/worker/keeper_link.ts";
import { FakeKeeper } from "../fakes/fake_keeper.ts";
import { sampleRequest, sampleSpec } from "../support/reconcile_samples.ts";
import { firstCall, soon, URL_A, world } from "../support/lifecycle_world.ts";

const FACTS = { worker: "w0", controllerUrl: "http://c", path: "/bin", home: "/" };

Deno.test("it registers with its address, its capacity and the worker token", async () => {
  await world(async ({ registrar }) => {
    await registrar.seen(1);
    assertEquals(registrar.tokens, ["Bearer secret"]);
    assertEquals(registrar.requests[0], {
      worker: "w0",
      url: URL_A,
      token: "mine",
      cpuMilli: 2_000,
      memoryBytes: 100,
      resources: { gpu: 1_000 },
      // What the keeper enforces, for constraints to ask for.
      attributes: {
        limits: "memory,disk",
        "limits.memory": "cgroup v2",
        "limits.disk": "counting",
        zone: "a",
      },
      hostname: "host",
      version: "0.1.0",
      protocol: PROTOCOL,
      pid: 42,
      certificate: null,
    });
  });
});

Deno.test("it tries to register until the controller takes it", async () => {
  await world(async ({ registrar }) => await registrar.seen(3), {
    before: (_, registrar) => registrar.failures.push(503, 401),
  });
});

Deno.test("a server with a new address is registered again", async () => {
  await world(async ({ registrar, server }) => {
    await registrar.seen(1);
    server.listen("http://127.0.0.1:2");
    await registrar.seen(2);
    assertEquals(registrar.requests[1]?.url, "http://127.0.0.1:2");
  });
});

Deno.test("a desired run starts, and its facts are the answer to the held call", async () => {
  await world(async ({ keeper, server }) => {
    await firstCall(server);
    const held = server.call(
      sampleRequest(2, { waitMs: 2_000, specs: [sampleSpec(1)], run: [[1, 0, 1, 0]] }),
    );
    const began = await held;
    assertEquals(began.facts?.started.map((run) => run.slice(0, 4)), [[1, 0, 1, 0]]);
    assertEquals([began.running, began.specs, began.accepting], [1, [1], true]);
    assertEquals(keeper.specs.get(1)?.env.IRIS_CONTROLLER?.startsWith("http://127.0.0.1:"), true);
    const next = server.call(sampleRequest(3, {
      waitMs: 2_000,
      run: [[1, 0, 1, 0]],
      ackFacts: began.facts!.upTo,
    }));
    await new Promise((resolve) => setTimeout(resolve, 0));
    keeper.finish("1.0.0", { code: 7 });
    const over = await next;
    assertEquals(over.facts?.ended.map((run) => run.slice(0, 6)), [[1, 0, 1, 0, "exit", 7]]);
    assert(keeper.kept > 0, "the end is kept until it is acknowledged");
    await server.call(sampleRequest(4, { ackFacts: over.facts!.upTo }));
    assertEquals(keeper.kept, 0);
  });
});

Deno.test("a call with no news is held for as long as it allows, a newer one ends that", async () => {
  await world(async ({ server }) => {
    await firstCall(server);
    const from = performance.now();
    const held = await server.call(sampleRequest(2, { waitMs: 60 }));
    assertEquals(held.seq, 2);
    assert(performance.now() - from >= 50, "held");
    const older = server.call(sampleRequest(3, { waitMs: 60_000 }));
    const newer = server.call(sampleRequest(4, { waitMs: 60 }));
    assertEquals([(await older).seq, (await newer).seq], [3, 4]);
  });
});

Deno.test("an older call and another epoch's are answered at once", async () => {
  await world(async ({ server }) => {
    await server.call(sampleRequest(5, { epoch: 3, waitMs: 60_000 }));
    const late = await server.call(sampleRequest(4, { epoch: 3, waitMs: 60_000 }));
    assertEquals([late.seq, late.epoch], [4, 3]);
    const error = await assertRejects(() => server.call(sampleRequest(9, { epoch: 2 })), IrisError);
    assertEquals((error as IrisError).code, "conflict");
  });
});

Deno.test("a burst of ends travels in few answers", async () => {
  await world(async ({ keeper, server }) => {
    const run = [[1, 0, 200, 0]] as const;
    const first = sampleRequest(1, { specs: [sampleSpec(1)], run });
    let answer = await server.call(first);
    let ended = 0;
    let answers = 0;
    const burst = (async () => {
      for (let i = 0; i < 200; i++) {
        while (!keeper.running.includes(`1.${i}.0`)) await new Promise((r) => setTimeout(r, 0));
        keeper.finish(`1.${i}.0`);
      }
    })();
    for (let seq = 2; ended < 200; seq++) {
      const ackFacts = answer.facts?.upTo ?? 0;
      answer = await server.call(sampleRequest(seq, { waitMs: 2_000, run, ackFacts }));
      answers++;
      for (const [, from, to] of answer.facts?.ended ?? []) ended += to - from;
    }
    await burst;
    assertEquals(ended, 200);
    assert(answers < 100, `${answers} answers`);
  });
});

Deno.test("an answer that nobody took is told again", async () => {
  await world(async ({ server }) => {
    await firstCall(server);
    const lost = await server.call(
      sampleRequest(2, { waitMs: 2_000, specs: [sampleSpec(1)], run: [[1, 0, 1, 0]] }),
    );
    const again = await server.call(sampleRequest(3, { waitMs: 60_000, run: [[1, 0, 1, 0]] }));
    assertEquals(again.facts, lost.facts);
  });
});

Deno.test("a held call whose caller left is not answered and its news not lost", async () => {
  await world(async ({ keeper, server }) => {
    await firstCall(server, { specs: [sampleSpec(1)] });
    const left = server.post(sampleRequest(2, { waitMs: 60_000 }));
    server.abandon(left);
    const next = await server.call(sampleRequest(3, { waitMs: 500, run: [[1, 0, 1, 0]] }));
    assertEquals(next.facts?.started.length, 1);
    assertEquals(keeper.began, ["1.0.0"]);
    const answered = server.messages.flatMap((m) => m.type === "response" ? [m.id] : []);
    assert(!answered.includes(left));
  });
});

Deno.test("it takes over what an earlier process left with the keeper", async () => {
  await world(async ({ keeper, loop, server }) => {
    assertEquals((await loop.ready as { adopted: number }).adopted, 3);
    const facts = await server.until((m) => m.type === "facts");
    assert(facts.type === "facts" && facts.again && facts.started.length >= 2);
    const answer = await server.call(sampleRequest(1, { run: [[1, 0, 3, 0]] }));
    assertEquals([answer.running, answer.backlog, answer.missing.length], [2, 1, 0]);
    assertEquals(keeper.began.length, 2);
  }, {
    before: (keeper) => {
      keeper.capacity = { cpuMilli: 0, memoryBytes: 0, maxRunning: 2 };
      const link = keeper.connect();
      link.spec(processRuntime.plan(sampleSpec(1), {
        worker: "w0",
        controllerUrl: "",
        path: "",
        home: "",
      }));
      link.start([[1, 0, 3, 0]]);
    },
  });
});

Deno.test("from close on nothing new is taken in, and the controller hears it at once", async () => {
  await world(async ({ keeper, loop, server }) => {
    await firstCall(server, { specs: [sampleSpec(1)] });
    const held = server.call(sampleRequest(2, { waitMs: 60_000 }));
    await new Promise((resolve) => setTimeout(resolve, 5));
    loop.closing.abort("shutdown");
    assertEquals((await held).accepting, false);
    const answer = await server.call(sampleRequest(3, { run: [[1, 0, 1, 0]], waitMs: 60_000 }));
    assertEquals([answer.missing, keeper.began], [[[1, 0, 1, 0]], []]);
  });
});

Deno.test("a stop ends the keeper in less than its time, tells the last facts, and reports", async () => {
  await world(async ({ keeper, loop, server }) => {
    await firstCall(server, { specs: [sampleSpec(1)], run: [[1, 0, 2, 0]] });
    keeper.obeys = false;
    const stopped = loop.stop(2_000);
    // The controller goes on calling, as it does: the last ends must reach it.
    let answer = await server.call(sampleRequest(2, { waitMs: 1_000, run: [[1, 0, 2, 0]] }));
    assertEquals(answer.accepting, false);
    let ended = 0;
    setTimeout(() => keeper.forceEnd(), 20);
    for (let seq = 3; ended < 2; seq++) {
      answer = await server.call(sampleRequest(seq, {
        waitMs: 1_000,
        run: [[1, 0, 2, 0]],
        ackFacts: answer.facts?.upTo ?? 0,
      }));
      for (const [, from, to] of answer.facts?.ended ?? []) ended += to - from;
    }
    const bye = server.call(sampleRequest(99, { ackFacts: answer.facts!.upTo, waitMs: 60_000 }));
    assertEquals((await bye).facts, null);
    assertEquals(await soon(stopped, "stop"), []);
    assertEquals(keeper.ends[0]?.cause, "shutdown");
    assert(keeper.ends[0]!.remainingMs < 2_000 && keeper.ends[0]!.remainingMs > 1_500);
    assertEquals(loop.reports.map(({ name, outcome }) => [name, outcome]), [["keeper", "clean"]]);
    assertEquals(keeper.kept, 0);
  });
});

Deno.test("a stop does not wait for a controller that is gone", async () => {
  await world(async ({ keeper, loop, server }) => {
    await firstCall(server, { specs: [sampleSpec(1)], run: [[1, 0, 1, 0]] });
    const from = performance.now();
    await loop.stop(60_000);
    const tookMs = performance.now() - from;
    assert(tookMs < 2_000, `${tookMs} ms`);
    assertEquals(keeper.running, []);
  });
});

Deno.test("a stop leaves before its deadline when the keeper does not come to an end", async () => {
  await world(async ({ keeper, loop, server }) => {
    await firstCall(server, { specs: [sampleSpec(1)], run: [[1, 0, 1, 0]] });
    keeper.obeys = false;
    const from = performance.now();
    loop.closing.abort("shutdown");
    loop.signal.abort({ cause: "shutdown", deadline: Deadline.in(300, systemClock) });
    await soon(loop.ended, "end");
    assert(performance.now() - from <= 305);
    keeper.forceEnd();
  });
});

Deno.test("a deadline that comes nearer is passed on", async () => {
  await world(async ({ keeper, loop, server }) => {
    await firstCall(server, { specs: [sampleSpec(1)], run: [[1, 0, 1, 0]] });
    keeper.obeys = false;
    const deadline = Deadline.in(60_000, systemClock);
    loop.closing.abort("shutdown");
    loop.signal.abort({ cause: "shutdown", deadline });
    await new Promise((resolve) => setTimeout(resolve, 10));
    deadline.nearer(1_000);
    await new Promise((resolve) => setTimeout(resolve, 10));
    keeper.forceEnd();
    await soon(loop.ended, "end");
    assert(keeper.ends.length === 2 && keeper.ends[1]!.remainingMs <= 1_000);
  });
});

Deno.test("a lost keeper: its attempts are swept, told as unknown, and the next is taken", async () => {
  const swept: number[] = [];
  const next = new FakeKeeper();
  const keepers: FakeKeeper[] = [];
  const connects: string[] = [];
  await world(async ({ keeper, loop, server, registrar }) => {
    await firstCall(server, { specs: [sampleSpec(1)], run: [[1, 0, 3, 0]] });
    const held = server.call(sampleRequest(2, { waitMs: 60_000, run: [[1, 0, 3, 0]] }));
    assertEquals((await held).running, 2);
    keeper.die("connection reset");
    await server.until((message) => message.type === "health");
    let answer = await server.call(sampleRequest(3, { waitMs: 1_000, run: [[1, 0, 3, 0]] }));
    if (answer.facts?.ended.length === 0) {
      answer = await server.call(sampleRequest(4, { waitMs: 1_000, run: [[1, 0, 3, 0]] }));
    }
    assertEquals(answer.facts?.ended.map((run) => run.slice(0, 5)), [[1, 0, 3, 0, "unknown"]]);
    assertEquals(answer.accepting, false);
    assert(answer.facts!.detail["1.0.0"]!.includes("connection reset; left over: pid 9"));
    assertEquals(swept, [0, 1]);
    assertEquals(connects.length, 1, "what happened is not stored yet");
    const stored = await server.call(sampleRequest(5, { ackFacts: answer.facts!.upTo }));
    assertEquals(stored.accepting, false);
    await server.until(() => connects.length === 2);
    server.listen(URL_A);
    await registrar.seen(2);
    const run: ReconcileRequest["run"] = [[1, 0, 1, 1]];
    const after = await server.call(sampleRequest(6, { specs: [sampleSpec(1)], run }));
    assertEquals([after.accepting, after.missing], [true, []]);
    await server.call(sampleRequest(7, { run }));
    assertEquals(next.began, ["1.0.1"]);
    assertEquals(loop.parts.map(({ name }) => name), ["keeper"]);
  }, {
    before: (keeper) => keepers.push(keeper, next),
    ports: {
      sweep: (attempts) => {
        swept.push(...attempts.map(({ index }) => index));
        return Promise.resolve(["pid 9"]);
      },
      connect: () => {
        connects.push("");
        return Promise.resolve(keepers.shift()!.connect());
      },
    },
  });
});

Deno.test("a keeper of another version is followed by a new one once nothing runs there", async () => {
  const next = new FakeKeeper();
  const keepers: FakeKeeper[] = [];
  await world(async ({ keeper, server, registrar, loop }) => {
    const run: ReconcileRequest["run"] = [[1, 0, 1, 0]];
    const first = await server.call(sampleRequest(1, { specs: [sampleSpec(1)], run }));
    assertEquals([first.accepting, keeper.running], [true, ["1.0.0"]]);
    keeper.finish("1.0.0", { code: 5 });
    const told = await server.call(sampleRequest(2, { waitMs: 1_000, run }));
    assertEquals(keeper.ends, [], "its last fact is not stored yet");
    await server.call(sampleRequest(3, { ackFacts: told.facts!.upTo }));
    await server.until(() => keepers.length === 0);
    assertEquals(keeper.ends.map(({ cause }) => cause), ["drain"]);
    server.listen(URL_A);
    await registrar.seen(2);
    const after = await server.call(
      sampleRequest(4, { specs: [sampleSpec(1)], run: [[1, 1, 2, 0]] }),
    );
    assertEquals(after.accepting, true);
    await server.call(sampleRequest(5, { run: [[1, 1, 2, 0]] }));
    assertEquals(next.running, ["1.1.0"]);
    assertEquals(loop.parts.length, 1);
  }, {
    before: (keeper) => {
      keeper.version = "0.0.9";
      // It has something to do, or it would be followed at once.
      keeper.specs.set(1, {} as KeeperSpec);
      keeper.start([[1, 0, 1, 0]]);
      keepers.push(keeper, next);
    },
    ports: { connect: () => Promise.resolve(keepers.shift()!.connect()) },
  });
});

Deno.test("a detach leaves what runs to the keeper, gives back what waits, and is quick", async () => {
  await world(async ({ keeper, loop, server }) => {
    await firstCall(server, { specs: [sampleSpec(1)], run: [[1, 0, 3, 0]] });
    const from = performance.now();
    const stopped = loop.stop(60_000, "detach");
    const answer = await server.call(sampleRequest(2, { waitMs: 1_000, run: [[1, 0, 3, 0]] }));
    assertEquals(answer.accepting, false);
    assertEquals(await soon(stopped, "stop"), []);
    const tookMs = performance.now() - from;
    assert(tookMs < 2_000, `${tookMs} ms`);
    assertEquals([keeper.running, keeper.queued], [["1.0.0", "1.1.0"], []]);
    assertEquals(keeper.stops, []);
    const [report] = loop.reports;
    assertEquals([report?.outcome, report?.detail], ["clean", "detached: 2 attempts go on"]);
  });
});

Deno.test("a worker that is unwound before it spoke to its controller leaves what it found", async () => {
  await world(async ({ keeper, loop }) => {
    loop.closing.abort("crash");
    loop.signal.abort({ cause: "crash", deadline: Deadline.in(2_000, systemClock) });
    await soon(loop.ended, "end");
    await loop.unwind(2_000, "crash");
    assertEquals([keeper.running, keeper.ends.map(({ cause }) => cause)], [["1.0.0"], ["detach"]]);
  }, {
    before: (keeper, registrar) => {
      registrar.failures.push(...Array<number>(100).fill(503));
      keeper.specs.set(1, {} as KeeperSpec);
      keeper.start([[1, 0, 1, 0]]);
    },
  });
});

Deno.test("a crash of the loop leaves the attempts to its next run", async () => {
  await world(async ({ keeper, loop, server }) => {
    await firstCall(server, { specs: [sampleSpec(1)], run: [[1, 0, 1, 0]] });
    loop.signal.abort({ cause: "crash", deadline: Deadline.in(1_000, systemClock) });
    await soon(loop.ended, "end");
    await loop.unwind(1_000, "crash");
    assertEquals([keeper.ends, keeper.running], [[], ["1.0.0"]]);
  });
});

for (const policy of ["finish", "stop", "wait"] as const) {
  Deno.test(`a controller that stops calling is looked for again, policy ${policy}`, async () => {
    await world(async ({ keeper, registrar, server }) => {
      await registrar.seen(1);
      await firstCall(server, { specs: [sampleSpec(1)], run: [[1, 0, 3, 0]] });
      await registrar.seen(2);
      assertEquals(keeper.stops.length, policy === "stop" ? 3 : 0);
      assertEquals(keeper.capacity.maxRunning, policy === "wait" ? 0 : 2);
      if (policy !== "wait") return;
      await server.call(sampleRequest(2, { run: [[1, 0, 3, 0]], waitMs: 1 }));
      assertEquals(keeper.capacity.maxRunning, 2);
    }, { config: { onControllerLost: policy, controllerLostMs: 100 } });
  });
}

Deno.test("a run after a crash knows that nobody called for long", async () => {
  const config = { onControllerLost: "wait", controllerLostMs: 100 } as const;
  await world(async ({ keeper, loop, registrar, server, again }) => {
    await registrar.seen(1);
    await firstCall(server, { specs: [sampleSpec(1)], run: [[1, 0, 1, 0]] });
    await registrar.seen(2);
    assertEquals(keeper.capacity.maxRunning, 0);
    loop.signal.abort({ cause: "crash", deadline: Deadline.in(1_000, systemClock) });
    await soon(loop.ended, "end");
    await loop.unwind(1_000, "crash");
    await again();
    assertEquals(keeper.capacity.maxRunning, 0, "nothing begins before somebody calls");
  }, { config });
});

Deno.test("a worker that finds tasks and no controller does not wait for one for ever", async () => {
  const stopped = Promise.withResolvers<void>();
  await world(async ({ keeper }) => {
    await soon(stopped.promise, "stop");
    assertEquals(keeper.stops.length, 1);
  }, {
    config: { onControllerLost: "stop", controllerLostMs: 100 },
    ports: { fetch: () => Promise.reject(new Error("the network is cut")) },
    before: (keeper) => {
      keeper.setCapacity({ cpuMilli: 1_000, memoryBytes: 100, maxRunning: 1 });
      keeper.specs.set(1, processRuntime.plan(sampleSpec(1), FACTS));
      keeper.start([[1, 0, 1, 0]]);
      const stop = keeper.stop.bind(keeper);
      keeper.stop = (...args) => {
        stop(...args);
        stopped.resolve();
      };
    },
  });
});

Deno.test("a controller of another cluster is not obeyed", async () => {
  await world(async ({ registrar, server }) => {
    await registrar.seen(1);
    await firstCall(server);
    registrar.cluster = "other";
    server.listen("http://127.0.0.1:2");
    await registrar.seen(3);
    await assertRejects(() => server.call(sampleRequest(1, { cluster: "other", epoch: 2 })));
  });
});
