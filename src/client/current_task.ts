/** The task that a program runs as: who it is, what it says of itself, and its way to the controller. */
import { systemClock } from "../base/clock.ts";
import { IrisError } from "../base/errors.ts";
import type { EndpointView } from "../wire/endpoints.ts";
import { MAX_RESULT_BYTES, type ProgressInput, progressOf } from "../wire/returned.ts";
import { targetOf } from "./connect.ts";
import { IrisClient } from "./iris_client.ts";
import type { Until } from "./job_handle.ts";
import { env, readText, writeWhole } from "./platform.ts";

/** Where else than on its worker an endpoint is, and what is said of it. */
export interface EndpointOptions extends Until {
  /** Where it can be reached; the address of its worker when left out. */
  readonly host?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * The task that this program runs as: who it is, what it says of itself, where others are. Made by
 * {@linkcode Iris.current}.
 */
export class CurrentTask {
  /** The job's full name, `/user/job`. */
  readonly job: string;
  /** The task's full name, `/user/job/3`. */
  readonly task: string;
  /** Its number within the job, from 0. */
  readonly index: number;
  /** How many tasks the job has. */
  readonly replicas: number;
  /** Which try this is, from 0. */
  readonly attempt: number;
  /** The worker it runs on. */
  readonly worker: string;
  /** Where the controller is. */
  readonly controller: string;
  /** Its text of the job's entries; null without them. */
  readonly entry: string | null;
  /** The folder whose content is kept; null when the job keeps none. */
  readonly outputDir: string | null;

  /** @throws {IrisError} `usage` outside of a task */
  constructor() {
    this.job = must("IRIS_JOB");
    this.task = must("IRIS_TASK");
    this.index = Number(must("IRIS_TASK_INDEX"));
    this.replicas = Number(must("IRIS_REPLICAS"));
    this.attempt = Number(env("IRIS_ATTEMPT") ?? 0);
    this.worker = env("IRIS_WORKER") ?? "";
    this.controller = env("IRIS_CONTROLLER") ?? "";
    this.entry = env("IRIS_ENTRY") ?? null;
    this.outputDir = env("IRIS_OUTPUT_DIR") ?? null;
  }

  /** What its entry is as JSON: the input of a map. @throws {IrisError} `conflict` without one */
  input<I = unknown>(): I {
    if (this.entry === null) throw new IrisError("conflict", `${this.job} was given no entries`);
    return JSON.parse(this.entry) as I;
  }

  /** The TCP port that it was given under a name. @throws {IrisError} `conflict` when it was not */
  port(name: string): number {
    const port = Number(env(`IRIS_PORT_${name.toUpperCase()}`));
    if (port > 0) return port;
    const message = `The task has no port ${name}: its job asks for it by \`ports\``;
    throw new IrisError("conflict", message, { field: "ports" });
  }

  /** The token by which a task speaks for its job. @throws {IrisError} `usage` when there is none */
  token(): string {
    return readText(must("IRIS_TOKEN_FILE"), "IRIS_TOKEN_FILE").trim();
  }

  /**
   * Says how far it is: a fraction from 0 to 1, or what is done of how much.
   *
   * @throws {TypeError} for what is no progress; {IrisError} `conflict` when its job wants no results
   */
  progress(said: ProgressInput): void {
    const progress = progressOf(said, systemClock.wall());
    if (progress === null) {
      throw new TypeError(
        "progress must be a number from 0, or an object with fraction, done, total or message",
      );
    }
    writeWhole(this.#file("IRIS_PROGRESS_FILE"), JSON.stringify(progress));
  }

  /**
   * Hands a result back: any JSON. The last one counts, and what a module's function returns comes after.
   *
   * @throws {TypeError} for what is no JSON; {IrisError} `too_large`, `conflict` when its job wants none
   */
  result(value: unknown): void {
    const json = JSON.stringify(value);
    if (json === undefined) throw new TypeError(`A result must be JSON: it is a ${typeof value}`);
    const { length } = new TextEncoder().encode(json);
    if (length > MAX_RESULT_BYTES) {
      const message = `A result may have ${MAX_RESULT_BYTES} bytes as JSON: it has ${length}`;
      throw new IrisError("too_large", message, { field: "result" });
    }
    writeWhole(this.#file("IRIS_RESULT_FILE"), json);
  }

  /** Says where it can be reached, until its attempt is over. */
  async registerEndpoint(
    name: string,
    port: number,
    options: EndpointOptions = {},
  ): Promise<EndpointView> {
    const { host, metadata } = options;
    const { job, index: task, attempt } = this;
    return await withClient(options, (client) =>
      client.registerEndpoint({
        ...{ job, task, attempt, name, port },
        ...(host === undefined ? {} : { host }),
        ...(metadata === undefined ? {} : { metadata }),
      }));
  }

  /** Where tasks can be reached now: of its own job, or of another one of its user. */
  async endpoints(
    name: string,
    options: Until & { readonly job?: string } = {},
  ): Promise<EndpointView[]> {
    const { job = this.job } = options;
    return await withClient(options, (client) => client.endpoints(client.fullName(job), { name }));
  }

  /**
   * Resolves as soon as so many tasks can be reached under a name: all of its own job's when not said.
   *
   * @throws {IrisError} `conflict` when that job is over before
   */
  async waitEndpoints(
    name: string,
    options: Until & { readonly job?: string; readonly count?: number } = {},
  ): Promise<EndpointView[]> {
    const { job = this.job, count = this.replicas } = options;
    const found = await withClient(
      options,
      (client) => client.waitEndpoints(client.fullName(job), { name, count }),
    );
    return found.sort((a, b) => a.task - b.task);
  }

  #file(name: string): string {
    const file = env(name);
    if (file !== undefined) return file;
    const message = `${this.job} wants no results: submit it with \`result: true\``;
    throw new IrisError("conflict", message, { field: "result" });
  }
}

/** See {@linkcode Iris.current}. @throws {IrisError} `usage` outside of a task */
export function currentTask(): CurrentTask {
  return new CurrentTask();
}

/** A client by the job's token, for one call. */
async function withClient<T>(
  { signal }: Until,
  call: (client: IrisClient) => Promise<T>,
): Promise<T> {
  const target = await targetOf({});
  try {
    const client = new IrisClient(target.options);
    return await call(signal === undefined ? client : client.with({ signal }));
  } finally {
    target.close();
  }
}

function must(name: string): string {
  const value = env(name);
  if (value !== undefined) return value;
  throw new IrisError("usage", `This program is no task of Iris: ${name} is not set`);
}
