/**
 * What the routes of a worker's server need. `server_loop.ts` provides the real one; the routes
 * themselves (`src/http/worker_app.ts`) are handed to it by whoever composes the isolate.
 */
import type { Figures } from "../base/metrics.ts";
import type { TreeNode } from "../lifecycle/part.ts";
import type { LogsRequest, LogsResponse } from "../wire/logs.ts";
import type { ProgressRequest, ProgressResponse } from "../wire/progress.ts";
import type { Signalled, SignalRequest, UsageRequest, UsageResponse } from "../wire/usage.ts";
import type { ReconcileRequest, ReconcileResponse } from "../wire/reconcile.ts";
import type { KeptOutput, OutputRequest, OutputsRequest } from "../wire/shipping.ts";

/** Whether the worker is well, and what is not. */
export interface WorkerHealth {
  readonly ok: boolean;
  readonly problems: readonly string[];
}

/** A worker, as its routes see it. */
export interface WorkerApi {
  /** @throws {IrisError} `conflict` for another cluster, worker or epoch, `closing` at the end */
  reconcile(request: ReconcileRequest, signal: AbortSignal): Promise<ReconcileResponse>;
  /** How far a running attempt says that it is. */
  progress(request: ProgressRequest): ProgressResponse;
  /** @throws {IrisError} `invalid` for a strange cursor, `closing` at the end */
  logs(request: LogsRequest, signal: AbortSignal): Promise<LogsResponse>;
  /** What is kept of what attempts of a job wrote into their output folders. */
  outputs(request: OutputsRequest): Promise<readonly KeptOutput[]>;
  /** That of one attempt, as an archive. @throws {IrisError} `not_found`, `closing` */
  output(request: OutputRequest): Promise<ReadableStream<Uint8Array<ArrayBuffer>>>;
  health(): WorkerHealth;
  /** What this host and some of its attempts use now. @throws {IrisError} `unavailable` */
  usage(request: UsageRequest): Promise<UsageResponse>;
  /** Sends a signal. @throws {IrisError} `conflict` when the one that is named does not run */
  signal(request: SignalRequest): Promise<Signalled>;
  /** What its process owns now. @throws {IrisError} `unavailable` where nobody can tell */
  tree(): Promise<TreeNode>;
  /** What the worker counted. */
  figures(): Promise<Figures>;
  /** Runs a command beside a task for whoever has the other end; the socket is owned from here on. */
  exec(socket: WebSocket): void;
}

/** Answers HTTP requests. */
export type WorkerFetch = (request: Request) => Response | Promise<Response>;

/** Whom a worker's server answers. */
export interface WorkerAppOptions {
  /** What callers must show: its controller alone knows it. */
  readonly token: string;
  /** What may be shown for `/metrics` as well: what the worker itself shows to its controller. */
  readonly readToken?: string;
}

/** Makes the routes over an API. */
export type WorkerAppFactory = (api: WorkerApi, options: WorkerAppOptions) => WorkerFetch;
