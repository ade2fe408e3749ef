/**
 * A job as the core holds it while it is not done: what waits, how many are where, what was charged.
 * What its workers hold are lanes (`attempt_lane.ts`). Owned by the core's state; changed by the
 * reactor alone. Pure data.
 */
import { invariant } from "../base/assert.ts";
import type { AttemptLane } from "./attempt_lane.ts";
import type { Constraint } from "./constraints.ts";
import { PendingTasks } from "./pending_tasks.ts";
import { RetryLedger } from "./retry_ledger.ts";
import type { PlacementExplanation } from "./explanation.ts";
import { isTerminalJob, type JobState, rollUp } from "./rollup.ts";
import { type TaskCounts, TaskTally } from "./task_counts.ts";

/** What the core needs of a job's spec. */
export interface JobLimits {
  readonly replicas: number;
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  /** Named resources, in thousandths of a unit. */
  readonly resources: Readonly<Record<string, number>>;
  readonly retries: number;
  readonly lossRetries: number;
  readonly crashRetries: number;
  readonly backoffMs: number;
  readonly maxTaskFailures: number;
  readonly constraints: readonly Constraint[];
  readonly startTimeoutMs: number | null;
  readonly maxRunning: number | null;
  readonly gang: { readonly groupBy: string } | null;
}

/** What a job waits for before it is placed: that another one is over, or has succeeded. */
export type WaitFor = "end" | "success";

/** What a job is made of: new, or from the store. */
export interface JobInit<Spec extends JobLimits> {
  readonly generation: number;
  readonly name: string;
  readonly user: string;
  readonly spec: Spec;
  readonly submittedAtMs: number;
  readonly counts: TaskCounts;
  /** What it waits for, by generation. */
  readonly waits: Iterable<readonly [generation: number, on: WaitFor]>;
  readonly held: boolean;
  readonly parent: number | null;
  readonly retryOf: number | null;
  /** What the submit called itself, with a digest of what it asked for. */
  readonly submitted: { readonly key: string; readonly digest: string } | null;
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
  readonly waits: Map<number, WaitFor>;
  /** The job under whose name this one is, and the one whose failed tasks it tries again. */
  readonly parent: number | null;
  readonly retryOf: number | null;
  /** Jobs under this one's name that are not done. */
  readonly children = new Set<Job>();
  /** Workers that tasks avoid: their ids in `pending` are the positions here, from 1. */
  readonly avoided: string[] = [];
  readonly submitted: JobInit<Spec>["submitted"];
  /** What was last told of it: its state, and whether it was held and done. */
  told: { state: JobState; held: boolean; done: boolean } | null = null;
  tally: TaskTally;
  held: boolean;
  /** Since when it may be placed, as far as it itself goes: wall time in ms, or null. */
  eligibleAtMs: number | null = null;
  /** Since when nothing of it was placed: wall time in ms. */
  waitingSinceMs: number;
  startedAtMs: number | null = null;
  endedAtMs: number | null = null;
  /** Why nothing of it is placed; one line. */
  waitReason: string | null = null;
  /** What the last pass that looked at it found. */
  placement: PlacementExplanation | null = null;
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
    this.waitingSinceMs = init.submittedAtMs;
    this.tally = new TaskTally(init.counts);
    this.waits = new Map(init.waits);
    this.held = init.held;
    this.parent = init.parent;
    this.retryOf = init.retryOf;
    this.submitted = init.submitted;
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

  /**
   * Whether it is over and no worker holds anything of it, nor, when it ended badly, of a job under
   * it: those end with it.
   */
  get done(): boolean {
    if (this.lanes.size > 0) return false;
    const { state } = this;
    return isTerminalJob(state) && (state === "SUCCEEDED" || this.children.size === 0);
  }

  /** Whether nothing but room is missing to place some of it. */
  get placeable(): boolean {
    const { pending } = this;
    if (this.held || this.waits.size > 0 || pending.ready === 0) return false;
    return this.spec.gang === null || pending.ready === this.tally.open;
  }

  /** How many of its tasks may be placed now beside those that workers hold. */
  get allowance(): number {
    const { maxRunning } = this.spec;
    if (maxRunning === null) return Infinity;
    let held = 0;
    for (const lane of this.lanes) held += lane.size;
    return Math.max(0, maxRunning - held);
  }

  /** The id under which `pending` knows a worker that tasks avoid. */
  avoidId(worker: string): number {
    const at = this.avoided.indexOf(worker);
    return at >= 0 ? at + 1 : this.avoided.push(worker);
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
    const building = all((lane) => lane.building.size);
    same("building tasks and their ranges", tally.of("BUILDING"), building);
    const waiting = all((lane) => lane.waiting);
    same("assigned tasks and their ranges", tally.of("ASSIGNED") + building, waiting);
    const running = all((lane) => lane.running.size + lane.evicting);
    same("running tasks and their ranges", tally.of("RUNNING"), running);
    if (this.spec.gang === null) return;
    const live = all((lane) => lane.assigned.size + lane.running.size);
    invariant(
      live === 0 || this.pending.size === 0,
      `Job ${generation}: some of a gang wait while others go on`,
    );
  }
}
