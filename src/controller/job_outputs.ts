/**
 * The kept outputs of jobs: which task's are where, and their bytes, straight from the worker that
 * has them. Used in the server isolate; keeps nothing.
 */
import type { Clock } from "../base/clock.ts";
import { eitherSignal } from "../base/either_signal.ts";
import { IrisError, messageOf } from "../base/errors.ts";
import type { PostJson } from "../heartbeat/reconcile_call.ts";
import type { JobView, TaskResult, TaskView } from "../wire/api.ts";
import {
  checkedBody,
  type JobOutputs,
  type KeptOutput,
  type OutputGap,
  type OutputRequest,
  OUTPUTS_RESPONSE_SCHEMA,
  type OutputsRequest,
  type OutputView,
} from "../wire/shipping.ts";
import type { LogSource } from "./log_follower.ts";
import type { OutputsApi } from "./shipping_api.ts";
import { type PostForStream, whenDone } from "./stream_call.ts";
import { type ResultsReader, taskResults } from "./task_results.ts";

/** Gaps that are named one by one. */
const NAMED_GAPS = 1_000;
/** Tasks read from the store at a time. */
const PAGE = 10_000;
/** How long a worker may take to say what it has, in ms. */
const LIST_MS = 10_000;

/** What is needed for it. */
export interface JobOutputsOptions {
  readonly job: (name: string) => JobView | null;
  readonly tasks: (name: string, page: { offset: number; limit: number }) => TaskView[];
  /** Owned by whoever made it. */
  readonly reader: ResultsReader;
  /** Workers that are known now, and may have something of a job. */
  readonly sources: (generation: number) => readonly LogSource[];
  readonly post: PostJson;
  readonly stream: PostForStream;
  readonly clock: Clock;
  /** The server is stopping. */
  readonly closed: AbortSignal;
}

type Listed = ReadonlyMap<string, KeptOutput> | { readonly why: string };

/** See the head of this file. */
export class JobOutputsReader implements OutputsApi {
  readonly #options: JobOutputsOptions;

  /** @param options where jobs, tasks and workers are found */
  constructor(options: JobOutputsOptions) {
    this.#options = options;
  }

  results(name: string, page: { offset: number; limit: number }): TaskResult[] {
    return taskResults(this.#options.reader, name, page);
  }

  async list(name: string): Promise<JobOutputs> {
    const job = this.#job(name);
    const listed = new Map<string, Listed>();
    await Promise.all(
      this.#options.sources(job.generation).map(async (source) => {
        listed.set(source.name, await this.#ask(source, job.generation));
      }),
    );
    const outputs: OutputView[] = [];
    const gaps: OutputGap[] = [];
    let gapCount = 0;
    for (let offset = 0; offset < job.replicas; offset += PAGE) {
      for (const task of this.#options.tasks(name, { offset, limit: PAGE })) {
        const found = outputOf(task, listed);
        if ("worker" in found) {
          outputs.push(found);
        } else if (found.why !== null && gapCount++ < NAMED_GAPS) {
          gaps.push({ task: task.index, why: found.why });
        }
      }
    }
    return { outputs, gaps, gapCount };
  }

  async open(
    name: string,
    index: number,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const { generation } = this.#job(name);
    const [task] = this.#options.tasks(name, { offset: index, limit: 1 });
    if (task === undefined) {
      throw new IrisError("not_found", `${name} has no task ${index}`, { field: "task" });
    }
    const { attempt, worker } = task;
    const source = this.#options.sources(generation).find((one) => one.name === worker);
    if (attempt === null || source === undefined) {
      const why = worker === null ? "it has not run" : `worker ${worker} is gone`;
      throw new IrisError("unavailable", `There is nothing of task ${index}: ${why}`);
    }
    const request: OutputRequest = { generation, index, attempt };
    const either = eitherSignal(signal, this.#options.closed);
    try {
      const to = { ...source, path: "/v1/output" };
      return whenDone(await this.#options.stream(to, request, either.signal), either.done);
    } catch (error) {
      either.done();
      throw error;
    }
  }

  #job(name: string): JobView {
    const job = this.#options.job(name);
    if (job === null) throw new IrisError("not_found", `No such job: ${name}`, { field: "name" });
    if (job.spec.outputBytes !== null) return job;
    throw new IrisError("conflict", `${name} was not submitted with --outputs: nothing is kept`);
  }

  async #ask(source: LogSource, generation: number): Promise<Listed> {
    const { post, clock, closed } = this.#options;
    const abort = new AbortController();
    const onAbort = () => abort.abort();
    const timer = clock.setTimer(LIST_MS, onAbort);
    closed.addEventListener("abort", onAbort, { once: true });
    if (closed.aborted) onAbort();
    try {
      const request: OutputsRequest = { generation };
      const answer = await post({ ...source, path: "/v1/outputs" }, request, abort.signal);
      const { outputs } = checkedBody(OUTPUTS_RESPONSE_SCHEMA, answer);
      return new Map(outputs.map((one) => [`${one.index}.${one.attempt}`, one]));
    } catch (error) {
      return { why: `worker ${source.name} does not answer: ${messageOf(error)}` };
    } finally {
      timer.cancel();
      closed.removeEventListener("abort", onAbort);
    }
  }
}

/** Where a task's output is, or why it is not; without a reason when it wrote nothing. */
function outputOf(
  task: TaskView,
  listed: ReadonlyMap<string, Listed>,
): OutputView | { readonly why: string | null } {
  const { index, attempt, worker, state } = task;
  if (attempt === null || worker === null) return { why: null };
  if (state === "PENDING" || state === "ASSIGNED" || state === "BUILDING") {
    return { why: "it waits to run" };
  }
  if (state === "RUNNING") return { why: "it still runs" };
  const there = listed.get(worker);
  if (there === undefined) return { why: `worker ${worker} is gone` };
  if (!(there instanceof Map)) return there as { why: string };
  const kept = there.get(`${index}.${attempt}`) as KeptOutput | undefined;
  if (kept === undefined) return { why: null };
  if (kept.gone) return { why: `worker ${worker} does not keep it any more` };
  const { files, bytes, note } = kept;
  return { task: index, attempt, worker, files, bytes, note };
}
