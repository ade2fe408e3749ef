/**
 * What the pages of the dashboard read beside the API: lists and numbers that are kept for a moment and
 * shared by everybody who looks. `board_calls.ts` is the real one; tests of pages use a fake.
 */
import type {
  BoardCounts,
  EndedTasks,
  EventQuery,
  JobLine,
  JobLines,
  JobQuery,
  WorkerHolding,
} from "../store/board_reader.ts";
import type { EventView, TaskCounts, TaskState, TaskView } from "../wire/api.ts";

export {
  type BoardCounts,
  type EndedTasks,
  type EventQuery,
  JOB_SORTS,
  type JobLine,
  type JobLines,
  type JobQuery,
  type JobSort,
  type WorkerHolding,
} from "../store/board_reader.ts";

/** What ended lately, in intervals of equal length, oldest first. */
export interface Throughput {
  readonly stepMs: number;
  readonly points: readonly EndedTasks[];
}

/** A task's tries and ends, as events; and when its job was submitted. */
export type TaskStory = readonly EventView[];

/** See the head of this file. */
export interface BoardApi {
  /** Aborted when the server goes: every stream of pages ends then. */
  readonly closed: AbortSignal;
  /** Another text whenever something was stored. Costs next to nothing. */
  version(): string;
  jobs(query: JobQuery): JobLines;
  users(): readonly string[];
  /** @param user only of this one; null for all */
  counts(user: string | null): BoardCounts;
  /** @param user only of this one; null for all */
  throughput(user: string | null): Throughput;
  /** Jobs under the name of another one, newest first. */
  children(generation: number, name: string, limit: number): JobLine[];
  /** Where the tasks of a job are, in parts of equal size; what is pending is not said. */
  cells(generation: number, of: { replicas: number; cells: number }): readonly TaskCounts[];
  /** Tasks of a job that are in one of these states, in index order. */
  tasksIn(
    job: { readonly name: string; readonly generation: number },
    states: readonly TaskState[],
    page: { offset: number; limit: number },
  ): TaskView[];
  heldBy(worker: string, of: { user: string | null; limit: number }): WorkerHolding[];
  /** Newest first. */
  events(query: EventQuery): EventView[];
  taskStory(generation: number, task: number, limit: number): TaskStory;
}
