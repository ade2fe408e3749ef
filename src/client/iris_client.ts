/**
 * The client of a controller's API: one method for each call. Needs `fetch` only. Every call has a
 * deadline or takes a signal. What is convenient to write lies above it, in `iris.ts`.
 */
import { IrisError } from "../base/errors.ts";
import { randomHex } from "../base/ids.ts";
import { TokenClient } from "./token_client.ts";
import type { StopReport, TreeNode } from "../lifecycle/part.ts";
import type {
  ClusterStopAnswer,
  ClusterStopRequest,
  EventPage,
  EventView,
  JobExplanation,
  JobView,
  LogChunk,
  PurgeAnswer,
  SubmittedJob,
  TaskDetail,
  TaskResult,
  TaskView,
  WorkerView,
} from "../wire/api.ts";
import type { EndpointRequest, EndpointView } from "../wire/endpoints.ts";
import type { ExecRequest } from "../wire/exec.ts";
import type { BundleAnswer, BundleOffer, JobOutputs } from "../wire/shipping.ts";
import type { HostUsage, Signalled, TaskUsage } from "../wire/usage.ts";
import type { OpenEvents } from "./event_stream.ts";
import { ExecStream, type TakeOutput } from "./exec_stream.ts";
import { FleetClient } from "./fleet_client.ts";
import type { JobRequest } from "./job_request.ts";
import type { LogsRequest, OpenLogs } from "./log_stream.ts";
import {
  bodyOf,
  type CallLimits,
  type ClientOptions,
  type JsonOptions,
  Transport,
} from "./transport.ts";

export type { ClientOptions } from "./transport.ts";

/** What a submit may say; what is left out gets its default from the controller. */
export type SubmitRequest = Readonly<Record<string, unknown>> & {
  readonly argv: readonly string[];
};

/** Where a task can be reached; what is left out gets its default from the controller. */
export type EndpointRegistration =
  & Pick<EndpointRequest, "job" | "task" | "attempt" | "name" | "port">
  & Partial<Pick<EndpointRequest, "host" | "metadata">>;

/** One `wait` call is held at most this long by the server, in ms. */
const WAIT_MS = 20_000;

/** Whose jobs short names mean, when nobody says. */
export const DEFAULT_USER = "local";

/** Speaks to one controller: a method for each call of its API. */
export class IrisClient {
  readonly #transport: Transport;
  /** Tokens, and who one is. */
  readonly tokens = new TokenClient((method, path, options) => this.#json(method, path, options));
  /** VMs and scale groups. */
  readonly fleet = new FleetClient((method, path, options) => this.#json(method, path, options));

  /** @param options where the controller is, and the token to show */
  constructor(options: ClientOptions | Transport) {
    this.#transport = options instanceof Transport ? options : new Transport(options);
  }

  /** The same client, whose calls have further limits. */
  with(limits: CallLimits): IrisClient {
    return new IrisClient(this.#transport.with(limits));
  }

  /** Where the controller is. */
  get url(): string {
    return this.#transport.options.url;
  }

  /**
   * Submits a job; it is durable when this resolves. When no answer comes it is tried again under the
   * same key, which makes it one job.
   *
   * @param options.key names the submit; a random one when left out
   * @throws {IrisError} as the API answers
   */
  submit(
    request: JobRequest | SubmitRequest,
    options: { readonly key?: string } = {},
  ): Promise<SubmittedJob> {
    const { key = randomHex(16) } = options;
    return this.#json("POST", "/api/v1/jobs", { body: request, key });
  }

  /** A job's full name: a short one means a job of one's own. */
  fullName(name: string): string {
    return name.startsWith("/") ? name : `/${this.#transport.options.user ?? DEFAULT_USER}/${name}`;
  }

  /** The controller's version. */
  async version(): Promise<string> {
    return (await this.#json<{ version: string }>("GET", "/api/v1/version")).version;
  }

  /** Jobs, newest first. */
  jobs(
    filter: { state?: string; user?: string; sinceMs?: number; limit?: number } = {},
  ): Promise<JobView[]> {
    const query = new URLSearchParams();
    if (filter.state !== undefined) query.set("state", filter.state);
    if (filter.user !== undefined) query.set("user", filter.user);
    if (filter.sinceMs !== undefined) query.set("since", String(Math.floor(filter.sinceMs)));
    if (filter.limit !== undefined) query.set("limit", String(filter.limit));
    return this.#json("GET", `/api/v1/jobs?${query}`);
  }

  /** One job. @throws {IrisError} `not_found` */
  job(name: string, signal?: AbortSignal): Promise<JobView> {
    return this.#json("GET", jobPath(name), { signal });
  }

  /** Tasks of a job, in index order. */
  tasks(name: string, page: { offset?: number; limit?: number } = {}): Promise<TaskView[]> {
    const query = new URLSearchParams({
      offset: String(page.offset ?? 0),
      limit: String(page.limit ?? 100),
    });
    return this.#json("GET", `${jobPath(name)}/tasks?${query}`);
  }

  /** One task, with its result and how far it is. @throws {IrisError} `not_found` */
  task(name: string, index: number): Promise<TaskDetail> {
    return this.#json("GET", `${jobPath(name)}/tasks/${index}`);
  }

  /**
   * Tasks from an index on that have ended, with what they handed back, up to the first that has not.
   *
   * @param page.waitMs how long to wait for the first of them, at most 30,000
   */
  results(
    name: string,
    page: { offset?: number; limit?: number; waitMs?: number } = {},
  ): Promise<TaskResult[]> {
    const query = new URLSearchParams(
      Object.entries(page).map(([word, value]) => [word, String(value)]),
    );
    const { waitMs = 0 } = page;
    return this.#json("GET", `${jobPath(name)}/results?${query}`, { heldMs: waitMs });
  }

  /** Why a job is not further than it is. @throws {IrisError} `not_found` */
  explain(name: string): Promise<JobExplanation> {
    return this.#json("GET", `${jobPath(name)}/explain`);
  }

  /** Forgets jobs that are done: those named, or those that ended long enough ago. */
  purge(request: { jobs?: readonly string[]; olderThanMs?: number }): Promise<PurgeAnswer> {
    return this.#json("POST", "/api/v1/purge", { body: request });
  }

  /** Asks a job to end. */
  stopJob(name: string): Promise<JobView> {
    return this.#json("POST", `${jobPath(name)}/stop`, { repeat: true });
  }

  /** Whether the controller has a bundle. @throws {IrisError} when it would not take it */
  offerBundle(offer: BundleOffer): Promise<BundleAnswer> {
    return this.#json("POST", "/api/v1/bundles", { body: offer });
  }

  /** Sends a bundle: the archive of which `hash` is the SHA-256, in hex. */
  async sendBundle(
    hash: string,
    body: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>,
    signal?: AbortSignal,
  ): Promise<BundleAnswer> {
    const path = `/api/v1/bundles/${hash}`;
    const { response, done } = await this.#transport.open("PUT", path, { body, signal });
    try {
      return await response.json() as BundleAnswer;
    } finally {
      done();
    }
  }

  /** What is kept of what a job's tasks wrote into their output folders. */
  outputs(name: string): Promise<JobOutputs> {
    return this.#json("GET", `${jobPath(name)}/outputs`);
  }

  /** What is kept of one task, as a tar archive. */
  async output(
    name: string,
    task: number,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const path = `${jobPath(name)}/outputs/${task}`;
    return bodyOf(await this.#transport.open("GET", path, { signal }));
  }

  /** Places nothing more of a job; what runs of it goes on. */
  holdJob(name: string): Promise<JobView> {
    return this.#json("POST", `${jobPath(name)}/hold`, { repeat: true });
  }

  /** Lets a held job be placed. */
  releaseJob(name: string): Promise<JobView> {
    return this.#json("POST", `${jobPath(name)}/release`, { repeat: true });
  }

  /** Runs the tasks of a job that did not succeed again, as a new job of its name. */
  retryJob(name: string): Promise<JobView> {
    return this.#json("POST", `${jobPath(name)}/retry`);
  }

  /** Where tasks of a job can be reached, as far as their attempts live. */
  endpoints(name: string, of: { name?: string } = {}): Promise<EndpointView[]> {
    return this.#json("GET", `${jobPath(name)}/endpoints?${new URLSearchParams(of)}`);
  }

  /**
   * Resolves as soon as so many endpoints of a job have a name.
   *
   * @throws {IrisError} `conflict` when the job is over before
   */
  async waitEndpoints(
    name: string,
    of: { name: string; count: number; signal?: AbortSignal },
  ): Promise<EndpointView[]> {
    const query = new URLSearchParams({
      ...{ name: of.name, count: String(of.count), waitMs: String(WAIT_MS) },
    });
    for (;;) {
      const found = await this.#json<EndpointView[]>("GET", `${jobPath(name)}/endpoints?${query}`, {
        ...{ signal: of.signal, heldMs: WAIT_MS },
      });
      if (found.length >= of.count) return found;
      of.signal?.throwIfAborted();
      const job = await this.job(name);
      if (job.done) {
        const message = `Job ${job.name} is over: it has ${found.length} endpoints ${of.name}`;
        throw new IrisError("conflict", message);
      }
    }
  }

  /** Says where a task can be reached; gone with its attempt. For tasks, by their token. */
  registerEndpoint(request: EndpointRegistration): Promise<EndpointView> {
    return this.#json("POST", "/api/v1/endpoints", { body: request });
  }

  /** Resolves when the job is over and nothing of it is left. */
  async wait(name: string, signal?: AbortSignal): Promise<JobView> {
    for (;;) {
      const job = await this.#json<JobView>("GET", `${jobPath(name)}/wait?waitMs=${WAIT_MS}`, {
        ...{ signal, heldMs: WAIT_MS },
      });
      if (job.done) return job;
      signal?.throwIfAborted();
    }
  }

  /**
   * What a job wrote, chunk by chunk; with `follow`, until it is done. A connection that is lost is
   * made anew, and goes on where it was: nothing is left out and nothing told twice.
   *
   * @throws {IrisError} as the API answers; `unavailable` when no controller can be reached for long
   */
  async *logs(name: string, options: LogsRequest = {}): AsyncGenerator<LogChunk> {
    const { readLogs } = await import("./log_stream.ts");
    const open: OpenLogs = (query, { cursor, signal }) =>
      this.#transport.open(cursor === null ? "GET" : "POST", `${jobPath(name)}/logs?${query}`, {
        signal,
        ...(cursor === null ? {} : { body: JSON.stringify({ cursor }) }),
      });
    const { giveUpMs } = this.#transport;
    const patience = giveUpMs === undefined ? {} : { giveUpMs };
    const { signal, done } = this.#transport.until(options.signal);
    try {
      yield* readLogs(open, { ...patience, ...options, signal });
    } finally {
      done();
    }
  }

  /**
   * Every change after a cursor (from now on when left out), as it comes, until the signal aborts. The
   * connection is made anew when it is lost: nothing is left out and nothing told twice.
   *
   * @throws {IrisError} `gone` when what came after the cursor is not kept any more
   */
  async *events(
    options: { after?: string; job?: string; signal?: AbortSignal } = {},
  ): AsyncGenerator<EventView> {
    const { followEvents } = await import("./event_stream.ts");
    const after = options.after ?? (await this.eventPage({ limit: 1 })).cursor;
    const open: OpenEvents = (query, signal) =>
      this.#transport.open("GET", `/api/v1/events?${query}`, { signal });
    const { signal, done } = this.#transport.until(options.signal);
    try {
      const { giveUpMs } = this.#transport;
      yield* followEvents(open, { ...options, after, giveUpMs, signal });
    } catch (error) {
      if (!options.signal?.aborted) throw error;
    } finally {
      done();
    }
  }

  /** A page of changes, and the cursor for the next one. */
  eventPage(options: { after?: string; job?: string; limit?: number } = {}): Promise<EventPage> {
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    const query = new URLSearchParams(given.map(([key, value]) => [key, String(value)]));
    return this.#json("GET", `/api/v1/events?${query}`);
  }

  /** Workers that registered. */
  workers(): Promise<WorkerView[]> {
    return this.#json("GET", "/api/v1/workers");
  }

  /** One worker. @throws {IrisError} `not_found` */
  worker(name: string): Promise<WorkerView> {
    return this.#json("GET", workerPath(name));
  }

  /** Gives a worker no new tasks; what runs there goes on. @throws {IrisError} `not_found` */
  drainWorker(name: string, why?: string): Promise<WorkerView> {
    return this.#json("POST", `${workerPath(name)}/drain`, {
      body: why === undefined ? {} : { why },
    });
  }

  /** Gives tasks again to a worker that was drained or set aside. @throws {IrisError} `not_found` */
  releaseWorker(name: string): Promise<WorkerView> {
    return this.#json("POST", `${workerPath(name)}/release`);
  }

  /** What the latest attempt of a task uses, or used. */
  taskUsage(job: string, index: number): Promise<TaskUsage> {
    return this.#json("GET", `${taskPath(job, index)}/usage`);
  }

  /** What a worker's host uses. */
  hostUsage(worker: string): Promise<HostUsage> {
    return this.#json("GET", `${workerPath(worker)}/usage`);
  }

  /** Sends a signal to a running task. @throws {IrisError} `conflict` when it does not run */
  signalTask(job: string, index: number, signal: string): Promise<Signalled> {
    return this.#json("POST", `${taskPath(job, index)}/signal`, { body: { signal } });
  }

  /** Sends a signal to every running task of a job. */
  signalJob(job: string, signal: string): Promise<Signalled> {
    return this.#json("POST", `${jobPath(job)}/signal`, { body: { signal } });
  }

  /** Runs a command beside a running task; `output` takes what it writes. */
  exec(
    job: string,
    index: number,
    of: ExecRequest & { readonly output: TakeOutput },
  ): ExecStream {
    const { output, ...request } = of;
    const { url, socket = openSocket } = this.#transport.options;
    const address = `${url.replace(/^http/, "ws")}${taskPath(job, index)}/exec`;
    return new ExecStream(socket(address, this.#transport.headers()), { request, output });
  }

  /** The live ownership tree, with those of so many workers of other hosts. */
  tree({ workers = 0 }: { workers?: number } = {}): Promise<TreeNode> {
    return this.#json("GET", workers === 0 ? "/api/v1/tree" : `/api/v1/tree?workers=${workers}`);
  }

  /** A fresh one-time link to the status page. */
  loginLink(): Promise<{ url: string }> {
    return this.#json("POST", "/api/v1/login-links");
  }

  /** The cluster's whole database as it is now, as a file of SQLite. */
  async backup(signal?: AbortSignal): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    return bodyOf(await this.#transport.open("GET", "/api/v1/cluster/backup", { signal }));
  }

  /** Begins the stop of the whole cluster. */
  stopCluster(request: ClusterStopRequest): Promise<ClusterStopAnswer> {
    return this.#json("POST", "/api/v1/cluster/stop", { body: request });
  }

  /** Fetches the report of a stop from where its answer said; waits for it within `timeoutMs`. */
  stopReport(answer: ClusterStopAnswer, timeoutMs: number): Promise<StopReport> {
    return this.#transport.elsewhere(answer.reportUrl, timeoutMs);
  }

  #json<T>(method: string, path: string, options: JsonOptions = {}): Promise<T> {
    return this.#transport.json(method, path, options);
  }
}

function jobPath(name: string): string {
  return `/api/v1/jobs/${encodeURIComponent(name)}`;
}

function workerPath(name: string): string {
  return `/api/v1/workers/${encodeURIComponent(name)}`;
}

function openSocket(url: string, headers: Readonly<Record<string, string>>): WebSocket {
  // Deno and Node 22 take headers; a browser has no way to send them.
  const Socket = WebSocket as unknown as new (url: string, options: unknown) => WebSocket;
  return new Socket(url, { headers });
}

function taskPath(job: string, index: number): string {
  return `${jobPath(job)}/tasks/${index}`;
}
