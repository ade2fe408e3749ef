/**
 * What the pages of the dashboard read, kept for a moment: however many look, it is read once, and the
 * more it costs the less often. Used in the server isolate, over its own connection to the store.
 */
import type { Clock } from "../base/clock.ts";
import { isTerminalTask, TASK_STATES } from "../model/task_state.ts";
import type { StoreReader } from "../store/reader.ts";
import type { EventView, TaskCounts, TaskState, TaskView } from "../wire/api.ts";
import type {
  BoardApi,
  BoardCounts,
  EventQuery,
  JobLine,
  JobLines,
  JobQuery,
  TaskStory,
  Throughput,
  WorkerHolding,
} from "./board_api.ts";

/** What was read is good for so long, in ms, and for so many times what reading it took. */
const FRESH_MS = 200;
const COST_FACTOR = 20;
/** Lists of users change seldom. */
const USERS_MS = 5_000;
/** Things of which something is kept; the oldest goes first. */
const MAX_KEPT = 200;
/** Users of whom there is a past; the one that was looked at longest ago goes first. */
const MAX_PASTS = 50;
/** How far back throughput goes, and in which steps, in ms. */
const PAST_MS = 10 * 60_000;
const STEP_MS = 5_000;
/** Between two looks that are further apart nobody knows what ended when: the store is asked anew. */
const GAP_MS = 3 * STEP_MS;

/** States in which a task has ended. */
const ENDED: readonly TaskState[] = TASK_STATES.filter(isTerminalTask);

interface Kept {
  readonly value: unknown;
  readonly untilMs: number;
}

/** See the head of this file. */
export class BoardCalls implements BoardApi {
  readonly closed: AbortSignal;
  readonly #reader: StoreReader;
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();
  /** By user; null for everybody. */
  readonly #pasts = new Map<string | null, Past>();

  /** @param closed aborted when the server goes */
  constructor(reader: StoreReader, clock: Clock, closed: AbortSignal) {
    this.#reader = reader;
    this.#clock = clock;
    this.closed = closed;
  }

  version(): string {
    return String(this.#reader.board.version());
  }

  jobs(query: JobQuery): JobLines {
    return this.#recent(`jobs ${JSON.stringify(query)}`, () => this.#reader.board.jobs(query));
  }

  users(): readonly string[] {
    return this.#recent("users", () => this.#reader.board.users(), USERS_MS);
  }

  counts(user: string | null): BoardCounts {
    return this.#recent(`counts ${user ?? ""}`, () => this.#reader.board.counts(user));
  }

  throughput(user: string | null): Throughput {
    const past = this.#pasts.get(user) ?? new Past(this.#reader, this.#clock, user);
    this.#pasts.delete(user);
    for (const oldest of this.#pasts.keys()) {
      if (this.#pasts.size < MAX_PASTS) break;
      this.#pasts.delete(oldest);
    }
    this.#pasts.set(user, past);
    return this.#recent(`throughput ${user ?? ""}`, () => past.look());
  }

  children(generation: number, name: string, limit: number): JobLine[] {
    const read = () => this.#reader.board.children(generation, name, limit);
    return this.#recent(`children ${generation} ${limit}`, read);
  }

  cells(generation: number, of: { replicas: number; cells: number }): readonly TaskCounts[] {
    const read = () => this.#reader.board.cells(generation, of);
    return this.#recent(`cells ${generation} ${of.cells}`, read);
  }

  tasksIn(
    { name, generation }: { readonly name: string; readonly generation: number },
    states: readonly TaskState[],
    page: { offset: number; limit: number },
  ): TaskView[] {
    const read = () => this.#reader.board.tasksIn(generation, states, page);
    const indices = this.#recent(`tasks ${generation} ${states} ${page.offset}`, read);
    return runsOf(indices).flatMap(([offset, limit]) => this.#reader.tasks(name, { offset, limit }))
      .filter(({ state }) => states.includes(state));
  }

  heldBy(worker: string, of: { user: string | null; limit: number }): WorkerHolding[] {
    const key = `held ${of.user ?? ""} ${worker}`;
    return this.#recent(key, () => this.#reader.board.heldBy(worker, of));
  }

  events(query: EventQuery): EventView[] {
    return this.#recent(`events ${JSON.stringify(query)}`, () => this.#reader.board.events(query));
  }

  taskStory(generation: number, task: number, limit: number): TaskStory {
    const read = () => this.#reader.board.taskEvents(generation, task, limit);
    return this.#recent(`story ${generation}/${task}`, read);
  }

  #recent<T>(key: string, read: () => T, freshMs: number = FRESH_MS): T {
    const beforeMs = this.#clock.now();
    const kept = this.#kept.get(key);
    if (kept !== undefined && beforeMs < kept.untilMs) return kept.value as T;
    const value = read();
    const afterMs = this.#clock.now();
    const untilMs = afterMs + Math.max(freshMs, COST_FACTOR * (afterMs - beforeMs));
    this.#kept.delete(key);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size < MAX_KEPT) break;
      this.#kept.delete(oldest);
    }
    this.#kept.set(key, { value, untilMs });
    return value;
  }
}

/** Neighbours together: where they begin, and how many they are. */
function runsOf(indices: readonly number[]): [from: number, count: number][] {
  const runs: [number, number][] = [];
  for (const index of indices) {
    const last = runs.at(-1);
    if (last !== undefined && last[0] + last[1] === index) last[1]++;
    else runs.push([index, 1]);
  }
  return runs;
}

/**
 * What ended lately. The past before the first look is read from the ends themselves; from then on it
 * is what the numbers of all jobs grew by from look to look, which costs the same for any number of tasks.
 */
class Past {
  readonly #reader: StoreReader;
  readonly #clock: Clock;
  readonly #user: string | null;
  readonly #steps = new Map<number, Partial<Record<TaskState, number>>>();
  #last: { readonly atMs: number; readonly totals: TaskCounts } | null = null;

  constructor(reader: StoreReader, clock: Clock, user: string | null) {
    this.#reader = reader;
    this.#clock = clock;
    this.#user = user;
  }

  look(): Throughput {
    const wallMs = this.#clock.wall();
    const totals = this.#reader.board.totals(this.#user);
    const last = this.#last;
    this.#last = { atMs: wallMs, totals };
    const old = last === null || wallMs - last.atMs > GAP_MS || wallMs < last.atMs;
    if (old) this.#begin(wallMs);
    else this.#grow(wallMs, { before: last.totals, totals });
    const first = stepOf(wallMs - PAST_MS);
    for (const step of this.#steps.keys()) if (step < first) this.#steps.delete(step);
    const points = Array.from({ length: PAST_MS / STEP_MS + 1 }, (_, at) => {
      const atMs = first + at * STEP_MS;
      return { atMs, counts: this.#steps.get(atMs) ?? {} };
    });
    return { stepMs: STEP_MS, points };
  }

  #begin(wallMs: number): void {
    this.#steps.clear();
    const of = { stepMs: STEP_MS, user: this.#user };
    for (const { atMs, counts } of this.#reader.board.ended(wallMs - PAST_MS, of)) {
      this.#steps.set(atMs, { ...counts });
    }
  }

  #grow(wallMs: number, { before, totals }: { before: TaskCounts; totals: TaskCounts }): void {
    for (const state of ENDED) {
      // Jobs that are forgotten take their numbers with them.
      const more = Math.max(0, (totals[state] ?? 0) - (before[state] ?? 0));
      if (more === 0) continue;
      const counts = this.#steps.get(stepOf(wallMs)) ?? {};
      this.#steps.set(stepOf(wallMs), counts);
      counts[state] = (counts[state] ?? 0) + more;
    }
  }
}

function stepOf(atMs: number): number {
  return Math.floor(atMs / STEP_MS) * STEP_MS;
}
