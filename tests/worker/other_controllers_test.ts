/** A worker's lifecycle that meets controllers which are not its own, or do not hear it. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { IrisError } from "../../src/base/errors.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { Channel } from "../../src/lifecycle/loop.ts";
import { processRuntime } from "../../src/runtimes/process/process_runtime.ts";
import type { ReconcileRequest, ReconcileResponse } from "../../src/wire/reconcile.ts";
import {
  type LifecycleConfig,
  lifecycleLoop,
  type LifecyclePorts,
} from "../../src/worker/lifecycle_loop.ts";
import type { ToLifecycle, ToServer } from "../../src/worker/messages.ts";
import { FakeKeeper } from "../fakes/fake_keeper.ts";
import { FakeLoop } from "../fakes/fake_loop.ts";
import { sampleRequest, sampleSpec } from "../support/reconcile_samples.ts";
import { within } from "../support/until.ts";

/** A controller as a worker hears it, without a socket. */
class Controllers {
  answer: Record<string, unknown> = { cluster: "c", epoch: 1 };
  status = 201;
  readonly tokens: (string | null)[] = [];
  readonly urls: string[] = [];

  readonly fetch = (_: URL, init: RequestInit) => {
    this.tokens.push(new Headers(init.headers).get("Authorization"));
    this.urls.push((JSON.parse(String(init.body)) as { url: string }).url);
    return Promise.resolve(new Response(JSON.stringify(this.answer), { status: this.status }));
  };
}

/** The server isolate's end: calls go in, answers come out. */
class Calls {
  readonly #channel: Channel<ToServer, ToLifecycle>;
  readonly #waiting = new Map<number, PromiseWithResolvers<ReconcileResponse>>();
  problem: string | null = null;
  #id = 0;

  constructor(channel: Channel<ToServer, ToLifecycle>, listening: string) {
    this.#channel = channel;
    channel.onMessage((message) => {
      if (message.type === "response") this.#waiting.get(message.id)?.resolve(message.response);
      if (message.type === "health") this.problem = message.problem;
      if (message.type !== "refused") return;
      this.#waiting.get(message.id)?.reject(new IrisError(message.code, message.message));
    });
    channel.post({ type: "listening", url: listening });
  }

  call(request: ReconcileRequest): Promise<ReconcileResponse> {
    const id = ++this.#id;
    const waiting = Promise.withResolvers<ReconcileResponse>();
    this.#waiting.set(id, waiting);
    this.#channel.post({ type: "reconcile", id, request });
    return waiting.promise;
  }
}

const until = (what: () => boolean, withinMs = 5_000) => within(withinMs, 5)(what);

async function world(
  options: {
    config?: Partial<LifecycleConfig>;
    ports?: Partial<LifecyclePorts>;
    listening?: string;
  },
  body: (world: { keeper: FakeKeeper; controllers: Controllers; calls: Calls }) => Promise<void>,
): Promise<void> {
  const keeper = new FakeKeeper();
  const controllers = new Controllers();
  const loop = new FakeLoop<LifecycleConfig>();
  const calls = new Calls(loop.far("worker"), options.listening ?? "http://127.0.0.1:1");
  loop.run(
    lifecycleLoop({
      connect: () => Promise.resolve(keeper.connect()),
      runtime: processRuntime,
      random: seededRandom(1),
      fetch: controllers.fetch,
      ...options.ports,
    }),
    {
      ...{ worker: "w0", controllerUrl: "http://head:10000", controllerToken: "secret" },
      ...{
        serverToken: "mine",
        keeperSocket: "/nowhere",
        folder: "/nowhere",
        attributes: {},
        hostname: "host",
      },
      capacity: { cpuMilli: 2_000, memoryBytes: 100, maxRunning: 2 },
      ...{ version: "0.1.0", pid: 42, path: "/bin", home: "/root" },
      ...{ onControllerLost: "finish", controllerLostMs: 60_000 },
      ...options.config,
    },
  );
  try {
    await loop.ready;
    await body({ keeper, controllers, calls });
  } finally {
    await loop.stop(100);
  }
}

Deno.test("a worker obeys its folder's cluster alone, from its first moment on", async () => {
  await world({ config: { cluster: "c" } }, async ({ controllers, calls }) => {
    controllers.answer = { cluster: "other", epoch: 9 };
    await until(() => controllers.urls.length > 1);
    await assertRejects(
      () => calls.call(sampleRequest(1, { cluster: "other", epoch: 9 })),
      IrisError,
      "belongs to cluster c",
    );
    assertEquals((await calls.call(sampleRequest(1))).accepting, true);
  });
});

Deno.test("which cluster it joined is remembered", async () => {
  const remembered: string[] = [];
  const remember = (cluster: string) => void remembered.push(cluster);
  await world({ ports: { remember } }, async () => {
    await until(() => remembered.length > 0);
    assertEquals(remembered, ["c"]);
  });
});

Deno.test("a controller of an epoch that is over is not registered with, but asked again", async () => {
  await world({ config: { controllerLostMs: 100 } }, async ({ controllers, calls }) => {
    await calls.call(sampleRequest(1, { epoch: 5 }));
    await until(() => controllers.urls.length > 0);
    controllers.answer = { cluster: "c", epoch: 4 };
    await until(() => controllers.urls.length > 2);
    await assertRejects(() => calls.call(sampleRequest(9, { epoch: 4 })), IrisError, "epoch 5");
    assertEquals((await calls.call(sampleRequest(1, { epoch: 6 }))).epoch, 6);
  });
});

Deno.test("a token that is put right is taken up without a restart", async () => {
  let token = "wrong";
  await world({ ports: { token: () => token } }, async ({ controllers }) => {
    await until(() => controllers.tokens.length > 0);
    assertEquals(controllers.tokens[0], "Bearer wrong");
    controllers.status = 201;
    token = "right";
  });
  await world({ ports: { token: () => token } }, async ({ controllers }) => {
    controllers.status = 401;
    controllers.answer = { error: { code: "unauthorized", message: "no" } };
    await until(() => controllers.tokens.length > 0);
    token = "better";
    await until(() => controllers.tokens.includes("Bearer better"));
  });
});

Deno.test("a server on every address is told under the one that leads to the controller", async () => {
  const asked: string[] = [];
  const localAddress = (url: string) => {
    asked.push(url);
    return Promise.resolve("10.0.0.7");
  };
  await world({ ports: { localAddress }, listening: "https://[::]:7000" }, async (of) => {
    await until(() => of.controllers.urls.length > 0);
    assertEquals([asked, of.controllers.urls], [["http://head:10000"], ["https://10.0.0.7:7000"]]);
  });
});

Deno.test("calls whose answers do not arrive keep no lease: with `stop` the tasks end in time", async () => {
  const config = { onControllerLost: "stop", controllerLostMs: 300 } as const;
  await world({ config }, async ({ keeper, controllers, calls }) => {
    controllers.answer = { cluster: "c", epoch: 1, graceMs: 50_000 };
    await until(() => controllers.urls.length > 0);
    const run = [[1, 0, 1, 0]] as const;
    await calls.call(sampleRequest(1, { specs: [sampleSpec(1)], run, waitMs: 1 }));
    assertEquals(keeper.stops, []);
    // A controller that heard nothing wants its next answer at once.
    for (let seq = 2; keeper.stops.length === 0; seq++) {
      assert(seq < 100, "the lease was renewed by calls that prove nothing");
      await calls.call(sampleRequest(seq, { run }));
      await sleep(systemClock, 20);
    }
    assertEquals(keeper.stops.map(({ reason }) => reason), ["shutdown"]);
  });
});

Deno.test("a host that is unwell takes nothing new, says why, and recovers by itself", async () => {
  let problem: string | null = null;
  const checkHealth = () => Promise.resolve(problem);
  await world({ ports: { checkHealth } }, async ({ calls }) => {
    assertEquals((await calls.call(sampleRequest(1))).accepting, true);
    assertEquals(calls.problem, null);
  });
  problem = "the disk is full";
  await world({ ports: { checkHealth } }, async ({ keeper, calls }) => {
    await until(() => calls.problem === "the disk is full");
    const run = [[1, 0, 1, 0]] as const;
    const told = await calls.call(sampleRequest(1, { specs: [sampleSpec(1)], run }));
    assertEquals([told.accepting, told.reason, told.stopping], [false, problem, false]);
    assertEquals([told.missing, keeper.running], [[[1, 0, 1, 0]], []]);
    problem = null;
    const held = await calls.call(sampleRequest(2, { waitMs: 10_000 }));
    assertEquals([held.accepting, held.reason], [true, null], "it is told at once");
  });
});
