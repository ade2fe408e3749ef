/**
 * One task with what it handed back: from the store when it ended, from its worker while it runs.
 * Used in the server isolate.
 */
import type { Clock } from "../base/clock.ts";
import { IrisError, messageOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { PostJson } from "../heartbeat/reconcile_call.ts";
import type { StoreReader } from "../store/reader.ts";
import type { TaskDetail, TaskView } from "../wire/api.ts";
import type { ProgressRequest, ProgressResponse } from "../wire/progress.ts";
import { mayReturn, parseReturned, progressOf, type TaskProgress } from "../wire/returned.ts";
import type { LogSource } from "./log_follower.ts";

/** How long a worker may take to say how far a task is, in ms. */
const PROGRESS_MS = 2_000;

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
  const none = { ...task, generation, result: null, progress: null };
  if (task.attempt === null || !mayReturn(job.spec)) return none;
  const key = { generation, index: task.index, attempt: task.attempt };
  if (task.state === "RUNNING") {
    return { ...none, progress: await progressNow(options, task, { key, signal: of.signal }) };
  }
  const text = reader.returned(generation, { task: task.index, attempt: task.attempt });
  if (text === null) return none;
  const { result = null, progress = null } = parseReturned(text);
  return { ...none, result, progress };
}

/** What the worker says; null when it does not answer, or the task said nothing. */
async function progressNow(
  { source, post, clock }: TaskDetailOptions,
  task: TaskView,
  of: { key: ProgressRequest; signal: AbortSignal },
): Promise<TaskProgress | null> {
  const worker = source(task.worker ?? "");
  if (worker === null) return null;
  const abort = new AbortController();
  const onAbort = () => abort.abort();
  of.signal.addEventListener("abort", onAbort, { once: true });
  if (of.signal.aborted) onAbort();
  const timer = clock.setTimer(PROGRESS_MS, onAbort);
  try {
    const answer = await post({ ...worker, path: "/v1/progress" }, of.key, abort.signal);
    const { progress = null } = answer as Partial<ProgressResponse>;
    return progress === null ? null : progressOf(progress, Number(progress.atMs) || 0);
  } catch (error) {
    logger("server").info`how far ${task.name} is could not be read: ${messageOf(error)}`;
    return null;
  } finally {
    timer.cancel();
    of.signal.removeEventListener("abort", onAbort);
  }
}
