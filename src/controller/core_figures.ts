/**
 * Counts what the core does: jobs and tasks by state, how long they waited, how attempts ended. What
 * is open is kept up with each commit, by what changed in it: nothing is ever looked through. Owned
 * by the core's loop.
 */
import { clearGauge, countUp, observe, setGauge } from "../base/metrics.ts";
import { isTerminalTask, TASK_STATES, type TaskState } from "../model/task_state.ts";
import type { JobProgress, JobRow } from "../store/rows.ts";
import { BANDS, type JobState, type TaskCounts } from "../wire/api.ts";
import type { ClusterState } from "./cluster_state.ts";
import type { Effects } from "./effects.ts";

const OPEN_TASKS = TASK_STATES.filter((state) => !isTerminalTask(state));
type Band = (typeof BANDS)[number];

/** A job as it was counted last. */
interface Counted {
  readonly band: Band;
  readonly state: JobState;
  readonly counts: TaskCounts;
}

/** See the head of this file. */
export class CoreFigures {
  readonly #jobs = new Map<number, Counted>();
  readonly #byState = new Map<JobState, number>();
  readonly #tasks = new Map<TaskState, number>();
  readonly #waiting = new Map<Band, number>();

  /** Counts what there is already. */
  constructor(state: Pick<ClusterState, "jobs">) {
    clearGauge("iris_jobs");
    for (const job of state.jobs.values()) {
      const { generation, spec: { band }, tally } = job;
      this.#enter(generation, { band, state: job.state, counts: tally.toCounts() });
    }
    for (const one of OPEN_TASKS) setGauge("iris_tasks", this.#tasks.get(one) ?? 0, one);
    for (const band of BANDS) setGauge("iris_queue_tasks", this.#waiting.get(band) ?? 0, band);
    for (const name of ["PENDING", "RUNNING"] as const) {
      setGauge("iris_jobs", this.#byState.get(name) ?? 0, name);
    }
  }

  /** Sums up what is held of the workers now: by lanes, of which there are few. */
  look({ workers }: Pick<ClusterState, "workers">): void {
    let cpuMilli = 0;
    let memoryBytes = 0;
    for (const { lanes } of workers.values()) {
      for (const { job: { spec }, running, evicting, stopping } of lanes.values()) {
        const held = running.size + evicting + stopping.size;
        cpuMilli += held * spec.cpuMilli;
        memoryBytes += held * spec.memoryBytes;
      }
    }
    setGauge("iris_used_cpu_cores", cpuMilli / 1_000);
    setGauge("iris_used_memory_bytes", memoryBytes);
  }

  /** Counts what a turn did, once it is stored. */
  committed({ store, figures }: Pick<Effects, "store" | "figures">): void {
    for (const [cause, count] of figures.ended) {
      countUp("iris_attempts_ended_total", count, cause);
    }
    for (const [ms, count] of figures.dispatched) {
      observe("iris_dispatch_seconds", Math.max(0, ms) / 1_000, { count });
    }
    for (const [ms, count] of figures.started) {
      observe("iris_start_seconds", Math.max(0, ms) / 1_000, { count });
    }
    if (store === null) return;
    for (const row of store.newJobs) this.#added(row);
    for (const row of store.jobs) this.#changed(row);
  }

  #added(row: JobRow): void {
    countUp("iris_jobs_submitted_total", 1);
    // What another try takes over ended before.
    const counts = row.retryOf === null ? {} : row.counts;
    this.#enter(row.generation, { band: row.spec.band, state: "PENDING", counts });
    this.#changed(row);
  }

  #changed({ generation, state, counts, done }: JobProgress): void {
    const before = this.#jobs.get(generation);
    if (before === undefined) return;
    this.#leave(generation, before);
    for (const [name, count] of Object.entries(counts) as [TaskState, number][]) {
      const more = count - (before.counts[name] ?? 0);
      if (more > 0 && isTerminalTask(name)) countUp("iris_tasks_ended_total", more, name);
    }
    if (done) countUp("iris_jobs_ended_total", 1, state);
    else this.#enter(generation, { ...before, state, counts });
  }

  #enter(generation: number, job: Counted): void {
    this.#jobs.set(generation, job);
    this.#count(job, 1);
  }

  #leave(generation: number, job: Counted): void {
    this.#jobs.delete(generation);
    this.#count(job, -1);
  }

  #count({ band, state, counts }: Counted, by: 1 | -1): void {
    const jobs = moved(this.#byState, state, by);
    setGauge("iris_jobs", jobs, state);
    for (const name of OPEN_TASKS) {
      const count = counts[name] ?? 0;
      if (count > 0) setGauge("iris_tasks", moved(this.#tasks, name, by * count), name);
    }
    const waiting = counts.PENDING ?? 0;
    if (waiting > 0) {
      setGauge("iris_queue_tasks", moved(this.#waiting, band, by * waiting), band);
    }
  }
}

function moved<Key>(sums: Map<Key, number>, key: Key, by: number): number {
  const sum = (sums.get(key) ?? 0) + by;
  sums.set(key, sum);
  return sum;
}
