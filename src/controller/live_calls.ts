/**
 * Asks workers about what runs on them now. Used in the server isolate; owns the sockets of commands
 * beside tasks, which end when it is closed.
 */
import type { Clock } from "../base/clock.ts";
import { IrisError, messageOf } from "../base/errors.ts";
import type { PostJson } from "../heartbeat/reconcile_call.ts";
import type { StoreReader } from "../store/reader.ts";
import type { ErrorBody, TaskView } from "../wire/api.ts";
import { isErrorCode } from "../wire/error_table.ts";
import type { TaskSignal } from "../wire/signals.ts";
import type { HostUsage, Signalled, SignalRequest, TaskUsage } from "../wire/usage.ts";
import { parseSignalled, parseUsageResponse } from "../wire/usage_schema.ts";
import { type ConnectSocket, ExecProxies, type ExecTarget } from "./exec_proxy.ts";
import type { LiveApi } from "./live_api.ts";
import { storedUsage } from "./task_detail.ts";
import type { WorkerInfo } from "./messages.ts";

/** How long a worker may take to answer, in ms. */
const ANSWER_MS = 8_000;

/** What it is made of. */
export interface LiveCallsOptions {
  readonly reader: StoreReader;
  readonly workers: () => readonly WorkerInfo[];
  readonly post: PostJson;
  readonly connect: ConnectSocket;
  readonly clock: Clock;
}

/** A task with an attempt, and where that is or was. */
interface Found {
  readonly generation: number;
  readonly task: TaskView;
  readonly worker: WorkerInfo | null;
}

/** See the head of this file. */
export class LiveCalls implements LiveApi {
  readonly #options: LiveCallsOptions;
  readonly #proxies: ExecProxies;

  /** @param options where tasks and workers are looked up, and how workers are reached */
  constructor(options: LiveCallsOptions) {
    this.#options = options;
    const { connect, clock } = options;
    this.#proxies = new ExecProxies({ connect, clock });
  }

  async taskUsage(job: string, index: number): Promise<TaskUsage> {
    const { generation, task, worker } = this.#find(job, index);
    const { name, attempt } = task;
    const about = { task: name, attempt, worker: task.worker };
    if (attempt === null) return { ...about, running: null, ended: null };
    const key = { generation, index, attempt };
    const nothing = { ...about, running: null, ended: storedUsage(this.#options.reader, key) };
    if (nothing.ended !== null || worker === null) return nothing;
    const body = { attempts: [key] };
    try {
      const answer = parseUsageResponse(await this.#ask(worker, "/v1/usage", body));
      return { ...about, ...answer.attempts[0] ?? { running: null, ended: null } };
    } catch (error) {
      // A task that is over is shown all the same, though its worker is gone.
      if (task.state !== "RUNNING" && error instanceof IrisError) return nothing;
      throw error;
    }
  }

  async hostUsage(name: string): Promise<HostUsage> {
    const worker = this.#options.workers().find((one) => one.name === name);
    if (worker === undefined) {
      throw new IrisError("not_found", `No such worker: ${name}`, { field: "worker" });
    }
    return parseUsageResponse(await this.#ask(worker, "/v1/usage", { attempts: [] })).host;
  }

  async signal(job: string, index: number | null, signal: TaskSignal): Promise<Signalled> {
    if (index === null) return await this.#signalAll(job, signal);
    const { generation, attempt, worker } = this.#running(job, index);
    const request: SignalRequest = { generation, attempt: { index, attempt }, signal };
    return parseSignalled(await this.#ask(worker, "/v1/signal", request));
  }

  exec(socket: WebSocket, job: string, index: number): void {
    this.#proxies.take(socket, () => this.#running(job, index));
  }

  /** The workers changed: commands on one that is lost end. */
  look(): void {
    const alive = new Set(
      this.#options.workers().filter(({ state }) => state !== "lost").map(({ name }) => name),
    );
    this.#proxies.look(alive);
  }

  /** Ends every command. */
  close(): void {
    this.#proxies.close();
  }

  async #signalAll(job: string, signal: TaskSignal): Promise<Signalled> {
    const generation = this.#generation(job);
    const held = new Set(this.#options.reader.workersOf(generation));
    const workers = this.#options.workers().filter(({ name, state }) =>
      held.has(name) && state !== "lost"
    );
    const request: SignalRequest = { generation, attempt: null, signal };
    const results = await Promise.allSettled(
      workers.map(async (worker) =>
        parseSignalled(await this.#ask(worker, "/v1/signal", request)).signalled
      ),
    );
    const signalled = results.reduce(
      (sum, one) => sum + (one.status === "fulfilled" ? one.value : 0),
      0,
    );
    const failed = results.find((one) => one.status === "rejected");
    if (failed === undefined) return { signalled };
    const why = messageOf(failed.reason);
    throw new IrisError("unavailable", `${signalled} tasks got ${signal}, others not: ${why}`);
  }

  /** @throws {IrisError} `conflict` when it does not run */
  #running(job: string, index: number): ExecTarget {
    const { generation, task, worker } = this.#find(job, index);
    const { name, state, attempt } = task;
    if (state !== "RUNNING" || attempt === null) {
      throw new IrisError("conflict", `${name} is not running: it is ${state}`);
    }
    if (worker === null || worker.state === "lost") {
      throw new IrisError("unavailable", `${name} is on worker ${task.worker}, which is lost`);
    }
    return { generation, index, attempt, worker };
  }

  #generation(job: string): number {
    const found = this.#options.reader.job(job);
    if (found !== null) return found.generation;
    throw new IrisError("not_found", `No such job: ${job}`, { field: "name" });
  }

  #find(job: string, index: number): Found {
    const generation = this.#generation(job);
    const task = this.#options.reader.tasks(job, { offset: index, limit: 1 })[0];
    if (task === undefined) {
      throw new IrisError("not_found", `No such task: ${job}/${index}`, { field: "index" });
    }
    const worker = this.#options.workers().find(({ name }) => name === task.worker) ?? null;
    return { generation, task, worker };
  }

  /** @throws {IrisError} what the worker says, or `unavailable` when it does not */
  async #ask(worker: WorkerInfo, path: string, body: unknown): Promise<unknown> {
    const abort = new AbortController();
    const timer = this.#options.clock.setTimer(ANSWER_MS, () => abort.abort());
    const { name, url, token, certificate } = worker;
    try {
      return await this.#options.post({ url, token, certificate, path }, body, abort.signal);
    } catch (error) {
      throw saidBy(error) ??
        new IrisError("unavailable", `Worker ${name} does not answer: ${messageOf(error)}`, {
          cause: error,
        });
    } finally {
      timer.cancel();
    }
  }
}

/** The error in a worker's answer, or null when there is none. */
function saidBy(failure: unknown): IrisError | null {
  if (!(failure instanceof IrisError) || typeof failure.cause !== "string") return null;
  try {
    const { error } = JSON.parse(failure.cause) as ErrorBody;
    // A path that it does not know: it is of an older version.
    if (!isErrorCode(error.code) || error.code === "not_found") return null;
    return new IrisError(error.code, error.message);
  } catch {
    return null;
  }
}
