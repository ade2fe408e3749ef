/** Core, scheduling and heartbeat as they are composed, in one isolate, with workers on loopback. */
import { SILENT } from "../fakes/silent_channel.ts";
import { FakeBundles } from "../fakes/fake_bundles.ts";
import { assert, assertEquals, assertLess, assertMatch, assertRejects } from "@std/assert";
import type { Demand, Retire } from "../../src/autoscaler/messages.ts";
import { systemClock } from "../../src/base/clock.ts";
import { IrisError } from "../../src/base/errors.ts";
import { coreLoop } from "../../src/controller/core_loop.ts";
import type { CoreReady } from "../../src/controller/messages.ts";
import { schedulingLoop } from "../../src/controller/scheduling_loop.ts";
import { ManagerBook } from "../../src/controller/manager_book.ts";
import { ServerBridge } from "../../src/controller/server_bridge.ts";
import { heartbeatLoop } from "../../src/heartbeat/heartbeat_loop.ts";
import { WorkerConnections } from "../../src/heartbeat/connections.ts";
import { PROTOCOL } from "../../src/wire/protocol.ts";
import { fetchPost, socketTo } from "../../src/heartbeat/reconcile_call.ts";
import { channelPair } from "../../src/lifecycle/channel.ts";
import { openReader, type StoreReader } from "../../src/store/reader.ts";
import type { JobView, LogChunk } from "../../src/wire/api.ts";
import { parseJobSpec } from "../../src/wire/job_spec.ts";
import { FakeLoop } from "../fakes/fake_loop.ts";
import { FakeWorkerServer } from "../fakes/fake_worker_server.ts";
import { sampleRegistration } from "../support/core_world.ts";

/** Waits so long that news which does not wake anybody up fails a test. */
const TIMING = { waitMs: 20_000, callTimeoutMs: 20_000, graceMs: 400, minFailures: 3 };

/** A controller without isolates and HTTP server. */
class Controller {
  readonly path: string;
  readonly demands: Demand[] = [];
  core = new FakeLoop<unknown>();
  heartbeat = new FakeLoop<unknown>();
  scheduling = new FakeLoop<unknown>();
  reader!: StoreReader;
  bridge!: ServerBridge;
  ready!: CoreReady;
  retentionMs: number | null = null;
  maxStoreBytes: number | null = null;
  readonly #connections = new WorkerConnections(systemClock, null);
  readonly #main = channelPair<never, never>();

  constructor(folder: string) {
    this.path = `${folder}/iris.db`;
  }

  async start(): Promise<this> {
    this.core.run(coreLoop() as never, {
      database: this.path,
      clusterId: "c1",
      placement: "best_fit",
      retentionMs: this.retentionMs,
      maxStoreBytes: this.maxStoreBytes,
      stopTimeoutMs: 5_000,
    });
    this.ready = await this.core.ready as CoreReady;
    this.heartbeat.run(heartbeatLoop() as never, { timing: TIMING });
    this.scheduling.run(schedulingLoop() as never, {});
    join(this.core, "heartbeat", this.heartbeat);
    join(this.core, "scheduling", this.scheduling);
    const autoscaler = this.core.far<Demand, Retire>("autoscaler");
    autoscaler.onMessage((demand) => this.demands.push(demand));
    autoscaler.post({ type: "retire", workers: [] });
    this.reader = openReader(this.path);
    this.bridge = new ServerBridge({
      desk: SILENT,
      version: "0.1.0",
      core: this.core.far("server"),
      main: this.#main[0],
      reader: this.reader,
      database: this.path,
      post: fetchPost(this.#connections),
      bundles: new FakeBundles(),
      stream: () => Promise.reject(new Error("no streams here")),
      connect: socketTo(this.#connections),
      clock: systemClock,
      managers: new ManagerBook(null, systemClock),
    });
    return this;
  }

  submit(name: string, more: Record<string, unknown> = {}): Promise<JobView> {
    return this.bridge.submit(parseJobSpec({ name, argv: ["x"], ...more }, { user: "u" }), null);
  }

  register(worker: FakeWorkerServer, more = {}) {
    const { url, token } = worker;
    return this.bridge.register(sampleRegistration(worker.sim.name, { url, token, ...more }));
  }

  async until(name: string, what: (job: JobView) => boolean, withinMs = 15_000): Promise<JobView> {
    const signal = AbortSignal.timeout(withinMs);
    for (;;) {
      const job = this.bridge.job(`/u/${name}`)!;
      if (what(job)) return job;
      if (signal.aborted) throw new Error(`not within ${withinMs} ms: ${JSON.stringify(job)}`);
      await this.bridge.changed(job.name, signal);
    }
  }

  async stop(): Promise<void> {
    for (const loop of [this.core, this.heartbeat, this.scheduling]) {
      if (!loop.closing.signal.aborted) loop.closing.abort("shutdown");
    }
    await this.scheduling.stop();
    this.bridge.close();
    this.reader.close();
    await this.heartbeat.stop();
    await this.core.stop();
    this.#connections.close();
    for (const channel of this.#main) channel.close();
  }
}

/** Waits for what no message tells of. */
async function eventually(what: () => boolean): Promise<void> {
  for (let tries = 0; !what(); tries++) {
    assertLess(tries, 200, `not so in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Connects a loop's channel `core` with the core's channel of its name. */
function join(core: FakeLoop<unknown>, name: string, other: FakeLoop<unknown>): void {
  const [a, b] = [core.far<unknown, unknown>(name), other.far<unknown, unknown>("core")];
  a.onMessage((message) => b.post(message));
  b.onMessage((message) => a.post(message));
}

function inCluster(
  name: string,
  body: (controller: Controller, worker: FakeWorkerServer) => Promise<void>,
  options: ConstructorParameters<typeof FakeWorkerServer>[0] = { instant: true },
): void {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir({ prefix: "iris-core-" });
    const worker = new FakeWorkerServer(options);
    const controller = await new Controller(folder).start();
    try {
      await body(controller, worker);
    } finally {
      await controller.stop();
      await worker.close();
      await Deno.remove(folder, { recursive: true });
    }
  });
}

inCluster("a job runs from submit to done within a few ms", async (controller, worker) => {
  assertEquals(await controller.register(worker), {
    cluster: "c1",
    epoch: 1,
    version: "",
    protocol: PROTOCOL,
  });
  const begin = performance.now();
  const submitted = await controller.submit("a", { replicas: 2 });
  assertEquals([submitted.name, submitted.state], ["/u/a", "PENDING"]);
  const job = await controller.until("a", ({ done }) => done);
  assertLess(performance.now() - begin, 10_000);
  assertEquals([job.state, job.counts], ["SUCCEEDED", { SUCCEEDED: 2 }]);
  assertEquals(controller.bridge.workers().map(({ name, state }) => [name, state]), [
    ["w0", "alive"],
  ]);
  assert(controller.demands.length > 0);
});

inCluster(
  "twenty thousand tasks take a second or two over real HTTP",
  async (controller, worker) => {
    await controller.register(worker);
    await controller.submit("a", { replicas: 20_000 });
    const job = await controller.until("a", ({ done }) => done, 20_000);
    assertEquals(job.counts, { SUCCEEDED: 20_000 });
  },
);

inCluster("a stopped job ends at its worker", async (controller, worker) => {
  await controller.register(worker);
  await controller.submit("a", { replicas: 3 });
  await controller.until("a", ({ counts }) => counts.RUNNING === 2);
  assertEquals((await controller.bridge.change("stop_job", "/u/a")).state, "KILLED");
  await controller.until("a", ({ done }) => done);
  assertEquals(worker.sim.live, []);
}, {});

inCluster("a purge forgets what is done and refuses what is not", async (controller, worker) => {
  await controller.register(worker);
  await controller.submit("a");
  await controller.submit("b", { cpuMilli: 64_000 });
  await controller.until("a", ({ done }) => done);
  const open = await assertRejects(
    () => controller.bridge.purge({ jobs: ["/u/a", "/u/b"], olderThanMs: 0 }),
    IrisError,
  );
  assertEquals([open.code, open.message], ["conflict", "Job /u/b is not done: stop it first"]);
  assertEquals(await controller.bridge.purge({ jobs: ["/u/a"], olderThanMs: 0 }), { purged: 1 });
  assertEquals([controller.bridge.job("/u/a"), controller.bridge.job("/u/b")?.state], [
    null,
    "PENDING",
  ]);
  assertEquals(await controller.bridge.purge({ jobs: null, olderThanMs: 60_000 }), { purged: 0 });
  const events = controller.bridge.events("oldest", { limit: 100, job: "/u/a" }).events;
  assertEquals(events.at(-1)?.kind, "job_purged");
});

Deno.test("jobs that are done go by themselves once they are old enough", async () => {
  const folder = await Deno.makeTempDir({ prefix: "iris-core-" });
  const worker = new FakeWorkerServer({ instant: true });
  try {
    const first = await new Controller(folder).start();
    await first.register(worker);
    await first.submit("a");
    await first.until("a", ({ done }) => done);
    await first.stop();
    const second = new Controller(folder);
    second.retentionMs = 1;
    await second.start();
    await eventually(() => second.bridge.job("/u/a") === null);
    await second.stop();
  } finally {
    await worker.close();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a store that is larger than allowed takes in nothing new until jobs are purged", async () => {
  const folder = await Deno.makeTempDir({ prefix: "iris-core-" });
  const worker = new FakeWorkerServer({ instant: true });
  try {
    const first = await new Controller(folder).start();
    await first.register(worker);
    await first.submit("a", { entries: Array.from({ length: 2_000 }, () => "x".repeat(500)) });
    await first.until("a", ({ done }) => done);
    await first.stop();
    const second = new Controller(folder);
    second.maxStoreBytes = 500_000;
    await second.start();
    const problems = () => second.bridge.health().problems.join();
    await eventually(() => problems().includes("--max-store"));
    const problem = problems();
    assertMatch(
      problem,
      /database holds \d+ bytes, and 500000 are allowed \(--max-store\).*purge/,
    );
    const refused = await assertRejects(() => second.submit("b"), IrisError);
    assertEquals([refused.code, refused.message], ["storage_full", problem]);
    assertEquals(await second.bridge.purge({ jobs: ["/u/a"], olderThanMs: 0 }), { purged: 1 });
    await eventually(() => second.bridge.health().ok);
    assertEquals((await second.submit("b")).state, "PENDING");
    await second.stop();
  } finally {
    await worker.close();
    await Deno.remove(folder, { recursive: true });
  }
});

inCluster("submits that come together share one commit", async (controller, worker) => {
  await controller.register(worker);
  const file = `${controller.path}-wal`;
  await controller.submit("warm");
  const before = Deno.statSync(file).size;
  await controller.submit("alone");
  const one = Deno.statSync(file).size - before;
  const names = Array.from({ length: 100 }, (_, i) => `together${i}`);
  await Promise.all(names.map((name) => controller.submit(name, { hold: true })));
  const together = Deno.statSync(file).size - before - one;
  // A commit writes whole pages: a hundred of their own would write a hundred times as much.
  assertLess(together, one * 40);
}, {});

inCluster("a grace beyond what a stop may take is warned of", async (controller) => {
  const spec = (graceMs: number) => parseJobSpec({ argv: ["x"], graceMs }, { user: "u" });
  assertEquals((await controller.bridge.submit(spec(5_000), null)).warnings, []);
  assertEquals((await controller.bridge.submit(spec(60_000), null)).warnings, [
    "its grace of 60 s is longer than the 5 s that a stop of the cluster may take: then it gets less",
  ]);
});

inCluster("events are followed from a cursor as they come", async (controller, worker) => {
  const leave = new AbortController();
  const seen: string[] = [];
  for await (const event of controller.bridge.followEvents("oldest", { signal: leave.signal })) {
    seen.push(event.kind);
    if (event.kind === "cluster_started") {
      await controller.register(worker);
      await controller.submit("a");
    }
    if (event.kind === "job_done") leave.abort();
  }
  assertEquals(seen.filter((kind) => kind.startsWith("job")).at(-1), "job_done");
  assert(seen.includes("worker_registered") && seen.includes("job_submitted"), seen.join());
});

inCluster("who waits for events of a job that is quiet is not left behind", async (controller) => {
  const { bridge } = controller;
  await controller.submit("a");
  const { cursor } = bridge.events("oldest", { limit: 100 });
  await controller.submit("b");
  const quiet = bridge.events(cursor, { job: "/u/a", limit: 100 });
  assertEquals(quiet.events, []);
  // From there on nothing that was not asked for has to be kept.
  assertEquals(bridge.events(quiet.cursor, { limit: 100 }).events, []);
  await controller.submit("c");
  assertEquals(bridge.events(quiet.cursor, { limit: 100 }).events[0]?.job?.endsWith("/c"), true);
});

inCluster("errors come back as they are", async (controller) => {
  await controller.submit("a");
  const conflict = await assertRejects(() => controller.submit("a"), IrisError);
  assertEquals([conflict.code, conflict.field], ["conflict", "name"]);
  const missing = await assertRejects(
    () => controller.bridge.change("stop_job", "/u/b"),
    IrisError,
  );
  assertEquals(missing.code, "not_found");
});

inCluster("a worker that dies loses its work to another", async (controller, worker) => {
  const other = new FakeWorkerServer({ name: "w1", instant: true });
  try {
    await controller.register(worker);
    await controller.submit("a", { replicas: 2 });
    await controller.until("a", ({ counts }) => counts.RUNNING === 2);
    await worker.close();
    await controller.register(other);
    const job = await controller.until("a", ({ done }) => done);
    assertEquals(job.state, "SUCCEEDED");
    assertEquals(controller.bridge.tasks("/u/a", { offset: 0, limit: 5 }).map((t) => t.attempt), [
      1,
      1,
    ]);
  } finally {
    await other.close();
  }
}, {});

inCluster(
  "a core that is started anew goes on where it was, in a new epoch",
  async (controller, worker) => {
    await controller.register(worker);
    await controller.submit("a", { replicas: 3 });
    await controller.until("a", ({ counts }) => counts.RUNNING === 2);
    await controller.stop();
    const again = await new Controller(controller.path.replace("/iris.db", "")).start();
    try {
      assertEquals(again.ready, { cluster: "c1", epoch: 2 });
      await worker.until(() => worker.requests.at(-1)!.epoch === 2);
      worker.finish(2);
      await again.until("a", ({ counts }) => counts.SUCCEEDED === 2);
      worker.finish(2);
      assertEquals((await again.until("a", ({ done }) => done)).state, "SUCCEEDED");
      const attempts = again.bridge.tasks("/u/a", { offset: 0, limit: 5 }).map((t) => t.attempt);
      assertEquals(attempts.slice(0, 2), [0, 0]);
    } finally {
      await again.stop();
      // The harness stops what it started, and that is stopped already.
      Object.assign(controller, { stop: () => Promise.resolve() });
    }
  },
  {},
);

inCluster(
  "while closing nothing is taken in, and ends are still stored",
  async (controller, worker) => {
    await controller.register(worker);
    await controller.submit("a", { replicas: 2 });
    await controller.until("a", ({ counts }) => counts.RUNNING === 2);
    for (const loop of [controller.core, controller.heartbeat, controller.scheduling]) {
      loop.closing.abort("shutdown");
    }
    worker.finish(1);
    worker.finish(1, () => ({ cause: "cancelled", code: 143 }));
    const job = await controller.until("a", ({ done }) => done);
    assertEquals([job.state, job.counts], ["KILLED", { SUCCEEDED: 1, KILLED: 1 }]);
    const refused = await assertRejects(() => controller.submit("b"), IrisError);
    assertEquals(refused.code, "closing");
  },
  {},
);

inCluster("what was said just before the end of the core is stored", async (controller, worker) => {
  await controller.register(worker);
  await controller.submit("a", { replicas: 2 });
  await controller.until("a", ({ counts }) => counts.RUNNING === 2);
  worker.sim.finish(2, { atMs: 7 });
  // The worker may have been introduced to the heartbeat once or twice.
  for (const incarnation of [1, 2]) {
    const observed = { ...worker.sim.observed(), incarnation };
    controller.core.far("heartbeat").post({ type: "observed", observed });
  }
  await controller.core.stop();
  assertEquals(controller.bridge.job("/u/a")!.state, "SUCCEEDED");
}, {});

/** All logs of a job, from the beginning. */
const whole = { task: null, cursor: null, follow: false };

inCluster("logs follow until the job is done, and end at once then", async (controller, worker) => {
  await controller.register(worker);
  await controller.submit("a", { replicas: 1 });
  await controller.until("a", ({ counts }) => counts.RUNNING === 1);
  const line = (text: string, offset: number): LogChunk => ({
    task: 0,
    attempt: 0,
    stream: "stdout",
    offset,
    data: btoa(text),
  });
  worker.write(line("one\n", 0));
  const begin = performance.now();
  const seen: string[] = [];
  const signal = new AbortController().signal;
  const reading = (async () => {
    for await (
      const chunk of controller.bridge.logs("/u/a", { ...whole, follow: true, signal })
    ) {
      if ("cursor" in chunk) continue;
      seen.push(atob(chunk.data));
      if (seen.length > 1) continue;
      worker.write(line("two\n", 4));
    }
  })();
  await worker.until(() => seen.length === 2 && worker.logsWaiting > 0);
  worker.finish(1);
  await reading;
  assertEquals(seen, ["one\n", "two\n"]);
  assertLess(performance.now() - begin, 8_000, "nobody waits for output of a job that is done");
  assertEquals(controller.bridge.job("/u/a")!.done, true);
  const again: string[] = [];
  for await (const chunk of controller.bridge.logs("/u/a", { ...whole, signal })) {
    if ("cursor" in chunk) continue;
    again.push(atob(chunk.data));
  }
  assertEquals(again, seen);
}, {});

inCluster("a reader of logs that goes away leaves no call behind", async (controller, worker) => {
  await controller.register(worker);
  await controller.submit("a", { replicas: 1 });
  await controller.until("a", ({ counts }) => counts.RUNNING === 1);
  worker.write({ task: 0, attempt: 0, stream: "stdout", offset: 0, data: "" });
  const signal = new AbortController().signal;
  for await (const _ of controller.bridge.logs("/u/a", { ...whole, follow: true, signal })) break;
  await controller.bridge.change("stop_job", "/u/a");
  await controller.until("a", ({ done }) => done);
}, {});

inCluster("a wait for a change ends with the caller and with the server", async (controller) => {
  await controller.submit("a");
  const abort = new AbortController();
  const first = controller.bridge.changed("/u/a", abort.signal);
  abort.abort();
  await first;
  const second = controller.bridge.changed("/u/a", new AbortController().signal);
  controller.bridge.close();
  await second;
  await assertRejects(() => controller.submit("b"), IrisError, "stopping");
});
