/**
 * Where tasks can be reached, for as long as the attempts live that said so. Part of the core's
 * state; changed by the reactor alone. Pure.
 */
import { invariant } from "../base/assert.ts";
import { type AttemptLane, EVICT_REASONS } from "../model/attempt_lane.ts";
import type { EndpointRow } from "../store/rows.ts";

interface Entry {
  readonly row: EndpointRow;
  /** Holds the attempt; when it does not any more, the endpoint is gone. */
  readonly lane: AttemptLane;
}

type OfTask = Map<string, Entry>;

/** Endpoints by job, task and name. */
export class EndpointBook {
  readonly #jobs = new Map<number, Map<number, OfTask>>();

  /** Whether there is any of a job. */
  hasAny(generation: number): boolean {
    return this.#jobs.has(generation);
  }

  /** All of them. */
  get rows(): EndpointRow[] {
    const all: EndpointRow[] = [];
    for (const tasks of this.#jobs.values()) {
      for (const names of tasks.values()) for (const { row } of names.values()) all.push(row);
    }
    return all;
  }

  /** What a task is known by. */
  ofTask(generation: number, task: number): EndpointRow[] {
    return [...this.#jobs.get(generation)?.get(task)?.values() ?? []].map(({ row }) => row);
  }

  /** Notes where an attempt can be reached; what the task had under that name is replaced. */
  put(row: EndpointRow, lane: AttemptLane): void {
    const tasks = this.#jobs.get(row.generation) ?? new Map<number, OfTask>();
    this.#jobs.set(row.generation, tasks);
    const names: OfTask = tasks.get(row.task) ?? new Map();
    tasks.set(row.task, names);
    names.set(row.name, { row, lane });
  }

  /** Drops what belongs to attempts of a job that live no more. @returns it */
  prune(generation: number): EndpointRow[] {
    const gone: EndpointRow[] = [];
    const tasks = this.#jobs.get(generation);
    for (const [task, names] of tasks ?? []) {
      for (const [name, { row, lane }] of names) {
        if (holdsLive(lane, task)) continue;
        names.delete(name);
        gone.push(row);
      }
      if (names.size === 0) tasks?.delete(task);
    }
    if (tasks?.size === 0) this.#jobs.delete(generation);
    return gone;
  }

  /** Checks that each belongs to an attempt that lives. @throws {AssertionFailure} */
  check(jobs: ReadonlyMap<number, { readonly lanes: ReadonlySet<AttemptLane> }>): void {
    for (const [generation, tasks] of this.#jobs) {
      for (const [task, names] of tasks) {
        for (const { row, lane } of names.values()) {
          const known = jobs.get(generation)?.lanes.has(lane) === true &&
            lane.attempt === row.attempt && lane.job.generation === generation;
          invariant(
            known && holdsLive(lane, task),
            `Job ${generation}: endpoint ${row.name} of task ${task} outlives its attempt`,
          );
        }
      }
    }
  }
}

/** Whether a lane holds the attempt of a task, and that is not over. */
export function holdsLive(lane: AttemptLane, task: number): boolean {
  return lane.running.has(task) || lane.assigned.has(task) || lane.recalled.has(task) ||
    EVICT_REASONS.some((reason) => lane.evicted[reason].has(task));
}
