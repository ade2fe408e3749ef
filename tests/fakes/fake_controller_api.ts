/** A controller with state and no cluster behind it: jobs run when a test says so. */
import { IrisError } from "../../src/base/errors.ts";
import { explainDone } from "../../src/controller/explain_job.ts";
import type { EventFilter } from "../../src/store/reader.ts";
import type { SubmitMark } from "../../src/store/rows.ts";
import type {
  ControllerApi,
  FollowEvents,
  Health,
  JobFilter,
  LogsOptions,
} from "../../src/controller/controller_api.ts";
import type { JobVerb } from "../../src/controller/messages.ts";
import type { TreeNode } from "../../src/lifecycle/part.ts";
import type {
  ClusterStopAnswer,
  ClusterStopRequest,
  EventPage,
  EventView,
  JobExplanation,
  JobSpec,
  JobView,
  LogChunk,
  LogMark,
  PurgeAnswer,
  PurgeRequest,
  SubmittedJob,
  TaskDetail,
  TaskView,
  WorkerView,
} from "../../src/wire/api.ts";
import { formatJobCursor, parseJobCursor } from "../../src/wire/log_chunks.ts";
import type { ForgottenResponse } from "../../src/wire/logs.ts";
import type { EndpointRequest, EndpointView } from "../../src/wire/endpoints.ts";
import type { RegisterRequest, RegisterResponse } from "../../src/wire/reconcile.ts";
import { FakeBoard } from "./fake_board.ts";
import { FakeFleet } from "./fake_fleet.ts";
import { FakeLive } from "./fake_live.ts";
import { FakeTokens } from "./fake_tokens.ts";

import { FakeBundles, FakeOutputs } from "./fake_bundles.ts";

/** Keeps what was submitted and registered; `finish` ends a job. */
export class FakeControllerApi implements ControllerApi {
  readonly #jobs = new Map<string, JobView>();
  readonly #workers: WorkerView[] = [];
  readonly #marks = new Map<string, JobView>();
  readonly #events: EventView[] = [];
  readonly #endpoints = new Map<number, EndpointView[]>();
  readonly #logs = new Map<string, LogChunk[]>();
  #waiters: (() => void)[] = [];
  #generation = 0;
  readonly bundles = new FakeBundles();
  readonly outputs = new FakeOutputs();
  readonly live = new FakeLive(this);
  readonly fleet = new FakeFleet();
  readonly tokens = new FakeTokens();
  readonly board = new FakeBoard(this);
  health_: Health = { ok: true, problems: [], closing: false };
  stops: ClusterStopRequest[] = [];
  /** Every question for logs. */
  readonly logsAsked: LogsOptions[] = [];

  submit(spec: JobSpec, mark: SubmitMark | null): Promise<SubmittedJob> {
    const marked = mark === null ? undefined : this.#marks.get(mark.key);
    if (marked !== undefined) return Promise.resolve({ ...marked, warnings: [] });
    if (this.health_.closing) {
      return Promise.reject(new IrisError("closing", "The cluster is stopping"));
    }
    if (this.#jobs.has(spec.name)) {
      const message = `A job named ${spec.name} exists`;
      return Promise.reject(new IrisError("conflict", message, { field: "name" }));
    }
    const job: JobView = {
      name: spec.name,
      generation: ++this.#generation,
      state: "PENDING",
      replicas: spec.replicas,
      counts: { PENDING: spec.replicas },
      done: false,
      submittedAtMs: 1_000 + this.#generation,
      startedAtMs: null,
      endedAtMs: null,
      reason: null,
      held: false,
      parent: null,
      retryOf: null,
      spec,
    };
    this.#jobs.set(spec.name, job);
    if (mark !== null) this.#marks.set(mark.key, job);
    this.tell("job_submitted", spec.name);
    return Promise.resolve({ ...job, warnings: [] });
  }

  /** Ends a job well. */
  finish(name: string): void {
    const job = this.#jobs.get(name);
    if (job === undefined) throw new Error(`no job ${name}`);
    const counts = { SUCCEEDED: job.replicas };
    this.#jobs.set(name, { ...job, state: "SUCCEEDED", counts, done: true, endedAtMs: 9_000 });
    this.#wake();
  }

  /** Appends to a job's log. */
  write(name: string, chunk: LogChunk): void {
    this.#logOf(name).push(chunk);
    this.#wake();
  }

  change(verb: JobVerb, name: string): Promise<JobView> {
    const job = this.#jobs.get(name);
    if (job === undefined) return Promise.reject(new IrisError("not_found", `No job ${name}`));
    const changed: JobView = {
      stop_job: { ...job, state: "KILLED", done: true } as const,
      hold_job: { ...job, held: true },
      release_job: { ...job, held: false },
      retry_job: { ...job, state: "PENDING", done: false, retryOf: job.generation } as const,
    }[verb];
    this.#jobs.set(name, changed);
    this.#wake();
    return Promise.resolve(changed);
  }

  backup(): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    return Promise.resolve(new Blob(["a database"]).stream());
  }

  purge({ jobs }: PurgeRequest): Promise<PurgeAnswer> {
    const gone = [...this.#jobs.values()].filter(({ name, done }) =>
      done && (jobs === null || jobs.includes(name))
    );
    for (const { name } of gone) this.#jobs.delete(name);
    return Promise.resolve({ purged: gone.length });
  }

  jobOf(generation: number): JobView | null {
    return [...this.#jobs.values()].find((job) => job.generation === generation) ?? null;
  }

  endpoints(generation: number, name: string | null): EndpointView[] {
    return (this.#endpoints.get(generation) ?? [])
      .filter((endpoint) => name === null || endpoint.name === name);
  }

  registerEndpoint(request: EndpointRequest): Promise<EndpointView> {
    const { job, task, attempt, name, host, port, metadata } = request;
    const { generation, done } = this.#jobs.get(job)!;
    if (done) return Promise.reject(new IrisError("conflict", "No such attempt runs"));
    const address = `${host ?? "127.0.0.1"}:${port}`;
    const endpoint: EndpointView = { name, task, attempt, address, metadata };
    const others = this.endpoints(generation, null)
      .filter((one) => one.name !== name || one.task !== task);
    this.#endpoints.set(generation, [...others, endpoint]);
    this.#wake();
    return Promise.resolve(endpoint);
  }

  /** Something changed. */
  tell(kind: EventView["kind"], job: string): void {
    const cursor = `fake.${this.#events.length + 1}`;
    this.#events.push({
      ...{ cursor, atMs: 1_000, kind, job, generation: 1, worker: null, data: {} },
    });
    this.#wake();
  }

  events(after: string | null, filter: EventFilter): EventPage {
    if (after !== null && !/^(fake\.\d+|oldest)$/.test(after)) {
      throw new IrisError("invalid", "after must be a cursor of this cluster", { field: "after" });
    }
    const from = after === null
      ? this.#events.length
      : after === "oldest"
      ? 0
      : Number(after.split(".")[1]);
    const events = this.#events.slice(from)
      .filter(({ job }) => filter.job === undefined || job === filter.job)
      .filter(({ job }) => filter.user === undefined || job?.split("/")[1] === filter.user)
      .slice(0, filter.limit);
    return { events, cursor: events.at(-1)?.cursor ?? `fake.${from}` };
  }

  async *followEvents(after: string | null, of: FollowEvents): AsyncIterable<EventView> {
    let { cursor } = { cursor: after };
    while (!of.signal.aborted) {
      const { signal: _, ...filter } = of;
      const page = this.events(cursor, { ...filter, limit: 10 });
      ({ cursor } = page);
      yield* page.events;
      if (page.events.length === 0) {
        await new Promise<void>((resolve) => {
          this.#waiters.push(resolve);
          of.signal.addEventListener("abort", () => resolve(), { once: true });
        });
      }
    }
  }

  explain(name: string): Promise<JobExplanation> {
    const job = this.#jobs.get(name);
    if (job === undefined) return Promise.reject(new IrisError("not_found", `No job ${name}`));
    return Promise.resolve(explainDone(job));
  }

  jobs(filter: JobFilter): JobView[] {
    return [...this.#jobs.values()].reverse()
      .filter((job) => filter.state === undefined || job.state === filter.state)
      .filter((job) => filter.user === undefined || job.name.split("/")[1] === filter.user)
      .filter((job) => job.submittedAtMs >= (filter.sinceMs ?? 0))
      .slice(0, filter.limit);
  }

  job(name: string): JobView | null {
    return this.#jobs.get(name) ?? null;
  }

  task(name: string, { index }: { index: number }): Promise<TaskDetail> {
    const [task] = this.tasks(name, { offset: index, limit: 1 });
    const { generation } = this.#jobs.get(name)!;
    const more = { result: { n: 1 }, progress: null, usage: null, used: null };
    return Promise.resolve({ ...task!, generation, ...more });
  }

  tasks(name: string, page: { offset: number; limit: number }): TaskView[] {
    const replicas = this.#jobs.get(name)?.replicas ?? 0;
    return Array.from({ length: replicas }, (_, index): TaskView => ({
      name: `${name}/${index}`,
      index,
      state: "PENDING",
      attempt: null,
      worker: null,
      startedAtMs: null,
      endedAtMs: null,
      exitCode: null,
      endCause: null,
      detail: null,
    })).slice(page.offset, page.offset + page.limit);
  }

  workers(): WorkerView[] {
    return this.#workers;
  }

  drainWorker(name: string, why: string): Promise<WorkerView> {
    return this.#mark(name, { drained: why, reason: `drained: ${why}` });
  }

  releaseWorker(name: string): Promise<WorkerView> {
    return this.#mark(name, { drained: null, setAside: null, reason: null });
  }

  #mark(name: string, mark: Partial<WorkerView>): Promise<WorkerView> {
    const at = this.#workers.findIndex((worker) => worker.name === name);
    if (at < 0) return Promise.reject(new IrisError("not_found", `No such worker: ${name}`));
    const worker = { ...this.#workers[at]!, ...mark };
    this.#workers[at] = worker;
    return Promise.resolve(worker);
  }

  register(request: RegisterRequest): Promise<RegisterResponse> {
    this.#workers.push({
      name: request.worker,
      url: request.url,
      state: "alive",
      hostname: request.hostname,
      version: request.version,
      reason: null,
      drained: null,
      setAside: null,
      pid: request.pid,
      cpuMilli: request.cpuMilli,
      memoryBytes: request.memoryBytes,
      resources: request.resources,
      attributes: request.attributes,
      running: 0,
      backlog: 0,
      lastSeenMs: 0,
    });
    return Promise.resolve({ cluster: "c0ffee00", epoch: 1 });
  }

  forgotten(generations: readonly number[]): ForgottenResponse {
    const known = new Set([...this.#jobs.values()].map(({ generation }) => generation));
    return { cluster: "fake", generations: generations.filter((one) => !known.has(one)) };
  }

  async *logs(name: string, options: LogsOptions): AsyncIterable<LogChunk | LogMark> {
    this.logsAsked.push(options);
    let at = 0;
    if (options.cursor !== null) {
      at = Number([...parseJobCursor(options.cursor).workers.keys()][0]);
    }
    const mark = () => ({
      cursor: formatJobCursor({
        generation: 1,
        workers: new Map([[String(at), { cursor: null, seen: new Map() }]]),
      }),
    });
    const chunks = this.#logOf(name);
    for (;;) {
      for (; at < chunks.length; at++) {
        const chunk = chunks[at];
        if (chunk !== undefined && (options.task ?? chunk.task) === chunk.task) yield chunk;
      }
      if (options.signal.aborted) return;
      if (!options.follow || this.job(name)?.done === true) {
        yield { ...mark(), done: true };
        return;
      }
      yield mark();
      if (at < chunks.length || this.job(name)?.done === true) continue;
      await this.changed(name, options.signal);
    }
  }

  changed(_name: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  tree(): TreeNode {
    return { name: "cluster", kind: "component", state: "running", ageMs: 5, children: [] };
  }

  wholeTree({ workers }: { workers: number }): Promise<TreeNode> {
    const state = "running" as const;
    const below = this.workers().slice(0, workers).map(({ name }): TreeNode => ({
      ...{ name, kind: "component", state, ageMs: 1, children: [] },
    }));
    return Promise.resolve({ ...this.tree(), children: below });
  }

  health(): Health {
    return this.health_;
  }

  stopCluster(request: ClusterStopRequest): Promise<ClusterStopAnswer> {
    this.stops.push(request);
    return Promise.resolve({ id: request.id, reportUrl: `http://127.0.0.1:1/${request.id}` });
  }

  #logOf(name: string): LogChunk[] {
    const log = this.#logs.get(name) ?? [];
    this.#logs.set(name, log);
    return log;
  }

  #wake(): void {
    this.board.changes++;
    const waiting = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiting) resolve();
  }
}
