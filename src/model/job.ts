/**
 * A job as the core holds it while it is not done: what waits, how many are where, what was charged.
 * What its workers hold are lanes (`attempt_lane.ts`). Owned by the core's state; changed by the
 * reactor alone. Pure data.
 */
import { invariant } from "../base/assert.ts";
import type { AttemptLane } from "./attempt_lane.ts";
import { PendingTasks } from "./pending_tasks.ts";
import { RetryLedger } from "./retry_ledger.ts";
import { isTerminalJob, type JobState, rollUp } from "./rollup.ts";
import { type TaskCounts, TaskTally } from "./task_counts.ts";

/** What the core needs of a job's spec. */
export interface JobLimits {
  readonly replicas: number;
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly retries: number;
  readonly maxTaskFailures: number;
}

/** What a job is made of: new, or from the store. */
export interface JobInit<Spec extends JobLimits> {
  readonly generation: number;
  readonly name: string;
  readonly user: string;
  readonly spec: Spec;
  readonly submittedAtMs: number;
  readonly counts: TaskCounts;
  /** The job that must be done before this one is placed. */
  readonly waitsFor: number | null;
}

/** How much a new duration weighs against what was measured before. */
const NEW_DURATION_WEIGHT = 0.25;

/** One job. */
export class Job<Spec extends JobLimits = JobLimits> {
  readonly generation: number;
  readonly name: string;
  readonly user: string;
  readonly spec: Spec;
  readonly submittedAtMs: number;
  readonly pending = new PendingTasks();
  readonly ledger = new RetryLedger();
  /** What workers hold of it. */
  readonly lanes = new Set<AttemptLane>();
  tally: TaskTally;
  waitsFor: number | null;
  startedAtMs: number | null = null;
  endedAtMs: number | null = null;
  /** Why nothing of it is placed; one line. */
  waitReason: string | null = null;
  /** What went wrong first, or who ended it; one line. */
  endReason: string | null = null;
  /** Why Iris gave up on it by a fault of its own. */
  quarantined: string | null = null;
  /** How long its attempts run, in ms; null before one ended. */
  meanMs: number | null = null;

  /** @param init new, or from the store */
  constructor(init: JobInit<Spec>) {
    this.generation = init.generation;
    this.name = init.name;
    this.user = init.user;
    this.spec = init.spec;
    this.submittedAtMs = init.submittedAtMs;
    this.tally = new TaskTally(init.counts);
    this.waitsFor = init.waitsFor;
  }

  /** The roll-up of its tasks. */
  get state(): JobState {
    if (this.quarantined !== null) return "FAILED";
    return rollUp(this.tally.toCounts(), {
      maxTaskFailures: this.spec.maxTaskFailures,
      started: this.startedAtMs !== null,
    });
  }

  /** Why it waits or ended badly: one line, or null. */
  get reason(): string | null {
    const { state } = this;
    if (state === "PENDING") return this.waitReason;
    return state === "RUNNING" || state === "SUCCEEDED" ? null : this.endReason;
  }

  /** Whether it is over and no worker holds anything of it. */
  get done(): boolean {
    return this.lanes.size === 0 && isTerminalJob(this.state);
  }

  /** Takes in how long `count` attempts ran. */
  measure(ms: number, count: number): void {
    const weight = Math.min(1, count * NEW_DURATION_WEIGHT);
    const at = Math.max(0, ms);
    this.meanMs = this.meanMs === null ? at : this.meanMs * (1 - weight) + at * weight;
  }

  /**
   * Checks that counts, ranges and spec agree.
   *
   * @throws {AssertionFailure} naming what does not
   */
  check(): void {
    const { generation, tally } = this;
    const all = (count: (lane: AttemptLane) => number) => {
      let sum = 0;
      for (const lane of this.lanes) sum += count(lane);
      return sum;
    };
    const same = (what: string, a: number, b: number) =>
      invariant(a === b, `Job ${generation}: ${what} differ: ${a} and ${b}`);
    same("tasks and replicas", tally.total, this.spec.replicas);
    same("pending tasks and their ranges", tally.of("PENDING"), this.pending.size);
    same("assigned tasks and their ranges", tally.of("ASSIGNED"), all((lane) => lane.waiting));
    same("running tasks and their ranges", tally.of("RUNNING"), all((lane) => lane.running.size));
  }
}
