/**
 * One task with what it handed back and what it used: from the store when it ended, from its worker
 * while it runs, and what was not stored from there as well. Used in the server isolate.
 */
import type { Clock } from "../base/clock.ts";
import { IrisError, messageOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { PostJson } from "../heartbeat/reconcile_call.ts";
import type { StoreReader } from "../store/reader.ts";
import type { TaskDetail, TaskView } from "../wire/api.ts";
import type { ProgressRequest, ProgressResponse } from "../wire/progress.ts";
import {
  mayReturn,
  parseReturned,
  progressOf,
  type Returned,
  type TaskProgress,
} from "../wire/returned.ts";
import type { EndedUsage, UsageResponse } from "../wire/usage.ts";
import { parseUsageResponse } from "../wire/usage_schema.ts";
import type { LogSource } from "./log_follower.ts";

/** How long a worker may take to say how far a task is and what it uses, in ms. */
const ANSWER_MS = 2_000;

/** What is needed for it. */
export interface TaskDetailOptions {
  readonly reader: StoreReader;
  readonly clock: Clock;
  readonly post: PostJson;
  /** Where a worker is reached; null for one that is not there. */
  readonly source: (worker: string) => LogSource | null;
}

/** See the head of this file. @throws {IrisError} `not_found` */
export async function taskDetail(
  options: TaskDetailOptions,
  name: string,
  of: { index: number; signal: AbortSignal },
): Promise<TaskDetail> {
  const { reader } = options;
  const job = reader.job(name);
  const [task] = reader.tasks(name, { offset: of.index, limit: 1 });
  if (job === null || task === undefined) {
    throw new IrisError("not_found", `No such task: ${name}/${of.index}`, { field: "index" });
  }
  const { generation } = job;
  const none: TaskDetail = {
    ...{ ...task, generation, result: null, progress: null, usage: null, used: null },
  };
  if (task.attempt === null) return none;
  const key = { generation, index: task.index, attempt: task.attempt };
  const asked = new Asked(options, task, of.signal);
  if (task.state === "RUNNING") {
    const [progress, usage] = await Promise.all([
      mayReturn(job.spec) ? asked.progress(key) : null,
      asked.usage(key),
    ]);
    return { ...none, progress, usage: usage?.running ?? null };
  }
  const { result = null, progress = null, usage } = storedReturn(reader, key);
  if (usage !== undefined) return { ...none, result, progress, used: usage };
  return { ...none, result, progress, used: (await asked.usage(key))?.ended ?? null };
}

/** What an attempt used, if that was stored with its end. */
export function storedUsage(reader: StoreReader, key: ProgressRequest): EndedUsage | null {
  return storedReturn(reader, key).usage ?? null;
}

function storedReturn(reader: StoreReader, key: ProgressRequest): Returned {
  const { generation, index, attempt } = key;
  const text = reader.returned(generation, { task: index, attempt });
  return text === null ? {} : parseReturned(text);
}

/** Questions to the worker of a task; null when it does not answer, or has nothing to say. */
class Asked {
  readonly #options: TaskDetailOptions;
  readonly #task: TaskView;
  readonly #signal: AbortSignal;

  constructor(options: TaskDetailOptions, task: TaskView, signal: AbortSignal) {
    this.#options = options;
    this.#task = task;
    this.#signal = signal;
  }

  async progress(key: ProgressRequest): Promise<TaskProgress | null> {
    const answer = await this.#ask("/v1/progress", key);
    const { progress = null } = (answer ?? {}) as Partial<ProgressResponse>;
    return progress === null ? null : progressOf(progress, Number(progress.atMs) || 0);
  }

  async usage(key: ProgressRequest): Promise<UsageResponse["attempts"][number] | null> {
    const answer = await this.#ask("/v1/usage", { attempts: [key] });
    if (answer === null) return null;
    try {
      return parseUsageResponse(answer).attempts[0] ?? null;
    } catch {
      return null;
    }
  }

  async #ask(path: string, body: unknown): Promise<unknown> {
    const { source, post, clock } = this.#options;
    const worker = source(this.#task.worker ?? "");
    if (worker === null) return null;
    const abort = new AbortController();
    const onAbort = () => abort.abort();
    this.#signal.addEventListener("abort", onAbort, { once: true });
    if (this.#signal.aborted) onAbort();
    const timer = clock.setTimer(ANSWER_MS, onAbort);
    try {
      return await post({ ...worker, path }, body, abort.signal);
    } catch (error) {
      logger("server").info`${path} of ${this.#task.name} could not be read: ${messageOf(error)}`;
      return null;
    } finally {
      timer.cancel();
      this.#signal.removeEventListener("abort", onAbort);
    }
  }
}
