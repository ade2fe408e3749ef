/**
 * What a worker needs of its keeper, the small process that starts, watches and ends its tasks. The
 * real one speaks over a Unix socket (`keeper_client.ts`); tests use a fake with state; both pass
 * `tests/contracts/keeper_link.ts`.
 *
 * The keeper holds the queue: it starts the next attempt as soon as resources are free, without a
 * round trip, up to the capacity it was given. It keeps every fact until it is acknowledged.
 */
import type { StopCause, StopReport } from "../lifecycle/part.ts";
import type { CleanupPlan, InsidePlan } from "../runtimes/task_runtime.ts";
import type { EndCause, StopReason } from "../wire/reconcile.ts";
import type { Run } from "../wire/runs.ts";
import type { TaskOptions } from "../wire/task_options.ts";

/** What the keeper must know to start attempts of one job generation. */
export interface KeeperSpec {
  readonly generation: number;
  readonly argv: readonly string[];
  /** The whole environment but for the lines that differ by attempt, which the keeper adds. */
  readonly env: Readonly<Record<string, string>>;
  /** `/user/job`: for `IRIS_TASK`, which ends in the index. */
  readonly job: string;
  /** Absolute; null for `<worker folder>/work`. */
  readonly cwd: string | null;
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  /** Named resources that one attempt holds; none when left out. */
  readonly resources?: Readonly<Record<string, number>>;
  /** One text for each task, for `IRIS_ENTRY`; null or left out: there is none. */
  readonly entries?: readonly string[] | null;
  readonly graceMs: number;
  readonly timeoutMs: number | null;
  /** How the task is run beside its command; nothing special when left out. */
  readonly options?: TaskOptions;
  /** Ends what its processes do not take along; null or left out when there is no such thing. */
  readonly cleanup?: CleanupPlan | null;
  /** How to get at what its processes only stand for; null or left out when they are the task. */
  readonly inside?: InsidePlan | null;
  /** By which its tasks speak for their job; none when left out. */
  readonly token?: string | null;
  /** Certificates by which they know the controller, PEM; null or left out: the system's do. */
  readonly trust?: string | null;
}

/** What may run at the same time. */
export interface KeeperCapacity {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  /** Named resources there are; none when left out. */
  readonly resources?: Readonly<Record<string, number>>;
  /** Never more processes than this, whatever they ask for. */
  readonly maxRunning: number;
  /** TCP ports that tasks may get, both ends among them; as before when left out. */
  readonly ports?: { readonly from: number; readonly to: number };
}

/** An attempt began: where its output goes. */
export interface StartedFact {
  readonly generation: number;
  readonly index: number;
  readonly attempt: number;
  readonly pid: number;
  readonly atMs: number;
  /** The slot's files are `logs/<slot>.<rotation>.out` and `.err` in the worker's folder. */
  readonly slot: number;
  readonly rotation: number;
  /** Byte offsets in those files where its output begins. */
  readonly outFrom: number;
  readonly errFrom: number;
  /** Grows from one start on this worker to the next, over restarts of the keeper too. */
  readonly order?: number;
  /** Ports that it was given, by name; left out when it asked for none. */
  readonly ports?: Readonly<Record<string, number>>;
}

/** An attempt ended and is proved gone, save what `leftovers` names. */
export interface EndedFact {
  readonly generation: number;
  readonly index: number;
  readonly attempt: number;
  readonly cause: EndCause;
  /** Exit code, or 128 + signal number. */
  readonly code: number;
  readonly atMs: number;
  /** Byte offsets where its output ends (equal to the beginnings when it never started). */
  readonly outTo: number;
  readonly errTo: number;
  /** True when it had to be killed with SIGKILL, by us. */
  readonly forced: boolean;
  /** A launch error's text, or null. */
  readonly detail: string | null;
  /** Processes of it that could not be proved gone. */
  readonly leftovers: readonly string[];
  /** What it handed back, as the text of a `Returned`; left out when it did not. */
  readonly returned?: string;
  /** In a hello: how it began, which the worker may not have heard, or have lost. */
  readonly began?: StartedFact;
  /** Processor time that it used, in ms; null or left out when it is not known. */
  readonly cpuMs?: number | null;
  /** The most memory it had, in bytes; null or left out when it is not known. */
  readonly peakBytes?: number | null;
}

/** Facts in the order in which they happened. */
export interface KeeperFacts {
  /** The number of the last fact in this batch. */
  readonly upTo: number;
  readonly started: readonly StartedFact[];
  readonly ended: readonly EndedFact[];
  /** Queued attempts that were taken back, as asked by `unqueue`; they never started. */
  readonly unqueued: readonly Run[];
}

/** Which limits of an attempt a keeper can enforce, and by what; null for not at all. */
export interface KeeperLimits {
  readonly memory: string | null;
  readonly cpu: string | null;
  readonly pids: string | null;
  readonly disk: string | null;
  /** Why one is null; null when none is. */
  readonly why: string | null;
}

/** What a keeper already has when a worker connects: all of it is news to a new worker process. */
export interface KeeperHello {
  readonly pid: number;
  readonly version: string;
  /** What it speaks; 1 when left out. A worker that does not speak that ends it. */
  readonly protocol?: number;
  readonly running: readonly StartedFact[];
  readonly queued: readonly Run[];
  /** Facts that no worker acknowledged. */
  readonly facts: KeeperFacts;
  /** How it starts processes and what it can prove. */
  readonly spawner: "posix_spawn" | "plain";
  readonly cgroup: string | null;
  /** Left out by a keeper of an earlier version, which enforces none. */
  readonly limits?: KeeperLimits;
}

/** How an attempt ends that the keeper was never given. */
export interface NeverStarted {
  /** `missing`: for the controller it never was here. */
  readonly cause: "missing" | "cancelled" | "launch_error";
  /** A launch error's text, or null. */
  readonly detail: string | null;
}

/** The worker's end of the connection. */
export interface KeeperLink {
  readonly hello: KeeperHello;
  /** Sets what may run at once. */
  capacity(capacity: KeeperCapacity): void;
  /** Makes a job known; before the first `start` of its generation. */
  spec(spec: KeeperSpec): void;
  /** Forgets a job: none of its attempts is queued or running. */
  forget(generation: number): void;
  /** Appends attempts to the queue. Attempts it knows already are ignored. */
  start(runs: readonly Run[]): void;
  /** Takes back what still waits of these; a fact says which did. */
  unqueue(runs: readonly Run[]): void;
  /**
   * Stops attempts: queued ones end as `cancelled` at once, running ones are asked, then killed:
   * after their own grace, or `graceMs` where that is shorter.
   */
  stop(runs: readonly Run[], reason: StopReason, graceMs: number | null): void;
  /**
   * Attempts that the worker held back are over without having begun: a fact says how. The keeper
   * tells it, since it numbers the facts and keeps them.
   */
  refuse(runs: readonly Run[], end: NeverStarted): void;
  /** Facts up to this number are safe elsewhere. */
  ack(upTo: number): void;
  /**
   * Takes in nothing new, stops every attempt within the time, answers with what became of them,
   * and then the keeper exits. A later call may only shorten the time. With the cause `detach` it
   * only gives back what waits, and answers at once: what runs goes on.
   */
  end(request: { remainingMs: number; cause: StopCause }): Promise<StopReport>;
  /** Sets the one receiver of facts. */
  onFacts(receiver: (facts: KeeperFacts) => void): void;
  /** Sets the one receiver of the news that the keeper is gone or the connection broke. */
  onLost(receiver: (why: string) => void): void;
  /** Closes the connection. The keeper lives on. */
  close(): void;
}
