/**
 * The client of a controller's API: submit, wait, logs, stop. Needs `fetch` only. Every call has a
 * deadline or takes a signal.
 */
import { IrisError, messageOf } from "../base/errors.ts";
import type { ErrorCode } from "../base/errors.ts";
import type { StopReport, TreeNode } from "../lifecycle/part.ts";
import type {
  ClusterStopAnswer,
  ClusterStopRequest,
  ErrorBody,
  JobExplanation,
  JobView,
  LogChunk,
  SubmittedJob,
  TaskView,
  WorkerView,
} from "../wire/api.ts";

/** Where and how to reach a controller. */
export interface ClientOptions {
  /** For instance `http://127.0.0.1:10000`. */
  readonly url: string;
  readonly token: string;
  /** Whose jobs short names mean. */
  readonly user?: string;
  /** How long a call that is no stream may take, in ms. Default 30,000. */
  readonly timeoutMs?: number;
}

/** What a submit may say; what is left out gets its default from the controller. */
export type SubmitRequest = Readonly<Record<string, unknown>> & {
  readonly argv: readonly string[];
};

const DEFAULT_TIMEOUT_MS = 30_000;
/** One `wait` call is held at most this long by the server, in ms. */
const WAIT_MS = 20_000;

/** Speaks to one controller. */
export class IrisClient {
  readonly #options: ClientOptions;

  /** @param options where the controller is, and the token to show */
  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Submits a job; it is durable when this resolves. @throws {IrisError} as the API answers */
  submit(request: SubmitRequest): Promise<SubmittedJob> {
    return this.#json("POST", "/api/v1/jobs", { body: request });
  }

  /** Jobs, newest first. */
  jobs(filter: { state?: string; limit?: number } = {}): Promise<JobView[]> {
    const query = new URLSearchParams();
    if (filter.state !== undefined) query.set("state", filter.state);
    if (filter.limit !== undefined) query.set("limit", String(filter.limit));
    return this.#json("GET", `/api/v1/jobs?${query}`);
  }

  /** One job. @throws {IrisError} `not_found` */
  job(name: string): Promise<JobView> {
    return this.#json("GET", jobPath(name));
  }

  /** Tasks of a job, in index order. */
  tasks(name: string, page: { offset?: number; limit?: number } = {}): Promise<TaskView[]> {
    const query = new URLSearchParams({
      offset: String(page.offset ?? 0),
      limit: String(page.limit ?? 100),
    });
    return this.#json("GET", `${jobPath(name)}/tasks?${query}`);
  }

  /** Why a job is not further than it is. @throws {IrisError} `not_found` */
  explain(name: string): Promise<JobExplanation> {
    return this.#json("GET", `${jobPath(name)}/explain`);
  }

  /** Asks a job to end. */
  stopJob(name: string): Promise<JobView> {
    return this.#json("POST", `${jobPath(name)}/stop`);
  }

  /** Places nothing more of a job; what runs of it goes on. */
  holdJob(name: string): Promise<JobView> {
    return this.#json("POST", `${jobPath(name)}/hold`);
  }

  /** Lets a held job be placed. */
  releaseJob(name: string): Promise<JobView> {
    return this.#json("POST", `${jobPath(name)}/release`);
  }

  /** Runs the tasks of a job that did not succeed again, as a new job of its name. */
  retryJob(name: string): Promise<JobView> {
    return this.#json("POST", `${jobPath(name)}/retry`);
  }

  /** Resolves when the job is over and nothing of it is left. */
  async wait(name: string, signal?: AbortSignal): Promise<JobView> {
    for (;;) {
      const job = await this.#json<JobView>("GET", `${jobPath(name)}/wait?waitMs=${WAIT_MS}`, {
        signal,
      });
      if (job.done) return job;
      signal?.throwIfAborted();
    }
  }

  /** What a job wrote, chunk by chunk; with `follow`, until it is done. */
  async *logs(
    name: string,
    options: { task?: number; follow?: boolean; signal?: AbortSignal } = {},
  ): AsyncGenerator<LogChunk> {
    const query = new URLSearchParams({ follow: String(options.follow ?? false) });
    if (options.task !== undefined) query.set("task", String(options.task));
    const response = await this.#fetch("GET", `${jobPath(name)}/logs?${query}`, {
      signal: options.signal,
    });
    for await (const line of lines(response)) {
      const value = JSON.parse(line) as LogChunk | ErrorBody;
      if ("error" in value) throw errorOf(value);
      yield value;
    }
  }

  /** Workers that registered. */
  workers(): Promise<WorkerView[]> {
    return this.#json("GET", "/api/v1/workers");
  }

  /** The live ownership tree. */
  tree(): Promise<TreeNode> {
    return this.#json("GET", "/api/v1/tree");
  }

  /** A fresh one-time link to the status page. */
  loginLink(): Promise<{ url: string }> {
    return this.#json("POST", "/api/v1/login-links");
  }

  /** Begins the stop of the whole cluster. */
  stopCluster(request: ClusterStopRequest): Promise<ClusterStopAnswer> {
    return this.#json("POST", "/api/v1/cluster/stop", { body: request });
  }

  /** Fetches the report of a stop from where its answer said; waits for it within `timeoutMs`. */
  async stopReport(answer: ClusterStopAnswer, timeoutMs: number): Promise<StopReport> {
    const response = await fetch(answer.reportUrl, {
      headers: this.#headers(),
      signal: AbortSignal.timeout(timeoutMs),
    });
    return await checked<StopReport>(response);
  }

  async #json<T>(
    method: string,
    path: string,
    options: { body?: unknown; signal?: AbortSignal | undefined } = {},
  ): Promise<T> {
    const limit = AbortSignal.timeout(this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const { body, signal } = options;
    const response = await this.#fetch(method, path, {
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
    });
    return await checked<T>(response);
  }

  async #fetch(
    method: string,
    path: string,
    options: { body?: string; signal?: AbortSignal | undefined },
  ): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(`${this.#options.url}${path}`, {
        method,
        headers: this.#headers(),
        ...(options.body === undefined ? {} : { body: options.body }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new IrisError(
        error instanceof DOMException && error.name === "TimeoutError" ? "timeout" : "unavailable",
        `No answer from the controller at ${this.#options.url}: ${messageOf(error)}`,
        { cause: error },
      );
    }
    if (response.ok) return response;
    return await checked<never>(response);
  }

  #headers(): Record<string, string> {
    return {
      Authorization: `Bearer ${this.#options.token}`,
      "Content-Type": "application/json",
      ...(this.#options.user === undefined ? {} : { "X-Iris-User": this.#options.user }),
    };
  }
}

function jobPath(name: string): string {
  return `/api/v1/jobs/${encodeURIComponent(name)}`;
}

async function checked<T>(response: Response): Promise<T> {
  let body: unknown;
  const text = await response.text();
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw new IrisError(
      "unavailable",
      `${
        new URL(response.url).origin
      } does not answer like an Iris controller (HTTP ${response.status})`,
      { cause: error },
    );
  }
  if (response.ok) return body as T;
  throw errorOf(body as ErrorBody);
}

function errorOf(body: ErrorBody): IrisError {
  const { code, message, field } = body.error;
  return new IrisError(code as ErrorCode, message, field === undefined ? {} : { field });
}

async function* lines(response: Response): AsyncGenerator<string> {
  if (response.body === null) return;
  let rest = "";
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) if (part !== "") yield part;
  }
  if (rest !== "") yield rest;
}
