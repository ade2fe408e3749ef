/**
 * Everything the core knows that is not over: jobs and workers. Owned by the core's loop; changed by
 * the reactor alone.
 */
import { invariant } from "../base/assert.ts";
import type { StopCause } from "../lifecycle/part.ts";
import type { AttemptLane } from "../model/attempt_lane.ts";
import type { Job } from "../model/job.ts";
import { RangeSet } from "../model/range_set.ts";
import type { JobSpec } from "../wire/api.ts";
import { EndpointBook } from "./endpoint_book.ts";
import type { WorkerNode } from "./worker_node.ts";
import { RefusedWorkers } from "./refused_workers.ts";
import { WorkerTrust } from "./worker_trust.ts";

/** The state of the core. */
export class ClusterState {
  /** Jobs that are not done. */
  readonly jobs = new Map<number, Job<JobSpec>>();
  /** The newest of them by name. */
  readonly names = new Map<string, number>();
  /** Jobs of which something could be placed. */
  readonly placeable = new Set<Job<JobSpec>>();
  /** Jobs that wait for another one to be done, by that one's generation. */
  readonly waiters = new Map<number, Set<Job<JobSpec>>>();
  /** Jobs with tasks that rest before they are tried again. */
  readonly resting = new Set<Job<JobSpec>>();
  /** By when a job must have begun that did not yet: monotonic time in ms. */
  readonly startLimits = new Map<Job<JobSpec>, number>();
  readonly workers = new Map<string, WorkerNode>();
  /** Which of them fail tasks that are not to blame themselves. */
  readonly trust = new WorkerTrust();
  /** Workers that may not register. */
  readonly refused = new RefusedWorkers();
  readonly endpoints = new EndpointBook();
  /** Jobs that are not done, by who submitted them and what the submit called itself. */
  readonly marks = new Map<string, Job<JobSpec>>();
  /** Workers that are about to go, as the autoscaler said last: some may be on their way yet. */
  retiring: ReadonlySet<string> = new Set();
  /** What the autoscaler does about jobs that wait, by generation: as it said last. */
  scaling: ReadonlyMap<number, string> = new Map();
  /** Generations whose spec the heartbeat was given. */
  readonly specsGiven = new Set<number>();
  /** Set from rung close on. */
  closing: StopCause | null = null;
  /** What tasks get when the cluster stops, in ms; null when they do not end with it. */
  stopTimeoutMs: number | null = null;
  lastGeneration = 0;
  lastIncarnation = 0;
  /** Reports about attempts that are not known here, and so changed nothing. */
  stale = 0;

  /** Whether tasks that a stop ended are over for good: it is the cluster itself that stops. */
  get shuttingDown(): boolean {
    return this.closing !== null && this.closing !== "drain" && this.closing !== "detach";
  }

  /** Adds a job. */
  add(job: Job<JobSpec>): void {
    this.jobs.set(job.generation, job);
    this.names.set(job.name, job.generation);
    this.lastGeneration = Math.max(this.lastGeneration, job.generation);
    for (const generation of job.waits.keys()) {
      const others = this.waiters.get(generation) ?? new Set();
      this.waiters.set(generation, others.add(job));
    }
    this.parentOf(job)?.children.add(job);
    if (job.submitted !== null) this.marks.set(`${job.user} ${job.submitted.key}`, job);
  }

  /** The job under whose name this one is, if that is not done. */
  parentOf(job: Job): Job<JobSpec> | undefined {
    return job.parent === null ? undefined : this.jobs.get(job.parent);
  }

  /** A job waits for nothing any more. */
  stopWaiting(job: Job<JobSpec>): void {
    for (const generation of job.waits.keys()) this.waiters.get(generation)?.delete(job);
    job.waits.clear();
  }

  /** Forgets a job that is done. @returns those that waited for it */
  remove(job: Job<JobSpec>): Iterable<Job<JobSpec>> {
    this.stopWaiting(job);
    this.parentOf(job)?.children.delete(job);
    this.jobs.delete(job.generation);
    this.placeable.delete(job);
    this.resting.delete(job);
    this.startLimits.delete(job);
    if (job.submitted !== null) this.marks.delete(`${job.user} ${job.submitted.key}`);
    this.specsGiven.delete(job.generation);
    if (this.names.get(job.name) === job.generation) this.names.delete(job.name);
    const waiters = this.waiters.get(job.generation) ?? new Set();
    this.waiters.delete(job.generation);
    return waiters;
  }

  /** The worker that holds a lane. */
  workerOf(lane: AttemptLane): WorkerNode {
    const worker = this.workers.get(lane.worker);
    invariant(worker !== undefined, `A lane names worker ${lane.worker}, which there is not`);
    return worker;
  }

  /**
   * Checks every cross reference, count and range. For tests and for recovery; slow.
   *
   * @throws {AssertionFailure} naming what does not fit
   */
  check(): void {
    for (const job of this.jobs.values()) this.checkJob(job);
    this.endpoints.check(this.jobs);
    for (const worker of this.workers.values()) {
      for (const lane of worker.lanes.values()) {
        const { generation } = lane.job;
        invariant(this.jobs.get(generation) === lane.job, `A lane names job ${generation}`);
        invariant(lane.worker === worker.name, `A lane of ${worker.name} names ${lane.worker}`);
        invariant(lane.job.lanes.has(lane), `Job ${generation} does not know a lane of it`);
        invariant(lane.size > 0, `Worker ${worker.name} keeps an empty lane`);
      }
    }
  }

  /** Checks one job: each open task is in exactly one place. @throws {AssertionFailure} */
  checkJob(job: Job<JobSpec>): void {
    if (job.quarantined === null) job.check();
    const open = RangeSet.empty();
    const put = (from: number, to: number) => {
      const alone = open.add(from, to) === to - from && from >= 0 && to <= job.spec.replicas;
      invariant(alone, `Job ${job.generation}: tasks ${from} to ${to} are in two places`);
    };
    for (const [from, to] of job.pending) put(from, to);
    for (const lane of job.lanes) {
      invariant(this.workerOf(lane).lane(job.generation, lane.attempt) === lane, "A lane is lost");
      const { assigned, recalled, running, evicted, stopping } = lane;
      for (const [from, to] of lane.building) {
        const waits = [...assigned.within(from, to), ...recalled.within(from, to)];
        const known = waits.reduce((sum, [a, b]) => sum + b - a, 0);
        invariant(known === to - from, `Job ${job.generation}: what is built does not wait`);
      }
      for (const set of [assigned, recalled, running, evicted.preempted, evicted.gang, stopping]) {
        for (const [from, to] of set) put(from, to);
      }
    }
    const has = (what: string, set: { has(job: Job<JobSpec>): boolean }, wanted: boolean) =>
      invariant(set.has(job) === wanted, `Job ${job.generation}: ${what} or not?`);
    has("placeable", this.placeable, job.placeable);
    has("resting", this.resting, job.pending.size > job.pending.ready);
    for (const generation of job.waits.keys()) {
      const known = this.waiters.get(generation)?.has(job) && this.jobs.has(generation);
      invariant(
        known === true,
        `Job ${job.generation} waits for ${generation}, which knows nothing`,
      );
    }
    for (const child of job.children) {
      const known = this.jobs.get(child.generation) === child && child.parent === job.generation;
      invariant(known, `Job ${job.generation} has a child that is not its own`);
    }
    const parent = this.parentOf(job);
    invariant(!parent || parent.children.has(job), `Job ${job.generation} is not with its parent`);
  }
}
