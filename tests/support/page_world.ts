/**
 * A dashboard with as many of everything as a test wants: a real store with jobs, tasks and events, behind
 * workers, VMs and a tree that are only told of. Served over a real socket, for a real browser.
 */
import { systemClock } from "../../src/base/clock.ts";
import { BoardCalls } from "../../src/controller/board_calls.ts";
import type { ControllerApi } from "../../src/controller/controller_api.ts";
import type { FleetApi } from "../../src/controller/fleet_api.ts";
import type { LiveApi } from "../../src/controller/live_api.ts";
import { createApp } from "../../src/http/app.ts";
import { Sessions } from "../../src/http/auth.ts";
import type { TreeNode } from "../../src/lifecycle/part.ts";
import type { EventRow, JobRow, ResultRow, StoreChanges } from "../../src/store/rows.ts";
import { openStore, type Store } from "../../src/store/open_store.ts";
import { openReader, type StoreReader } from "../../src/store/reader.ts";
import type { JobState, WorkerView } from "../../src/wire/api.ts";
import type { HostUsage } from "../../src/wire/usage.ts";
import type { GroupView, VmView } from "../../src/wire/vms.ts";
import { FakeControllerApi } from "../fakes/fake_controller_api.ts";
import { jobRow, NOTHING } from "./store_rows.ts";

/** A job with a log, tasks of every kind, and everything that can be said of one. */
export const RICH_JOB = "/ann/rich";
/** So many rows go into one transaction. */
const AT_ONCE = 1_000;

/** How many there are of everything. */
export interface PageWorldOptions {
  readonly many: number;
}

/** See the head of this file. */
export class PageWorld implements AsyncDisposable {
  readonly fake = new FakeControllerApi();
  readonly workers: WorkerView[] = [];
  readonly #folder = Deno.makeTempDirSync({ prefix: "iris-pages-" });
  readonly #store: Store;
  readonly #reader: StoreReader;
  #closed = new AbortController();
  #server: Deno.HttpServer<Deno.NetAddr> | null = null;
  #port = 0;
  readonly #many: number;
  readonly #sessions = new Sessions();
  #generation = 0;

  constructor({ many }: PageWorldOptions) {
    const path = `${this.#folder}/iris.db`;
    this.#store = openStore({ path, clusterId: "c" });
    this.#reader = openReader(path);
    this.#fill(many);
    this.#many = many;
    this.up();
  }

  /** Where it is. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** A link that logs in, once. */
  get login(): string {
    return `${this.url}/login/${this.#sessions.issueCode()}`;
  }

  /** One more job. */
  submit(name: string, more: Partial<JobRow> = {}): void {
    const row = jobRow(++this.#generation, { submittedAtMs: Date.now(), ...more });
    this.write({ newJobs: [{ ...row, name, user: name.split("/")[1] ?? "" }] });
  }

  /** What is stored from now on. */
  write(changes: Partial<StoreChanges>): void {
    this.#store.writer.write({ ...NOTHING, ...changes });
  }

  /** The controller goes. */
  async down(): Promise<void> {
    this.#closed.abort();
    await this.#server?.shutdown();
    this.#server = null;
  }

  /** It comes back, where it was. */
  up(): void {
    this.#closed = new AbortController();
    const app = createApp(this.#api(), {
      tokens: { admin: "a".repeat(64), worker: "b".repeat(64) },
      ...{ sessions: this.#sessions, baseUrl: () => this.url, version: "0.1.0" },
    });
    const listen = { hostname: "127.0.0.1", port: this.#port, onListen: () => {} };
    this.#server = Deno.serve(listen, (request) => app.fetch(request));
    this.#port = this.#server.addr.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
    this.#reader.close();
    this.#store.writer.close();
    Deno.removeSync(this.#folder, { recursive: true });
  }

  #api(): ControllerApi {
    const reader = this.#reader;
    const many = this.#many;
    const vms = Array.from({ length: many }, (_, at) => vmOf(at));
    const groups = many === 0 ? [] : this.fake.fleet.groups().map((group) => groupOf(group, many));
    const own: Partial<ControllerApi> = {
      board: new BoardCalls(reader, systemClock, this.#closed.signal),
      jobs: (filter) => reader.jobs(filter),
      job: (name) => reader.job(name),
      jobOf: (generation) => reader.jobByGeneration(generation),
      tasks: (name, page) => reader.tasks(name, page),
      task: (name, { index }) => {
        const [task] = reader.tasks(name, { offset: index, limit: 1 });
        const { generation } = reader.job(name)!;
        const progress = { fraction: 0.4, done: 2, total: 5, message: "epoch 2", atMs: Date.now() };
        const at = { atMs: Date.now(), cpuMs: performance.now() / 2, processes: 3 };
        const usage = { ...at, memoryBytes: 3e8, peakBytes: 4e8 };
        return Promise.resolve({ ...task!, generation, result: null, progress, usage, used: null });
      },
      explain: (name) => Promise.resolve(explanationOf(name, reader)),
      workers: () => this.workers,
      tree: () => treeOf(many),
      wholeTree: () => Promise.resolve(treeOf(many)),
      live: overlay<LiveApi>(this.fake.live, { hostUsage: () => Promise.resolve(usageNow()) }),
      fleet: overlay<FleetApi>(this.fake.fleet, {
        vms: () => vms,
        vm: (name) => vms.find(({ vm }) => vm === name) ?? this.fake.fleet.vm(name),
        groups: () => groups,
      }),
    };
    return overlay<ControllerApi>(this.fake, own);
  }

  #fill(many: number): void {
    for (let at = 0; at < many; at++) this.workers.push(workerOf(at));
    if (many === 0) return;
    for (let from = 0; from < many - 1; from += AT_ONCE) {
      const rows = Array.from({ length: Math.min(AT_ONCE, many - 1 - from) }, (_, at) => from + at);
      const newJobs = rows.map((at) => plainJob(++this.#generation, at));
      this.write({ newJobs, events: rows.map(eventOf) });
    }
    this.write(richJob(++this.#generation, many));
  }
}

/** An object with some of its methods replaced. */
function overlay<T extends object>(under: T, over: Partial<T>): T {
  return new Proxy(under, {
    get(target, key) {
      if (Object.hasOwn(over, key)) return over[key as keyof T];
      const value = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function usageNow(): HostUsage {
  return {
    ...{ atMs: Date.now(), cpuMilli: 1_300, memoryBytes: 3e9, memoryTotalBytes: 8e9 },
    ...{ diskBytes: 1e10, diskTotalBytes: 5e10, load: 1.2, keeper: null },
    worker: { pid: 1, cpuMs: 1, memoryBytes: 1 },
  };
}

const STATES: readonly JobState[] = ["SUCCEEDED", "RUNNING", "PENDING", "FAILED", "KILLED"];

function plainJob(generation: number, at: number): JobRow {
  const state = STATES[at % STATES.length]!;
  const done = state !== "RUNNING" && state !== "PENDING";
  const user = ["ann", "bob", "eve"][at % 3]!;
  const row = jobRow(generation, { state, done, counts: { [state]: 10 } });
  const [submittedAtMs, startedAtMs] = [Date.now() - 3_600_000 + at, Date.now() - 1_800_000];
  return {
    ...row,
    ...{ name: `/${user}/train-${at}`, user, submittedAtMs },
    startedAtMs: state === "PENDING" ? null : startedAtMs,
    endedAtMs: done ? startedAtMs + 60_000 : null,
    reason: state === "PENDING" ? "waits for free capacity: 4 of 4 workers are busy" : null,
  };
}

/** A job of as many tasks, in all states. */
function richJob(generation: number, many: number): Partial<StoreChanges> {
  const replicas = Math.max(10, many);
  const base = jobRow(generation);
  const part = Math.floor(replicas / 5);
  const counts = { SUCCEEDED: part, FAILED: 1, RUNNING: part, PENDING: replicas - 2 * part - 1 };
  const now = Date.now();
  const results: ResultRow[] = Array.from({ length: part }, (_, at) => [
    ...[generation, at, at + 1, "SUCCEEDED", 0, "w0", "exit", 0] as const,
    ...[now - 60_000, now - 30_000 + at] as const,
  ]);
  results.push([
    ...[generation, part, part + 1, "FAILED", 1, "w0", "oom", null, now - 9_000] as const,
    now - 8_000,
  ]);
  const from = part + 1;
  const data = { task: from, failures: 1, losses: 0, crashes: 0 };
  return {
    newJobs: [{
      ...base,
      ...{ name: RICH_JOB, user: "ann", state: "RUNNING", counts, submittedAtMs: now - 90_000 },
      spec: { ...base.spec, name: RICH_JOB, replicas, cpuMilli: 100 },
      ...{ startedAtMs: now - 60_000, pending: [from + part, replicas, 0, 0, 0] },
      reason: "needs 4 cores: 0 of 1 worker has it; nearest is w0 (2 cores)",
    }],
    results,
    details: [[generation, part, 1, "it used more than the 512 MiB that it may use"]],
    lanes: [{
      ...{ generation, worker: "w0", attempt: 0, assigned: [], recalled: [], building: [] },
      ...{ running: [from, from + part, now - 20_000], preempted: [], disbanded: [], stopping: [] },
    }],
    events: [{
      ...{ atMs: now - 25_000, kind: "task_retried", job: RICH_JOB, generation, worker: null },
      data,
    }],
  };
}

function eventOf(at: number): EventRow {
  const of = { atMs: Date.now() - at, job: `/ann/train-${at}`, generation: at + 1, worker: "w0" };
  const data = { from: 0, to: 1, state: "FAILED", attempt: 0, cause: "exit", code: 3 };
  return { ...of, kind: "task_ended", data };
}

function workerOf(at: number): WorkerView {
  return {
    ...{ name: `w${at}`, url: "http://10.0.0.1:1", hostname: `host-${at}`, version: "0.1.0" },
    ...{
      pid: 1,
      state: at % 50 === 7 ? "lost" : "alive",
      drained: at % 50 === 3 ? "repair" : null,
    },
    ...{ reason: at % 50 === 3 ? "drained: repair" : null, setAside: null, cpuMilli: 4_000 },
    ...{ memoryBytes: 8e9, resources: { gpu: 2_000 }, attributes: { zone: "a", kind: "gpu" } },
    ...{ running: 3, backlog: 1, lastSeenMs: 200 },
  };
}

function vmOf(at: number): VmView {
  const state = at % 20 === 7 ? "BOOTING" : at % 20 === 13 ? "UNHEALTHY" : "READY";
  return {
    ...{ vm: `w${at}`, slice: `cpu-${at >> 1}`, group: "cpu", provider: "process", state },
    ...{ manager: "local", sinceMs: Date.now() - 60_000, createdMs: Date.now() - 90_000 },
    reason: state === "UNHEALTHY" ? "its worker does not answer" : "",
    phase: state === "BOOTING" ? "waits for ssh" : "",
    externalId: `i-${at}`,
  };
}

function groupOf(group: GroupView, many: number): GroupView {
  const untilMs = Date.now() + 60_000;
  return {
    ...group,
    ...{
      ready: many,
      max: 2 * many,
      wanted: { count: many, reason: "as many as pending jobs need" },
    },
    availability: { state: "backoff", untilMs, reason: "2 of its VMs died young" },
  };
}

function treeOf(many: number): TreeNode {
  const of = { state: "running", ageMs: 60_000 } as const;
  const workers = Array.from({ length: many }, (_, at): TreeNode => ({
    ...{ ...of, name: `w${at}`, kind: "process", detail: "pid 4711", children: [] },
  }));
  const core: TreeNode = {
    ...{ ...of, name: "core", kind: "loop", lastTickMs: 100, memoryBytes: 11e6, children: [] },
  };
  const slow: TreeNode = {
    ...{ ...of, name: "scheduling", kind: "loop", lastTickMs: 9_000, stalled: true, children: [] },
  };
  const below = many === 0 ? [core] : [core, slow];
  const controller = { ...of, name: "controller", kind: "component", children: below } as const;
  return { ...of, name: "iris", kind: "component", children: [controller, ...workers] };
}

function explanationOf(name: string, reader: StoreReader) {
  const job = reader.job(name)!;
  return {
    ...{
      name,
      generation: job.generation,
      state: job.state,
      reason: job.reason ?? "its turn comes",
    },
    ...{ waitsFor: [], held: false, resting: null, ready: 3, allowance: null },
    placement: {
      ...{ line: "", place: 2, workers: 4, impossible: false, unblock: "a worker with 4 cores" },
      ruledOut: [{ reason: "too small", what: "4 cores", count: 4 }],
      nearest: { worker: "w0", missing: [{ what: "cores", needs: 4, has: 2 }] },
    },
    scaling: "group cpu: asked for 2 more VMs; in back-off for a minute",
  };
}
