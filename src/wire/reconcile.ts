/**
 * The one call between controller and worker: `POST /v1/reconcile`. It carries the complete desired
 * set of attempts one way and what was observed the other. The worker may hold its answer for up to
 * `waitMs` while there is nothing to say (a long poll); a newer call makes it answer at once, so
 * news travels in both directions without delay and the call is still the only liveness signal.
 */
import type { Run } from "./runs.ts";
import type { TaskOptions } from "./task_options.ts";

/** What a worker must know to start an attempt of a job. */
export interface AttemptSpec extends TaskOptions {
  /** The job generation it belongs to. */
  readonly generation: number;
  /** The job's full name, `/user/job`. */
  readonly job: string;
  readonly argv: readonly string[];
  /** What the job sets. The `IRIS_*` variables are added by the worker. */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute working directory, or null for a folder of the worker's own. */
  readonly cwd: string | null;
  readonly replicas: number;
  /** One text for each task, or null. */
  readonly entries: readonly string[] | null;
  /** Thousandths of a core. */
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  /** Named resources, in thousandths of a unit. */
  readonly resources: Readonly<Record<string, number>>;
  /** Between SIGTERM and SIGKILL, in ms. */
  readonly graceMs: number;
  /** Wall time limit of one attempt in ms, or null. */
  readonly timeoutMs: number | null;
  /** By which its tasks speak for their job; an older controller gives none. */
  readonly token?: string | null;
}

/** Why a desired attempt is to be stopped. */
export const STOP_REASONS = [
  "cancelled",
  "shutdown",
  "timeout",
  "superseded",
  "preempted",
  "gang",
] as const;

/** See {@linkcode STOP_REASONS}. */
export type StopReason = (typeof STOP_REASONS)[number];

/** How an attempt ended. */
export type EndCause =
  | "exit"
  | "signal"
  | "timeout"
  | "cancelled"
  | "launch_error"
  /** It ran out of the memory it may use. */
  | "oom"
  /** It wrote more to its folder than it may. */
  | "disk"
  | "worker_lost"
  | "missing"
  | "unknown"
  | "preempted"
  /** Another member of its gang ended badly. */
  | "gang"
  /** It was not placed in time, or what it waited for cannot happen any more. */
  | "unschedulable";

/** Every {@link EndCause}. */
export const END_CAUSES = [
  "exit",
  "signal",
  "timeout",
  "cancelled",
  "launch_error",
  "oom",
  "disk",
  "worker_lost",
  "missing",
  "unknown",
  "preempted",
  "gang",
  "unschedulable",
] as const satisfies readonly EndCause[];

/** Controller to worker. */
export interface ReconcileRequest {
  /** The cluster's id: a worker of another cluster refuses. */
  readonly cluster: string;
  /** The worker's id as the controller knows it; an impostor on a recycled address refuses. */
  readonly worker: string;
  /** Grows with each start of a controller; the worker obeys the highest it saw. */
  readonly epoch: number;
  /** Grows with each call of an epoch; a late older call changes nothing. */
  readonly seq: number;
  /** How long the worker may hold the answer while it has nothing to say. */
  readonly waitMs: number;
  /** Specs the worker has not acknowledged yet. */
  readonly specs: readonly AttemptSpec[];
  /** The complete set of attempts that shall run or wait here, in start order. */
  readonly run: readonly Run[];
  /** Attempts to stop, with the reason. They are not in `run`. */
  readonly stop: readonly (readonly [...Run, StopReason])[];
  /** Exit facts up to this fact number are stored: the worker may forget them. */
  readonly ackFacts: number;
}

/** Attempts that began to run. */
export type StartedRun = readonly [...Run, atMs: number];

/** Attempts that ended alike. `code` is an exit code, or 128 + the signal's number. */
export type EndedRun = readonly [...Run, cause: EndCause, code: number, atMs: number];

/** Facts in the order in which they happened. */
export interface Facts {
  /** The number of the last fact in this batch. */
  readonly upTo: number;
  readonly started: readonly StartedRun[];
  /** Ended *and proved gone*: no process of these attempts is left, save what `detail` names. */
  readonly ended: readonly EndedRun[];
  /** More about an end, by attempt uid: a launch error's text, or what could not be proved gone. */
  readonly detail: Readonly<Record<string, string>>;
  /** What ended attempts handed back, by attempt uid, each the text of a `Returned`. */
  readonly returned?: Readonly<Record<string, string>>;
  /** Ports that started attempts were given, by attempt uid and name; left out when there are none. */
  readonly ports?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** Worker to controller. */
export interface ReconcileResponse {
  readonly worker: string;
  readonly epoch: number;
  readonly seq: number;
  /** All facts that are not acknowledged yet, or null when there are none. */
  readonly facts: Facts | null;
  /** Desired attempts that the worker has no spec for. */
  readonly missing: readonly Run[];
  /** Generations whose spec the worker holds. */
  readonly specs: readonly number[];
  /** Those that wait for what they need to be fetched, their bundle; an older worker tells none. */
  readonly building?: readonly Run[];
  /** How many attempts wait in the worker's backlog now. */
  readonly backlog: number;
  /** How many run now. */
  readonly running: number;
  /** False when the worker must not get new work (it stops, or its host is ill); why. */
  readonly accepting: boolean;
  readonly reason: string | null;
  /** Whether it is not accepting because it stops for good; an older worker only ever did. */
  readonly stopping?: boolean;
}

/** Worker to controller, `POST /api/v1/workers`. */
export interface RegisterRequest {
  readonly worker: string;
  /** Where the worker's server listens, for instance `http://127.0.0.1:40123`. */
  readonly url: string;
  /** Whoever calls the worker must show this token. */
  readonly token: string;
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  /** Named resources it has, in thousandths of a unit; `disk` in bytes. */
  readonly resources: Readonly<Record<string, number>>;
  /** What constraints look at. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly hostname: string;
  readonly version: string;
  /** See `protocol.ts`; an older worker tells none, which means 1. */
  readonly protocol?: number;
  readonly pid: number;
  /** What its server shows, in PEM form, for the controller to trust; null for plain HTTP. */
  readonly certificate?: string | null;
}

/** The controller's answer. What an older controller does not tell is left out. */
export interface RegisterResponse {
  readonly cluster: string;
  readonly epoch: number;
  readonly version?: string;
  readonly protocol?: number;
  /** A worker that does not answer for this long is given up, and its tasks run elsewhere; ms. */
  readonly graceMs?: number;
}
