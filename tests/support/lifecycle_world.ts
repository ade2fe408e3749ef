/** A lifecycle loop with a fake keeper, a server isolate's end and a controller that only registers. */
import { assertEquals } from "@std/assert";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { IrisError } from "../../src/base/errors.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { Channel } from "../../src/lifecycle/loop.ts";
import { processRuntime } from "../../src/runtimes/process/process_runtime.ts";
import type {
  ReconcileRequest,
  ReconcileResponse,
  RegisterRequest,
} from "../../src/wire/reconcile.ts";
import {
  type LifecycleConfig,
  lifecycleLoop,
  type LifecyclePorts,
} from "../../src/worker/lifecycle_loop.ts";
import type { ToLifecycle, ToServer } from "../../src/worker/messages.ts";
import { FakeKeeper } from "../fakes/fake_keeper.ts";
import { FakeLoop } from "../fakes/fake_loop.ts";
import { sampleRequest } from "../support/reconcile_samples.ts";

/** Where the server isolate says that it listens. */
export const URL_A = "http://127.0.0.1:1";

/** A controller that takes registrations, over real HTTP. */
export class Registrar {
  readonly requests: RegisterRequest[] = [];
  readonly tokens: (string | null)[] = [];
  /** Answers these first. */
  readonly failures: number[] = [];
  cluster = "c";
  #news = Promise.withResolvers<void>();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      async (request) => {
        assertEquals(new URL(request.url).pathname, "/api/v1/workers");
        const body = await request.json();
        this.tokens.push(request.headers.get("Authorization"));
        this.requests.push(body);
        this.#news.resolve();
        this.#news = Promise.withResolvers<void>();
        const failure = this.failures.shift();
        if (failure !== undefined) return new Response("no", { status: failure });
        return Response.json({ cluster: this.cluster, epoch: 1 }, { status: 201 });
      },
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async seen(count: number): Promise<void> {
    while (this.requests.length < count) await soon(this.#news.promise);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** Fails a test that waits for what never comes. */
export async function soon<T>(promise: Promise<T>, what = "event"): Promise<T> {
  const late = new AbortController();
  const timeout = sleep(systemClock, 3_000, late.signal).then((passed) => {
    if (passed) throw new Error(`no ${what} within 3 s`);
    return promise;
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    late.abort();
  }
}

/** The server isolate's end. */
export class ServerEnd {
  readonly messages: ToServer[] = [];
  readonly #channel: Channel<ToServer, ToLifecycle>;
  readonly #calls = new Map<number, PromiseWithResolvers<ReconcileResponse>>();
  #news = Promise.withResolvers<void>();
  #id = 0;

  constructor(channel: Channel<ToServer, ToLifecycle>) {
    this.#channel = channel;
    channel.onMessage((message) => {
      this.messages.push(message);
      if (message.type === "response") this.#calls.get(message.id)?.resolve(message.response);
      if (message.type === "refused") {
        this.#calls.get(message.id)?.reject(new IrisError(message.code, message.message));
      }
      this.#news.resolve();
      this.#news = Promise.withResolvers<void>();
    });
    channel.post({ type: "listening", url: URL_A });
  }

  call(request: ReconcileRequest): Promise<ReconcileResponse> {
    const call = Promise.withResolvers<ReconcileResponse>();
    this.#calls.set(this.post(request), call);
    return soon(call.promise, `answer to call ${request.seq}`);
  }

  /** A call whose answer nobody waits for. @returns its id */
  post(request: ReconcileRequest): number {
    const id = ++this.#id;
    this.#channel.post({ type: "reconcile", id, request });
    return id;
  }

  abandon(id: number): void {
    this.#channel.post({ type: "abandoned", id });
  }

  listen(url: string): void {
    this.#channel.post({ type: "listening", url });
  }

  async until(found: (message: ToServer) => boolean): Promise<ToServer> {
    for (;;) {
      const message = this.messages.find(found);
      if (message !== undefined) return message;
      await soon(this.#news.promise, "message");
    }
  }
}

/** What a test works with. */
export interface World {
  readonly keeper: FakeKeeper;
  readonly registrar: Registrar;
  readonly loop: FakeLoop<LifecycleConfig>;
  readonly server: ServerEnd;
  /** Runs the same body once more, as after a crash. */
  again(): Promise<void>;
}

/** A lifecycle loop with a fake keeper and a controller that is heard by registration. */
export async function world(
  test: (world: World) => Promise<void>,
  options: {
    config?: Partial<LifecycleConfig>;
    ports?: Partial<LifecyclePorts>;
    before?: (keeper: FakeKeeper, registrar: Registrar) => void;
  } = {},
): Promise<void> {
  await using registrar = new Registrar();
  const keeper = new FakeKeeper();
  options.before?.(keeper, registrar);
  const loop = new FakeLoop<LifecycleConfig>();
  const server = new ServerEnd(loop.far("worker"));
  const ports: LifecyclePorts = {
    connect: () => Promise.resolve(keeper.connect()),
    runtime: processRuntime,
    random: seededRandom(1),
    ...options.ports,
  };
  const body = lifecycleLoop(ports);
  const config: LifecycleConfig = {
    worker: "w0",
    controllerUrl: registrar.url,
    controllerToken: "secret",
    serverToken: "mine",
    keeperSocket: "/nowhere",
    folder: "/nowhere",
    capacity: { cpuMilli: 2_000, memoryBytes: 100, maxRunning: 2, resources: { gpu: 1_000 } },
    attributes: { zone: "a" },
    hostname: "host",
    version: "0.1.0",
    pid: 42,
    path: "/bin",
    home: "/root",
    onControllerLost: "finish",
    controllerLostMs: 60_000,
    ...options.config,
  };
  loop.run(body, config);
  const runs = [loop];
  const again = async () => {
    const next = new FakeLoop<LifecycleConfig>();
    next.run(body, config);
    runs.push(next);
    await soon(next.ready, "ready");
  };
  try {
    await soon(loop.ready, "ready");
    await test({ keeper, registrar, loop, server, again });
  } finally {
    for (const one of runs) await soon(one.stop(100), "end").catch(() => one.unwind());
  }
}

/** A first call is answered at once; this one makes the next be held. */
export async function firstCall(
  server: ServerEnd,
  more: Partial<ReconcileRequest> = {},
): Promise<void> {
  await server.call(sampleRequest(1, { waitMs: 2_000, ...more }));
}
