/**
 * What the routes of the controller's server need. `src/controller/server_loop.ts` provides the
 * real one (writes go to the core, reads come from the store and from published snapshots); tests
 * of the routes use a fake with state.
 */
import type { TreeNode } from "../lifecycle/part.ts";
import type {
  ClusterStopAnswer,
  ClusterStopRequest,
  EventPage,
  EventView,
  JobExplanation,
  JobSpec,
  JobState,
  JobView,
  LogChunk,
  LogMark,
  PurgeAnswer,
  PurgeRequest,
  SubmittedJob,
  TaskDetail,
  TaskView,
  WorkerView,
} from "../wire/api.ts";
import type { Actor } from "../wire/audit.ts";
import type { ForgottenResponse, LogsRequest } from "../wire/logs.ts";
import type { EndpointRequest, EndpointView } from "../wire/endpoints.ts";
import type { RegisterRequest, RegisterResponse } from "../wire/reconcile.ts";

import type { EventFilter } from "../store/reader.ts";
import type { SubmitMark } from "../store/rows.ts";
import type { BoardApi } from "./board_api.ts";
import type { FleetApi } from "./fleet_api.ts";
import type { LiveApi } from "./live_api.ts";
import type { JobVerb } from "./messages.ts";
import type { BundlesApi, OutputsApi } from "./shipping_api.ts";
import type { TokensApi } from "./tokens_api.ts";

/** Which events to follow. */
export interface FollowEvents {
  readonly job?: string;
  /** Only those of this user's jobs. */
  readonly user?: string;
  readonly signal: AbortSignal;
}

/** Which of a job's logs to read, and how long. */
export interface LogsOptions extends Pick<LogsRequest, "task" | "stream" | "sinceMs" | "tail"> {
  readonly follow: boolean;
  /** From a mark of an earlier call, or null for the beginning. */
  readonly cursor: string | null;
  readonly signal: AbortSignal;
}

/** Which jobs to list. */
export interface JobFilter {
  readonly state?: JobState;
  /** Only those of this user. */
  readonly user?: string;
  /** Only those submitted at this time or later, wall ms. */
  readonly sinceMs?: number;
  readonly limit: number;
}

/** Whether the cluster is well, and what is not. */
export interface Health {
  readonly ok: boolean;
  /** One line for each loop that is down or stalled. */
  readonly problems: readonly string[];
  /** True from the moment a stop began: no new work is taken in. */
  readonly closing: boolean;
}

/** The controller, as its routes see it. Every method may throw an `IrisError`. */
export interface ControllerApi {
  readonly bundles: BundlesApi;
  readonly outputs: OutputsApi;
  /**
   * Durable before it resolves. With a mark, the same submit again gives the same job.
   *
   * @throws `conflict` for a taken name or key, `closing` during a stop, `storage_full`
   */
  submit(spec: JobSpec, mark: SubmitMark | null, by?: Actor | null): Promise<SubmittedJob>;
  /**
   * Asks something of a job: that its tasks end, that nothing more of it is placed, that it is, or
   * that its tasks that did not succeed run again as a new job of its name. Resolves when that is
   * durable, not when tasks are gone. @throws `not_found`, `conflict`
   */
  change(verb: JobVerb, name: string): Promise<JobView>;
  /** Why a job is not further than it is. @throws `not_found` */
  explain(name: string): Promise<JobExplanation>;
  /** Forgets jobs that are done. @throws `conflict` for one that is not: nothing is forgotten then */
  purge(request: PurgeRequest): Promise<PurgeAnswer>;
  /** Newest first. */
  jobs(filter: JobFilter): JobView[];
  job(name: string): JobView | null;
  /** Tasks of a job in index order. */
  tasks(name: string, page: { offset: number; limit: number }): TaskView[];
  /**
   * One task, with what it handed back. How far it is, is asked of its worker while it runs; a worker
   * that does not answer soon makes that null.
   *
   * @throws `not_found`
   */
  task(name: string, of: { index: number; signal: AbortSignal }): Promise<TaskDetail>;
  workers(): WorkerView[];
  /** No new tasks for a worker; durable. What runs there goes on. @throws `not_found` */
  drainWorker(name: string, why: string): Promise<WorkerView>;
  /** A worker that was drained or set aside gets tasks again. @throws `not_found` */
  releaseWorker(name: string): Promise<WorkerView>;
  register(request: RegisterRequest): Promise<RegisterResponse>;
  /** Which of these generations are not stored any more, as a worker asks that has logs of them. */
  forgotten(generations: readonly number[]): ForgottenResponse;
  /**
   * What was written, in order by stream; with `follow` until the job is done or aborted. A mark now
   * and then says how to go on from there.
   *
   * @throws `not_found`, `invalid` for a strange cursor, `gone` when its job is forgotten
   */
  logs(name: string, options: LogsOptions): AsyncIterable<LogChunk | LogMark>;
  /** A job by its generation. */
  jobOf(generation: number): JobView | null;
  /** Where attempts of a job can be reached that live; only under one name when that is given. */
  endpoints(generation: number, name: string | null): EndpointView[];
  /** Durable before it resolves. @throws `conflict` when no such attempt runs */
  registerEndpoint(request: EndpointRequest): Promise<EndpointView>;
  /** Resolves at the next change of the job, or when aborted. */
  changed(name: string, signal: AbortSignal): Promise<void>;
  /**
   * Changes after a cursor, oldest first; null for what comes from now on, `oldest` for all.
   *
   * @throws `invalid` for a cursor of another cluster, `gone` when what came after is not kept
   */
  events(after: string | null, filter: EventFilter): EventPage;
  /** The same as they come, until aborted. Nothing is read ahead of who takes them. */
  followEvents(after: string | null, of: FollowEvents): AsyncIterable<EventView>;
  /** The whole database as it is now, checked; whoever gets it reads or cancels it. */
  backup(): Promise<ReadableStream<Uint8Array<ArrayBuffer>>>;
  /** What this process owns. */
  tree(): TreeNode;
  /**
   * The same with the workers of other hosts, of which at most so many are asked for their own trees.
   * Comes within some seconds, whatever does not answer.
   */
  wholeTree(of: { workers: number }): Promise<TreeNode>;
  health(): Health;
  /** What runs now, asked of its workers. */
  readonly live: LiveApi;
  /** Tokens that were given out. */
  readonly tokens: TokensApi;
  /** What pages show. */
  readonly board: BoardApi;
  /** VMs and scale groups. */
  readonly fleet: FleetApi;
  /**
   * Begins the stop of the whole cluster and says where its report will be.
   *
   * @param asker the hash of the token that may read it, beside the admin token
   */
  stopCluster(request: ClusterStopRequest, asker?: string | null): Promise<ClusterStopAnswer>;
}
