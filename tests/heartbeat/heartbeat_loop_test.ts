/** The heartbeat's loop over real HTTP on loopback; the test plays the core. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { heartbeatLoop } from "../../src/heartbeat/heartbeat_loop.ts";
import type {
  Desired,
  FromHeartbeat,
  Observed,
  ToHeartbeat,
} from "../../src/heartbeat/messages.ts";
import type { Channel } from "../../src/lifecycle/loop.ts";
import { FakeLoop } from "../fakes/fake_loop.ts";
import { FakeWorkerServer } from "../fakes/fake_worker_server.ts";
import { sampleSpec } from "../support/reconcile_samples.ts";

const TIMING = { waitMs: 300, callTimeoutMs: 500, graceMs: 700, minFailures: 3 };

/** The core's end of the conversation. */
class CoreSide {
  readonly seen: FromHeartbeat[] = [];
  readonly #channel: Channel<FromHeartbeat, ToHeartbeat>;
  #waiters: (() => void)[] = [];
  #version = 0;

  constructor(channel: Channel<FromHeartbeat, ToHeartbeat>) {
    this.#channel = channel;
    channel.onMessage((message) => {
      this.seen.push(message);
      for (const wake of this.#waiters.splice(0)) wake();
    });
  }

  send(message: ToHeartbeat): void {
    this.#channel.post(message);
  }

  desire(worker: string, more: Partial<Desired> = {}): void {
    const version = ++this.#version;
    const desired = { worker, incarnation: 1, version, run: [], stop: [], ackFacts: 0, ...more };
    this.send({ type: "desired", desired });
  }

  begin(worker: FakeWorkerServer): void {
    const { url, token } = worker;
    this.send({ type: "begin", cluster: "c", epoch: 1, seq: 0 });
    this.send({ type: "worker", link: { worker: worker.sim.name, incarnation: 1, url, token } });
    this.desire(worker.sim.name);
  }

  async next<T>(pick: (message: FromHeartbeat) => T | null, withinMs = 5_000): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not heard: ${pick}`)), withinMs);
    });
    try {
      for (let at = 0;;) {
        for (; at < this.seen.length; at++) {
          const found = pick(this.seen[at]!);
          if (found === null) continue;
          this.seen.splice(0, at + 1);
          return found;
        }
        await Promise.race([new Promise<void>((resolve) => this.#waiters.push(resolve)), late]);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  observed(what: (observed: Observed) => boolean): Promise<Observed> {
    return this.next((m) => m.type === "observed" && what(m.observed) ? m.observed : null);
  }
}

async function withLoop(
  body: (core: CoreSide, worker: FakeWorkerServer, loop: FakeLoop<unknown>) => Promise<void>,
): Promise<void> {
  const worker = new FakeWorkerServer();
  const loop = new FakeLoop<unknown>();
  const core = new CoreSide(loop.far("core"));
  loop.run(heartbeatLoop() as never, { timing: TIMING });
  try {
    await loop.ready;
    await core.next((message) => message.type === "hello" ? true : null);
    await body(core, worker, loop);
  } finally {
    assertEquals(await loop.stop(), []);
    await worker.close();
  }
}

Deno.test("an attempt travels to the worker and its end back within a few ms", async () => {
  await withLoop(async (core, worker) => {
    core.begin(worker);
    await core.observed(() => true);
    const begin = performance.now();
    core.send({ type: "specs", specs: [sampleSpec(1)] });
    core.desire("w0", { run: [[1, 0, 2, 0]] });
    const began = await core.observed(({ facts }) => facts !== null);
    core.desire("w0", { run: [[1, 0, 2, 0]], ackFacts: began.facts!.upTo });
    worker.finish(2);
    const ended = await core.observed(({ facts }) => (facts?.ended.length ?? 0) > 0);
    assertLess(performance.now() - begin, 1_500);
    assertEquals(ended.facts!.ended.map((run) => run.slice(0, 6)), [[1, 0, 2, 0, "exit", 0]]);
    core.desire("w0", { ackFacts: ended.facts!.upTo });
    await worker.until(() => worker.requests.at(-1)!.ackFacts === ended.facts!.upTo);
    assert(worker.requests.at(-1)!.waitMs > 0, "and waits again for news");
  });
});

Deno.test("a worker that hangs is suspect, then lost; one that wakes up in time is neither", async () => {
  await withLoop(async (core, worker) => {
    core.begin(worker);
    await core.observed(() => true);
    worker.hung = true;
    core.desire("w0", { run: [] });
    const state = (want: string) => (message: FromHeartbeat) =>
      message.type === "liveness" && message.workers[0]![1] === want ? true : null;
    await core.next(state("suspect"), 8_000);
    worker.wake();
    await core.next(state("alive"));
    await worker.close();
    const lost = await core.next((message) => message.type === "lost" ? message : null, 8_000);
    assertEquals([lost.worker, lost.incarnation], ["w0", 1]);
  });
});

Deno.test("a slow worker delays no other", async () => {
  const slow = new FakeWorkerServer({ name: "slow" });
  try {
    await withLoop(async (core, worker) => {
      slow.hung = true;
      core.begin(slow);
      const { url, token } = worker;
      core.send({ type: "worker", link: { worker: "w0", incarnation: 1, url, token } });
      const begin = performance.now();
      core.desire("w0");
      await core.observed(({ worker: name }) => name === "w0");
      assertLess(performance.now() - begin, 450);
    });
  } finally {
    await slow.close();
  }
});

/** A worker that begins to answer at once and never comes to the end of it. */
class Dribble implements AsyncDisposable {
  calls = 0;
  readonly #stop = new AbortController();
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      await request.text();
      this.calls++;
      return new Response(this.#bytes());
    },
  );

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  #bytes(): ReadableStream<Uint8Array<ArrayBuffer>> {
    let timer: ReturnType<typeof setInterval>;
    const end = () => clearInterval(timer);
    return new ReadableStream({
      start: (controller) => {
        timer = setInterval(() => controller.enqueue(new Uint8Array([32])), 50);
        this.#stop.signal.addEventListener("abort", () => {
          end();
          try {
            controller.close();
          } catch {
            // Nobody reads it any more.
          }
        }, { once: true });
      },
      cancel: end,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#server.shutdown();
  }
}

Deno.test("a worker that answers slowly for ever is lost in its time, and delays no other", async () => {
  await using slow = new Dribble();
  await withLoop(async (core, worker) => {
    core.send({ type: "begin", cluster: "c", epoch: 1, seq: 0 });
    const begin = performance.now();
    const link = { worker: "slow", incarnation: 1, url: slow.url, token: "t" };
    core.send({ type: "worker", link });
    core.desire("slow");
    const { url, token } = worker;
    core.send({ type: "worker", link: { worker: "w0", incarnation: 1, url, token } });
    core.desire("w0");
    await core.observed(({ worker: name }) => name === "w0");
    assertLess(performance.now() - begin, 450, "the other one is heard of meanwhile");
    const lost = await core.next((message) => message.type === "lost" ? message : null);
    assertEquals(lost.worker, "slow");
    assert(lost.reason.includes("no answer within 500 ms"), lost.reason);
    assert(slow.calls >= TIMING.minFailures, `it was asked ${slow.calls} times`);
    assert(performance.now() - begin >= TIMING.graceMs);
  });
});

Deno.test("a worker that obeys a controller of a higher epoch is lost to this one, untouched", async () => {
  await withLoop(async (core, worker) => {
    const { url, token } = worker;
    const call = {
      ...{ cluster: "c", worker: "w0", epoch: 9, seq: 1, waitMs: 0, ackFacts: 0, stop: [] },
      ...{ specs: [sampleSpec(1)], run: [[1, 0, 2, 0]] },
    };
    const other = await fetch(`${url}/v1/reconcile`, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}` },
      body: JSON.stringify(call),
    });
    assertEquals(other.status, 200, await other.text());
    assertEquals(worker.sim.running, 2);
    core.begin(worker);
    const lost = await core.next((message) => message.type === "lost" ? message : null);
    assert(/409.*epoch 9, not 1/.test(lost.reason), lost.reason);
    assertEquals(worker.sim.running, 2, "what the other one wants goes on");
    assertEquals(worker.requests.map(({ epoch }) => epoch), [9]);
  });
});

Deno.test("an answer by somebody else, or with the wrong token, counts as none", async () => {
  await withLoop(async (core, worker) => {
    core.send({ type: "begin", cluster: "c", epoch: 1, seq: 2 ** 36 });
    const { url } = worker;
    core.send({ type: "worker", link: { worker: "w0", incarnation: 1, url, token: "wrong" } });
    core.desire("w0");
    const lost = await core.next((message) => message.type === "lost" ? message : null);
    assert(lost.reason.includes("401"), lost.reason);
  });
});

Deno.test("a worker that answers under another name is not believed", async () => {
  await withLoop(async (core, worker) => {
    core.send({ type: "begin", cluster: "c", epoch: 1, seq: 0 });
    const { url, token } = worker;
    core.send({ type: "worker", link: { worker: "w9", incarnation: 1, url, token } });
    core.desire("w9");
    const lost = await core.next((message) => message.type === "lost" ? message : null);
    assertEquals([lost.worker, lost.reason], ["w9", "it is worker w0 of epoch 1, not w9 of 1"]);
  });
});

Deno.test("calls of an epoch are numbered in order, over all sessions and loops", async () => {
  await withLoop(async (core, worker) => {
    core.send({ type: "begin", cluster: "c", epoch: 1, seq: 7_000 });
    const { url, token } = worker;
    const link = { worker: "w0", incarnation: 1, url, token };
    for (let session = 0; session < 3; session++) {
      core.send({ type: "worker", link });
      core.desire("w0");
      await core.observed(() => true);
    }
    const numbers = worker.requests.map(({ seq }) => seq);
    assert(numbers.length >= 3 && numbers[0] === 7_001, `${numbers}`);
    assertEquals(numbers, numbers.toSorted((a, b) => a - b));
    assertEquals(new Set(numbers).size, numbers.length);
  });
});
