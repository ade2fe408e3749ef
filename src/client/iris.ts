/**
 * The front door of the client library: a connection to one controller, or the task that this program
 * is. Owns what is under way on its behalf, until it is closed.
 */
import { randomHex } from "../base/ids.ts";
import { IrisError } from "../base/errors.ts";
import type { EventView, JobState, JobView } from "../wire/api.ts";
import type { EndpointView } from "../wire/endpoints.ts";
import { type BundleFiles, bundleOf } from "./bundle.ts";
import { type ConnectOptions, targetOf } from "./connect.ts";
import { type CurrentTask, currentTask } from "./current_task.ts";
import { ApiError, ConnectionError } from "./errors.ts";
import { DEFAULT_USER, IrisClient } from "./iris_client.ts";
import { type EndedTask, JobHandle, type Until } from "./job_handle.ts";
import type { LogLine } from "./log_lines.ts";
import type { JobRequest } from "./job_request.ts";
import { mapEnds, type MapOptions, mapResults } from "./map_jobs.ts";
import { Sequence } from "./sequence.ts";

/** How to submit. */
export interface SubmitOptions extends Until {
  /** Names this submit: the same key again is the same job. A random one when left out. */
  readonly key?: string;
}

/** How to run a job to its end. */
export interface RunOptions extends SubmitOptions {
  /** When the signal aborts, stops the job and waits until it is gone. Default true. */
  readonly stopOnAbort?: boolean;
  /** Is told each line as the job's tasks write it. */
  readonly onLine?: (line: LogLine) => void;
}

/** Which jobs. */
export interface JobsOptions extends Until {
  readonly state?: JobState;
  /** At most so many, up to 1,000; 100 when left out. */
  readonly limit?: number;
}

/** Which changes. */
export interface EventOptions extends Until {
  /** The cursor of the last one that was seen; `oldest` for all that are kept; from now on when left out. */
  readonly after?: string;
  /** Only those of the jobs of this name. */
  readonly job?: string;
}

/** How long a submit is looked for whose caller has given up, in ms. */
const LATE_MS = 10_000;

/**
 * A connection to one controller: submits jobs, maps over inputs, reads and follows. It is closed by
 * `close()`, or by `using`.
 *
 * ```ts ignore
 * import { Iris } from "iris/client";
 *
 * using iris = await Iris.connect();
 * const job = await iris.submit({ argv: ["true"] });
 * console.log((await job.wait()).state);
 * ```
 */
export class Iris {
  /** Every call of the API as one method, for what has none here. */
  readonly api: IrisClient;
  /** The controller's version. */
  readonly version: string;
  /** Whose jobs short names mean: a token of a user says so itself. */
  readonly user: string;
  readonly #closed: AbortController;
  readonly #release: () => void;

  private constructor(
    api: IrisClient,
    of: { version: string; user: string; closed: AbortController; release: () => void },
  ) {
    this.api = api;
    this.version = of.version;
    this.user = of.user;
    this.#closed = of.closed;
    this.#release = of.release;
  }

  /**
   * Connects to a controller, and looks whether it is one that lets us in.
   *
   * @throws {IrisError} `usage` for what is missing; {ConnectionError} when nobody answers; {ApiError}
   * `unauthorized` when the token is wrong
   */
  static async connect(options: ConnectOptions = {}): Promise<Iris> {
    const { signal } = options;
    signal?.throwIfAborted();
    const target = await targetOf(options);
    const closed = new AbortController();
    const client = (user?: string) =>
      new IrisClient({ ...target.options, ...(user !== undefined && { user }) })
        .with({ signal: closed.signal });
    try {
      const asking = signal === undefined ? client() : client().with({ signal });
      const [version, user] = await Promise.all([asking.version(), userOf(asking)]);
      const api = client(user);
      return new Iris(api, {
        ...{ version, closed, release: target.close },
        user: user ?? target.options.user ?? DEFAULT_USER,
      });
    } catch (error) {
      target.close();
      throw error;
    }
  }

  /** The task that this program runs as. @throws {IrisError} `usage` outside of a task */
  static current(): CurrentTask {
    return currentTask();
  }

  /**
   * Submits a job: it is durable when this resolves. When no answer comes it is tried again under the
   * same key, so that it is one job however often it arrives.
   *
   * @throws {ApiError} as the controller answers; {ConnectionError} when none does for long
   */
  async submit(request: JobRequest, options: SubmitOptions = {}): Promise<JobHandle> {
    const { key = randomHex(16) } = options;
    return new JobHandle(this.api, await this.#with(options).submit(request, { key }));
  }

  /**
   * Runs a job to its end.
   *
   * @throws {JobError} when it does not succeed; the signal's reason, once the job is stopped
   */
  async run(request: JobRequest, options: RunOptions = {}): Promise<JobHandle> {
    const { signal, onLine, stopOnAbort = true, key = randomHex(16) } = options;
    const until = signal === undefined ? {} : { signal };
    const job = stopOnAbort
      ? await this.#submitOrStop(request, { key, ...until })
      : await this.submit(request, { key, ...until });
    const reading = onLine === undefined ? null : tell(job, onLine, until);
    try {
      await job.success({ ...until, stopOnAbort });
    } catch (error) {
      // Why the job failed is more than why its lines broke off.
      await reading?.catch(() => {});
      throw error;
    }
    await reading;
    return job;
  }

  /**
   * Calls a module's function with each input, or runs a command for each with the input in
   * `IRIS_ENTRY`, as tasks of as few jobs as hold them; gives what they hand back, in the order of the
   * inputs. Inputs are taken as there is room for them, so there may be any number. Whoever breaks off
   * stops what still runs.
   *
   * @throws {TaskError} at the first input that failed
   */
  map<R = unknown, I = unknown>(
    inputs: Iterable<I> | AsyncIterable<I>,
    options: MapOptions,
  ): Sequence<R> {
    return new Sequence(() => mapResults<R, I>(this.#submitter(), inputs, options));
  }

  /** The same, but gives how each task ended, well or not, and goes on. */
  mapEnds<I = unknown>(
    inputs: Iterable<I> | AsyncIterable<I>,
    options: MapOptions,
  ): Sequence<EndedTask & { readonly input: I }> {
    return new Sequence(() => mapEnds<I>(this.#submitter(), inputs, options));
  }

  /**
   * Sends files to the controller, unless it has them: they are there for tasks of jobs with this
   * `bundle`, which begin in the folder of them. A module's `file` may be one of them.
   *
   * @returns what names them: the same files have the same name
   */
  async bundle(files: BundleFiles, options: Until = {}): Promise<string> {
    const api = this.#with(options);
    const { hash, archive } = await bundleOf(files);
    const { here } = await api.offerBundle({ hash, bytes: archive.length });
    if (!here) await api.sendBundle(hash, archive);
    return hash;
  }

  /** The job that has a name now. @throws {ApiError} `not_found` */
  async job(name: string, options: Until = {}): Promise<JobHandle> {
    const api = this.#with(options);
    return new JobHandle(this.api, await api.job(api.fullName(name)));
  }

  /** Jobs, newest first. */
  jobs(options: JobsOptions = {}): Promise<JobView[]> {
    const { signal: _, ...filter } = options;
    return this.#with(options).jobs(filter);
  }

  /** What changes in the cluster, as it does. A connection that is lost is made anew. */
  events(options: EventOptions = {}): Sequence<EventView> {
    const { after, job } = options;
    const api = this.#with(options);
    const which = {
      ...(after === undefined ? {} : { after }),
      ...(job === undefined ? {} : { job: api.fullName(job) }),
    };
    return new Sequence(() => api.events(which));
  }

  /** Where tasks of a job can be reached now; of one name, when it is given. */
  endpoints(job: string, options: Until & { readonly name?: string } = {}): Promise<
    EndpointView[]
  > {
    const { name } = options;
    const api = this.#with(options);
    return api.endpoints(api.fullName(job), name === undefined ? {} : { name });
  }

  /** Ends what is under way: calls, waits and streams. Jobs go on. */
  close(): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(new ConnectionError("closing", "This connection to Iris was closed"));
    this.#release();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #submitter() {
    return { submit: (request: JobRequest, until: Until) => this.#submitOrStop(request, until) };
  }

  /** Submits a job such that there is none when the signal aborts. */
  async #submitOrStop(request: JobRequest, options: SubmitOptions): Promise<JobHandle> {
    const { signal, key = randomHex(16) } = options;
    signal?.throwIfAborted();
    try {
      return await this.submit(request, { ...options, key });
    } catch (error) {
      if (signal?.aborted && !this.#closed.signal.aborted) await this.#stopLate(request, key);
      throw error;
    }
  }

  /** A submit whose caller is gone may have arrived: asks under its key, and stops the job. */
  async #stopLate(request: JobRequest, key: string): Promise<void> {
    const signal = AbortSignal.timeout(LATE_MS);
    try {
      const job = await this.submit(request, { key, signal });
      await job.stop({ signal });
    } catch (error) {
      // What was refused is not there, and of what cannot be reached nothing more can be said.
      if (!(error instanceof IrisError) && !signal.aborted) throw error;
    }
  }

  #with({ signal }: Until): IrisClient {
    return signal === undefined ? this.api : this.api.with({ signal });
  }
}

/** The user that a token stands for; undefined for an admin's, which stands for any. */
async function userOf(client: IrisClient): Promise<string | undefined> {
  try {
    const { role, user } = await client.tokens.whoami();
    return role === "admin" ? undefined : user ?? undefined;
  } catch (error) {
    // An older controller knows no users.
    if (error instanceof ApiError && error.code === "not_found") return undefined;
    throw error;
  }
}

/** Tells a job's lines while it runs; resolves when all are told. */
function tell(job: JobHandle, onLine: (line: LogLine) => void, until: Until): Promise<void> {
  const telling = (async () => {
    for await (const line of job.lines({ follow: true, ...until })) onLine(line);
  })();
  // owner: `run`, which waits for it.
  telling.catch(() => {});
  return telling;
}
