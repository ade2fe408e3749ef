/**
 * The controller as its server's routes see it: writes go to the core and come back committed, reads
 * come from a read-only connection to the store and from what core and main published, logs come
 * from the workers. Used in the server isolate; closed by its owner.
 */
import type { Clock, Timer } from "../base/clock.ts";
import { eitherSignal } from "../base/either_signal.ts";
import { IrisError } from "../base/errors.ts";
import { randomHex } from "../base/ids.ts";
import { checkBackup } from "../store/backup.ts";
import { backupFolder } from "../store/backup_folder.ts";
import type { PostJson } from "../heartbeat/reconcile_call.ts";
import type {
  ControllerApi,
  FollowEvents,
  Health,
  JobFilter,
  LogsOptions,
} from "./controller_api.ts";
import type { Channel } from "../lifecycle/loop.ts";
import type { TreeNode } from "../lifecycle/part.ts";
import type { SubmitMark } from "../store/rows.ts";
import type { EventFilter, StoreReader } from "../store/reader.ts";
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
} from "../wire/api.ts";
import type { Actor } from "../wire/audit.ts";
import type { TlsIdentity } from "../host/tls.ts";
import { parseJobCursor } from "../wire/log_chunks.ts";
import type { ForgottenResponse } from "../wire/logs.ts";
import type { EndpointRequest, EndpointView } from "../wire/endpoints.ts";
import type { RegisterRequest, RegisterResponse } from "../wire/reconcile.ts";
import { BoardCalls } from "./board_calls.ts";
import { explainDone } from "./explain_job.ts";
import { eventPage, followEvents } from "./event_pages.ts";
import { JobOutputsReader } from "./job_outputs.ts";
import { JobWaiters } from "./job_waiters.ts";
import { LogAnswers } from "./log_answers.ts";
import { followLogs, type LogSource } from "./log_follower.ts";
import { LogRoom } from "./log_room.ts";
import { taskDetail } from "./task_detail.ts";
import type { DeskToServer, ServerToDesk } from "../autoscaler/messages.ts";
import type { ConnectSocket } from "./exec_proxy.ts";
import { FleetCalls } from "./fleet_calls.ts";
import type { ManagerBook } from "./manager_book.ts";
import { LiveCalls } from "./live_calls.ts";
import { TokenCalls } from "./token_calls.ts";
import { workerView } from "./shown.ts";
import { WorkerTrees } from "./worker_trees.ts";
import type {
  ClusterTokens,
  CoreToServer,
  JobVerb,
  MainToServer,
  Refusal,
  ServerToCore,
  ServerToMain,
  WorkerInfo,
} from "./messages.ts";
import type { BundlesApi, OutputsApi } from "./shipping_api.ts";
import type { PostForStream } from "./stream_call.ts";

/** How long the core or main may take to answer, in ms. */
const ANSWER_MS = 10_000;
/** The most calls that wait for an answer. */
const MAX_CALLS = 10_000;

/** What a bridge is made of. */
export interface ServerBridgeOptions {
  readonly core: Channel<CoreToServer, ServerToCore>;
  readonly main: Channel<MainToServer, ServerToMain>;
  /** The autoscaler's desk, where VM managers are known. */
  readonly desk: Channel<DeskToServer, ServerToDesk>;
  /** Owned by whoever made it. */
  readonly reader: StoreReader;
  /** The database's file, beside which backups are made. */
  readonly database: string;
  /** For the workers' logs. */
  readonly post: PostJson;
  /** For what workers keep of tasks. */
  readonly stream: PostForStream;
  /** Owned by whoever made it. */
  readonly bundles: BundlesApi;
  /** For commands beside tasks. */
  readonly connect: ConnectSocket;
  readonly clock: Clock;
  /** Of this program. */
  readonly version: string;
  /** Closed with this. */
  readonly managers: ManagerBook;
}

type JobAnswer = Extract<CoreToServer, { type: "job" }>;

interface Call {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: IrisError) => void;
}

/** See the head of this file. */
export class ServerBridge implements ControllerApi {
  readonly live: LiveCalls;
  readonly fleet: FleetCalls;
  readonly tokens: TokenCalls;
  readonly board: BoardCalls;
  readonly #options: ServerBridgeOptions;
  readonly #logRoom = new LogRoom();
  readonly #logAnswers = new LogAnswers(() => this.#logRoom.readers);
  readonly #calls = new Map<number, Call>();
  readonly #trees: WorkerTrees;
  readonly #waiters = new JobWaiters();
  readonly #closed = new AbortController();
  #nextId = 1;
  #epoch: number | null = null;
  #trouble: string | null = null;
  #workers: readonly WorkerInfo[] = [];
  #status: Extract<MainToServer, { type: "status" }> | null = null;

  readonly bundles: BundlesApi;
  readonly outputs: OutputsApi;

  /** Says hello to the core at once. */
  constructor(options: ServerBridgeOptions) {
    this.#options = options;
    this.bundles = options.bundles;
    this.outputs = new JobOutputsReader({
      ...options,
      job: (name) => this.job(name),
      tasks: (name, page) => this.tasks(name, page),
      sources: (generation) => this.#sources(generation),
      closed: this.#closed.signal,
    });
    const { reader, post, connect, clock } = options;
    this.live = new LiveCalls({ reader, post, connect, clock, workers: () => this.#workers });
    this.tokens = new TokenCalls({
      ...{ reader, clock },
      core: {
        ask: (message) => this.#ask(message),
        tell: (message) => options.core.post(message),
      },
      main: (message) => this.#wait((id) => options.main.post(message(id))),
    });
    this.#trees = new WorkerTrees({ post, clock, pid: Deno.pid });
    this.board = new BoardCalls(reader, clock, this.#closed.signal);
    const { version } = options;
    const { cluster } = reader;
    this.fleet = new FleetCalls(options.desk, { clock, cluster, version, book: options.managers });
    options.core.onMessage((message) => this.#fromCore(message));
    options.main.onMessage((message) => this.#fromMain(message));
    options.core.post({ type: "hello" });
  }

  async submit(
    spec: JobSpec,
    mark: SubmitMark | null,
    by: Actor | null = null,
  ): Promise<SubmittedJob> {
    if (spec.bundle !== null && !this.bundles.has(spec.bundle)) {
      const message = `bundle must be one that was sent before: there is no ${spec.bundle}`;
      throw new IrisError("invalid", message, { field: "bundle" });
    }
    const { generation, warnings } = await this.#ask<JobAnswer>((id) => {
      return { type: "submit", id, spec, mark, by };
    });
    return { ...this.#stored(generation), warnings };
  }

  async change(verb: JobVerb, name: string): Promise<JobView> {
    const bundle = verb === "retry_job" ? this.job(name)?.spec.bundle ?? null : null;
    if (bundle !== null && !this.bundles.has(bundle)) {
      throw new IrisError("conflict", `The bundle of ${name} is not kept any more: submit it anew`);
    }
    const { generation } = await this.#ask<JobAnswer>((id) => ({ type: verb, id, name }));
    return this.#stored(generation);
  }

  async explain(name: string): Promise<JobExplanation> {
    const live = await this.#ask<JobExplanation | null>((id) => ({ type: "explain", id, name }));
    const stored = this.#options.reader.job(name);
    if (live !== null && live.generation === stored?.generation) return live;
    if (stored === null) {
      throw new IrisError("not_found", `No such job: ${name}`, { field: "name" });
    }
    return explainDone(stored);
  }

  async purge(request: PurgeRequest): Promise<PurgeAnswer> {
    return { purged: await this.#ask<number>((id) => ({ type: "purge", id, request })) };
  }

  register(request: RegisterRequest): Promise<RegisterResponse> {
    return this.#ask((id) => ({ type: "register", id, request }));
  }

  registerEndpoint(request: EndpointRequest): Promise<EndpointView> {
    return this.#ask((id) => ({ type: "register_endpoint", id, request }));
  }

  endpoints(generation: number, name: string | null): EndpointView[] {
    return this.#options.reader.endpoints(generation, name);
  }

  jobOf(generation: number): JobView | null {
    return this.#options.reader.jobByGeneration(generation);
  }

  jobs(filter: JobFilter): JobView[] {
    return this.#options.reader.jobs(filter);
  }

  job(name: string): JobView | null {
    return this.#options.reader.job(name);
  }

  tasks(name: string, page: { offset: number; limit: number }): TaskView[] {
    return this.#options.reader.tasks(name, page);
  }

  task(name: string, of: { index: number; signal: AbortSignal }): Promise<TaskDetail> {
    const { reader, clock, post } = this.#options;
    const source = (worker: string) => this.#workers.find((one) => one.name === worker) ?? null;
    return taskDetail({ reader, clock, post, source }, name, of);
  }

  workers(): WorkerView[] {
    return this.#workers.map((worker) => workerView(worker, this.#options.clock.wall()));
  }

  async drainWorker(name: string, why: string): Promise<WorkerView> {
    const info = await this.#ask<WorkerInfo>((id) => ({ type: "drain_worker", id, name, why }));
    return workerView(info, this.#options.clock.wall());
  }

  async releaseWorker(name: string): Promise<WorkerView> {
    const info = await this.#ask<WorkerInfo>((id) => ({ type: "release_worker", id, name }));
    return workerView(info, this.#options.clock.wall());
  }

  forgotten(generations: readonly number[]): ForgottenResponse {
    const { reader } = this.#options;
    return { cluster: reader.cluster, generations: reader.unknownOf(generations) };
  }

  async *logs(
    name: string,
    { signal, cursor: from, ...choice }: LogsOptions,
  ): AsyncIterable<LogChunk | LogMark> {
    const { reader, clock, post } = this.#options;
    const cursor = from === null ? null : parseJobCursor(from);
    // Who goes on wants the job of before, though another one may have its name by now.
    const job = cursor === null ? reader.job(name) : reader.jobByGeneration(cursor.generation);
    if (job === null || job.name !== name) {
      throw cursor === null
        ? new IrisError("not_found", `No such job: ${name}`, { field: "name" })
        : new IrisError("gone", `The job of this cursor is forgotten`, { field: "cursor" });
    }
    const { generation } = job;
    const either = eitherSignal(signal, this.#closed.signal);
    try {
      yield* followLogs({
        ...{ ...choice, generation, cursor, clock, post },
        ...{ room: this.#logRoom, answers: this.#logAnswers },
        sources: () => this.#sources(generation),
        done: () => reader.jobByGeneration(generation)?.done ?? true,
        changed: (until) => this.changed(name, until),
        signal: either.signal,
      });
    } finally {
      either.done();
    }
  }

  changed(name: string, signal: AbortSignal): Promise<void> {
    if (this.#closed.signal.aborted) return Promise.resolve();
    return this.#waiters.changed(name, signal);
  }

  events(after: string | null, filter: EventFilter): EventPage {
    return eventPage(this.#options.reader, after, filter);
  }

  async *followEvents(after: string | null, of: FollowEvents): AsyncIterable<EventView> {
    const { signal, ...filter } = of;
    const { reader, clock } = this.#options;
    const either = eitherSignal(signal, this.#closed.signal);
    try {
      yield* followEvents({ reader, clock, signal: either.signal }, after, filter);
    } finally {
      either.done();
    }
  }

  async backup(): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const { reader, database } = this.#options;
    const path = `${backupFolder(database)}/${randomHex(8)}`;
    try {
      await reader.copyTo(path);
      checkBackup(path);
      const file = await Deno.open(path, { read: true });
      return file.readable;
    } finally {
      // What is open can still be read.
      await Deno.remove(path).catch(() => {});
    }
  }

  tree(): TreeNode {
    return this.#status?.tree ??
      { name: "iris", kind: "component", state: "starting", ageMs: 0, children: [] };
  }

  async wholeTree({ workers: limit }: { workers: number }): Promise<TreeNode> {
    const tree = await this.#trees.whole({ own: this.tree(), workers: this.#workers, limit });
    return await this.fleet.withManagers(tree);
  }

  health(): Health {
    const problems = [...this.#status?.problems ?? []];
    if (this.#epoch === null) problems.push("core: not heard of yet");
    if (this.#trouble !== null) problems.push(this.#trouble);
    return { ok: problems.length === 0, problems, closing: this.#status?.closing ?? false };
  }

  stopCluster(
    request: ClusterStopRequest,
    asker: string | null = null,
  ): Promise<ClusterStopAnswer> {
    const { main } = this.#options;
    return this.#wait((id) => main.post({ type: "stop_cluster", id, request, asker }));
  }

  /** What the server is to show; null for what it began with. */
  identity(): TlsIdentity | null {
    return this.#status?.tls ?? null;
  }

  /** What the cluster's own callers show. */
  credentials(): ClusterTokens {
    const tokens = this.#status?.tokens;
    if (tokens !== undefined) return tokens;
    throw new IrisError("unavailable", "The controller has only just begun: try again");
  }

  /** Answers everybody who waits, and listens no more. */
  close(): void {
    this.#closed.abort();
    this.live.close();
    this.#trees.close();
    this.fleet.close();
    this.#options.core.onMessage(null);
    this.#options.main.onMessage(null);
    this.#rejectAll(new IrisError("closing", "The server is stopping"));
    this.#waiters.wakeAll();
  }

  #sources(generation: number): LogSource[] {
    const held = new Set(this.#options.reader.workersOf(generation));
    return this.#workers.filter(({ name, state }) => held.has(name) && state !== "refused");
  }

  #stored(generation: number): JobView {
    const job = this.#options.reader.jobByGeneration(generation);
    if (job === null) throw new IrisError("internal", `Job ${generation} is not in the store`);
    return job;
  }

  #ask<T>(message: (id: number) => ServerToCore): Promise<T> {
    return this.#wait((id) => this.#options.core.post(message(id)));
  }

  async #wait<T>(send: (id: number) => void): Promise<T> {
    if (this.#closed.signal.aborted) throw new IrisError("closing", "The server is stopping");
    if (this.#calls.size >= MAX_CALLS) {
      throw new IrisError("unavailable", `More than ${MAX_CALLS} calls wait for an answer`);
    }
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#calls.set(id, { resolve, reject });
    const timer: Timer = this.#options.clock.setTimer(ANSWER_MS, () => {
      reject(new IrisError("timeout", `The controller did not answer within ${ANSWER_MS} ms`));
    });
    send(id);
    try {
      return await promise as T;
    } finally {
      timer.cancel();
      this.#calls.delete(id);
    }
  }

  #fromCore(message: CoreToServer): void {
    switch (message.type) {
      case "begin":
        if (this.#epoch !== null && this.#epoch !== message.epoch) this.#coreBeganAnew();
        this.#epoch = message.epoch;
        return;
      case "job":
        return this.#calls.get(message.id)?.resolve(message);
      case "purged":
        return this.#calls.get(message.id)?.resolve(message.count);
      case "explained":
        return this.#calls.get(message.id)?.resolve(message.explanation);
      case "registered":
        return this.#calls.get(message.id)?.resolve(message.response);
      case "worker":
        return this.#calls.get(message.id)?.resolve(message.worker);
      case "endpoint":
        return this.#calls.get(message.id)?.resolve(message.endpoint);
      case "done":
        return this.#calls.get(message.id)?.resolve(null);
      case "refused":
        return this.#refused(message.id, message.refusal);
      case "trouble":
        this.#trouble = message.line;
        return;
      case "changed":
        for (const name of message.names) this.#waiters.wake(name);
        return;
      case "workers":
        this.#workers = message.workers;
        this.live.look();
        return;
    }
  }

  #fromMain(message: MainToServer): void {
    switch (message.type) {
      case "status":
        this.#status = message;
        return;
      case "stop_managers":
        // owner: this bridge, whose end ends the links.
        return void this.#stopManagers(message);
      case "rotated":
        if (this.#status !== null) this.#status = { ...this.#status, tokens: message.tokens };
        return this.#calls.get(message.id)?.resolve(null);
      case "stopping":
        return this.#calls.get(message.id)?.resolve(message.answer);
      case "refused":
        return this.#refused(message.id, message.refusal);
    }
  }

  async #stopManagers({ id, remainingMs }: { id: number; remainingMs: number }): Promise<void> {
    const managers = await this.fleet.links.stopAll(remainingMs);
    this.#options.main.post({ type: "managers_stopped", id, managers });
  }

  #refused(id: number, { code, message, field }: Refusal): void {
    const error = new IrisError(code, message, field === undefined ? {} : { field });
    this.#calls.get(id)?.reject(error);
  }

  /** What the core had not answered it never will; whether it did it is in the store. */
  #coreBeganAnew(): void {
    this.#rejectAll(
      new IrisError("unavailable", "The controller was restarted meanwhile: look, then try again"),
    );
    this.#waiters.wakeAll();
  }

  #rejectAll(error: IrisError): void {
    for (const { reject } of this.#calls.values()) reject(error);
  }
}
