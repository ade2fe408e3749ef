/** How many tasks of a job are in each state. Owned by the job; moved by the reactor. Pure data. */
import { invariant } from "../base/assert.ts";
import {
  isTerminalTask,
  stepTask,
  TASK_STATES,
  type TaskEvent,
  type TaskState,
} from "./task_state.ts";

/** How many tasks are in each state; states with none may be left out. */
export type TaskCounts = Readonly<Partial<Record<TaskState, number>>>;

/** A count for each state; the sum never changes. */
export class TaskTally {
  readonly #counts = new Map<TaskState, number>();

  /** @param counts where it begins, for instance `{ PENDING: 4 }` */
  constructor(counts: TaskCounts) {
    for (const state of TASK_STATES) this.#counts.set(state, counts[state] ?? 0);
  }

  /** How many are in a state. */
  of(state: TaskState): number {
    return this.#counts.get(state) ?? 0;
  }

  /** How many there are in all. */
  get total(): number {
    let sum = 0;
    for (const count of this.#counts.values()) sum += count;
    return sum;
  }

  /** How many can still change. */
  get open(): number {
    let sum = 0;
    for (const [state, count] of this.#counts) if (!isTerminalTask(state)) sum += count;
    return sum;
  }

  /**
   * Moves tasks by an event of the transition table.
   *
   * @returns the state they are in now
   * @throws {AssertionFailure} for a move that the table forbids, or more tasks than there are;
   * nothing has changed then
   */
  move(from: TaskState, event: TaskEvent, count: number): TaskState {
    const to = stepTask(from, event);
    invariant(to !== null, `A task that is ${from} must not ${event}`);
    const held = this.of(from);
    invariant(count <= held, `${count} tasks cannot leave ${from}: there are ${held}`);
    this.#counts.set(from, held - count);
    this.#counts.set(to, this.of(to) + count);
    return to;
  }

  /** As the wire has it: states with none are left out. */
  toCounts(): TaskCounts {
    const counts: Partial<Record<TaskState, number>> = {};
    for (const [state, count] of this.#counts) if (count > 0) counts[state] = count;
    return counts;
  }
}
