/**
 * One job that was submitted: waits for it, reads what its tasks wrote and handed back, stops it. It
 * means this job alone: when another one gets its name, calls but `get` and `wait` fail with `gone`.
 */
import { systemClock } from "../base/clock.ts";
import { fromBase64 } from "../base/base64.ts";
import { IrisError } from "../base/errors.ts";
import type {
  EventView,
  JobExplanation,
  JobView,
  TaskDetail,
  TaskResult,
  TaskView,
} from "../wire/api.ts";
import type { EndpointView } from "../wire/endpoints.ts";
import { ConnectionError, JobError, TaskError } from "./errors.ts";
import type { IrisClient } from "./iris_client.ts";
import { type LogLine, logLines, type LogPiece } from "./log_lines.ts";
import type { LogsRequest } from "./log_stream.ts";
import { Sequence } from "./sequence.ts";
import { endOf, type TaskEnd } from "./task_end.ts";

/** What ends a wait or a stream before its time. */
export interface Until {
  /** Rejects with its reason, and lets go of the connection. */
  readonly signal?: AbortSignal | undefined;
}

/** How to wait for a job. */
export interface WaitOptions extends Until {
  /** When the signal aborts, stops the job and waits until it is gone, before it rejects. */
  readonly stopOnAbort?: boolean;
}

/** A task that has ended. */
export interface EndedTask extends TaskResult {
  /** How its last attempt ended; null when it never had one. */
  readonly end: TaskEnd | null;
}

/** Which of a job's output. */
export type LogOptions = Omit<LogsRequest, "giveUpMs">;

/** One call waits at most this long, in ms. */
const WAIT_MS = 20_000;
/** Tasks read at a time. */
const PAGE = 1_000;
/** Results asked for at a time. */
const RESULTS = 200;
/** After its tasks' grace a job that is stopped may take so long until it is gone, in ms. */
const STOP_MS = 15_000;

/**
 * One job that was submitted: waits for it, reads what its tasks write and hand back, stops it. It means
 * this job, and no later one of its name.
 */
export class JobHandle {
  readonly #api: IrisClient;
  #view: JobView;

  /** @param view the job, as the API gave it */
  constructor(api: IrisClient, view: JobView) {
    this.#api = api.with({ generation: view.generation });
    this.#view = view;
  }

  /** Its full name, `/user/job`. */
  get name(): string {
    return this.#view.name;
  }

  /** Tells it from other jobs of its name. */
  get generation(): number {
    return this.#view.generation;
  }

  /** The job as it was seen last. */
  get view(): JobView {
    return this.#view;
  }

  /** What the submitter should know though the job was taken in. */
  get warnings(): readonly string[] {
    return "warnings" in this.#view ? this.#view.warnings as readonly string[] : [];
  }

  /** Looks at the job. @throws {ApiError} `gone` when it is forgotten */
  async get(options: Until = {}): Promise<JobView> {
    return this.#seen(await this.#with(options).job(this.name));
  }

  /** Why it is not further than it is. */
  explain(options: Until = {}): Promise<JobExplanation> {
    return this.#with(options).explain(this.name);
  }

  /**
   * Resolves when the job is over and no process of it is left, however it ended.
   *
   * @throws the signal's reason; {ConnectionError} when no controller can be reached for long
   */
  async wait(options: WaitOptions = {}): Promise<JobView> {
    const { signal, stopOnAbort = false } = options;
    try {
      signal?.throwIfAborted();
      return await this.#done(this.#with(options));
    } catch (error) {
      if (!stopOnAbort || !signal?.aborted) throw error;
      await this.#stopFor(error);
      throw error;
    }
  }

  /** The same for a job that shall succeed. @throws {JobError} when it does not */
  async success(options: WaitOptions = {}): Promise<JobView> {
    const job = await this.wait(options);
    if (job.state !== "SUCCEEDED") throw new JobError(job);
    return job;
  }

  /** Asks its tasks to end, and waits until nothing of it is left. A job that is over stays as it is. */
  async stop(options: Until = {}): Promise<JobView> {
    const api = this.#with(options);
    this.#seen(await api.stopJob(this.name));
    return await this.#done(api);
  }

  /** Its tasks as they are now, in the order of their index. */
  tasks(options: Until = {}): Sequence<TaskView> {
    const api = this.#with(options);
    const { name } = this;
    const { replicas } = this.#view;
    return new Sequence(async function* () {
      for (let offset = 0; offset < replicas; offset += PAGE) {
        yield* await api.tasks(name, { offset, limit: PAGE });
      }
    });
  }

  /** One task, with how far it is, what it uses, and its result. @throws {ApiError} `not_found` */
  task(index: number, options: Until = {}): Promise<TaskDetail> {
    return this.#with(options).task(this.name, index);
  }

  /** Its tasks as they end, in the order of their index, however they end. */
  ends(options: Until & { readonly from?: number } = {}): Sequence<EndedTask> {
    return new Sequence(() => this.#ends(options));
  }

  /**
   * What its tasks hand back, in the order of their index, each as soon as it is there and those before it.
   *
   * @throws {TaskError} at the first task that did not succeed
   */
  results<R = unknown>(options: Until & { readonly from?: number } = {}): Sequence<R> {
    return new Sequence(() => resultsOf<R>(this.#ends(options)));
  }

  /** What one task hands back, as soon as it does. @throws {TaskError} when it does not succeed */
  async result<R = unknown>(index: number, options: Until = {}): Promise<R> {
    for await (const task of this.#ends({ ...options, from: index })) return resultOf<R>(task);
    throw new IrisError("not_found", `There is no task ${this.name}/${index}`, { field: "index" });
  }

  /**
   * What its tasks write, byte for byte; with `follow` until the job is over. A connection that is lost
   * is made anew: nothing is left out and nothing comes twice.
   */
  logs(options: LogOptions = {}): Sequence<LogPiece> {
    const chunks = () => this.#with(options).logs(this.name, options);
    return new Sequence(async function* () {
      for await (const { task, attempt, stream, data, atMs = null } of chunks()) {
        if (data !== "") yield { task, attempt, stream, bytes: fromBase64(data), atMs };
      }
    });
  }

  /** The same line by line; a last line without an end comes too. */
  lines(options: LogOptions = {}): Sequence<LogLine> {
    return new Sequence(() => logLines(this.#with(options).logs(this.name, options)));
  }

  /** What happened and happens to the job, oldest first, until it is over. */
  events(options: Until = {}): Sequence<EventView> {
    return new Sequence(() => this.#events(options));
  }

  /** Where its tasks can be reached, as far as their attempts live. */
  endpoints(options: Until & { readonly name?: string } = {}): Promise<EndpointView[]> {
    const { name } = options;
    return this.#with(options).endpoints(this.name, name === undefined ? {} : { name });
  }

  /**
   * Resolves as soon as so many endpoints of a name are there, all of its tasks' when not said.
   *
   * @throws {IrisError} `conflict` when the job is over before
   */
  waitEndpoints(
    name: string,
    options: Until & { readonly count?: number } = {},
  ): Promise<EndpointView[]> {
    const { count = this.#view.replicas } = options;
    return this.#with(options).waitEndpoints(this.name, { name, count });
  }

  async *#ends({ from = 0, ...until }: Until & { readonly from?: number }): AsyncGenerator<
    EndedTask
  > {
    const api = this.#with(until);
    const { replicas } = this.#view;
    for (let offset = from, wasDone = false; offset < replicas;) {
      const page = await api.results(this.name, { offset, limit: RESULTS, waitMs: WAIT_MS });
      for (const task of page) yield { ...task, end: endOf(task) };
      offset += page.length;
      if (page.length > 0) continue;
      if (wasDone) throw new IrisError("gone", `There is nothing more of task ${offset}`);
      wasDone = this.#seen(await api.job(this.name)).done;
    }
  }

  async *#events({ signal }: Until): AsyncGenerator<EventView> {
    const api = this.#with({ signal });
    const { name, generation } = this;
    const isOver = this.#seen(await api.job(name)).done;
    let after = "oldest";
    // What is over tells nothing more, and its end may be forgotten.
    while (isOver) {
      const { events, cursor } = await api.eventPage({ after, job: name, limit: PAGE });
      for (const event of events) if (event.generation === generation) yield event;
      if (events.length === 0) return;
      after = cursor;
    }
    for await (const event of api.events({ after, job: name })) {
      if (event.generation !== generation) continue;
      yield event;
      if (event.kind === "job_done") return;
    }
  }

  async #done(api: IrisClient): Promise<JobView> {
    return this.#seen(await api.wait(this.name));
  }

  /** Stops the job on behalf of somebody who does not wait any more. */
  async #stopFor(reason: unknown): Promise<void> {
    const late = new AbortController();
    const timer = systemClock.setTimer(this.#view.spec.graceMs + STOP_MS, () => late.abort());
    try {
      await this.stop({ signal: late.signal });
    } catch (error) {
      const why = late.signal.aborted ? "it is not gone in time" : (error as Error).message;
      const message = `${this.name} was given up, and may still run: ${why}`;
      throw new ConnectionError("unavailable", message, { cause: reason });
    } finally {
      timer.cancel();
    }
  }

  #with({ signal }: Until): IrisClient {
    return signal === undefined ? this.#api : this.#api.with({ signal });
  }

  #seen(view: JobView): JobView {
    this.#view = view;
    return view;
  }
}

/**
 * What tasks hand back, until one did not succeed.
 *
 * @throws {TaskError} for that one; for what brought it down, where that came later
 */
export async function* resultsOf<R>(tasks: AsyncIterable<EndedTask>): AsyncGenerator<R> {
  let fallen: EndedTask | null = null;
  for await (const task of tasks) {
    // Tasks of a job that failed are cancelled: which one failed is of more use.
    if (task.state === "KILLED") fallen ??= task;
    else if (fallen === null || task.state !== "SUCCEEDED") yield resultOf<R>(task);
  }
  if (fallen !== null) resultOf(fallen);
}

function resultOf<R>(task: EndedTask): R {
  if (task.state !== "SUCCEEDED") throw new TaskError(task, task.end);
  // What a task hands back is what its author says it is.
  return task.result as R;
}
