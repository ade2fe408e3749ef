/**
 * What the pages of the dashboard read: lists, counts and ranges, aggregated by SQLite, so that no page
 * costs a look at every task. Shares the read-only connection of a {@linkcode StoreReader}, in the
 * server isolate.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { type Range, RangeSet } from "../model/range_set.ts";
import type { EventKind, EventView, JobState, TaskCounts, TaskState } from "../wire/api.ts";
import { fromBlob } from "./columns.ts";
import { eventOf } from "./event_row.ts";
import { numberOrNull, pendingOf, type Row, textOrNull } from "./job_row.ts";

/** A job as a list shows it: without its spec. Times are wall time in ms. */
export interface JobLine {
  readonly name: string;
  readonly generation: number;
  readonly user: string;
  readonly state: JobState;
  readonly done: boolean;
  readonly held: boolean;
  readonly counts: TaskCounts;
  readonly submittedAtMs: number;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly reason: string | null;
  readonly parent: number | null;
}

/** In which order jobs are listed. */
export const JOB_SORTS = ["new", "old", "name", "ended"] as const;

/** See {@linkcode JOB_SORTS}. */
export type JobSort = (typeof JOB_SORTS)[number];

/** Which jobs are listed. */
export interface JobQuery {
  /** Part of the name, upper and lower case alike; empty for any. */
  readonly text: string;
  /** Empty for any. */
  readonly states: readonly JobState[];
  readonly user: string | null;
  /** Only those that are done, and ended at or after this moment; null for any. */
  readonly endedSinceMs: number | null;
  readonly sort: JobSort;
  readonly offset: number;
  readonly limit: number;
}

/** A page of jobs, and how many there are of them in all. */
export interface JobLines {
  readonly jobs: readonly JobLine[];
  readonly total: number;
}

/** Jobs and tasks in numbers. */
export interface BoardCounts {
  /** Jobs by state, done or not. */
  readonly jobs: Readonly<Partial<Record<JobState, number>>>;
  /** Tasks by state, of jobs that run or wait. */
  readonly tasks: TaskCounts;
  /** What running tasks asked for, in thousandths of a core and in bytes. */
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  /** When the job was submitted that waits longest, wall ms; null when none waits. */
  readonly oldestPendingMs: number | null;
}

/** Tasks of a job that are next to each other and in one state. */
export interface StateRange {
  readonly from: number;
  readonly to: number;
  readonly state: TaskState;
}

/** Tasks that a worker holds of a job. */
export interface WorkerHolding {
  readonly job: string;
  readonly attempt: number;
  readonly state: "RUNNING" | "ASSIGNED";
  readonly ranges: readonly (readonly [from: number, to: number])[];
}

/** Which events are read, newest first. */
export interface EventQuery {
  /** Only older ones than this number. */
  readonly before: number | null;
  readonly kinds: readonly EventKind[];
  readonly job: string | null;
  readonly worker: string | null;
  /** Only those of jobs of this user. */
  readonly user: string | null;
  readonly limit: number;
}

/** How many tasks ended in an interval, by state. */
export interface EndedTasks {
  readonly atMs: number;
  readonly counts: TaskCounts;
}

/** The most rows of ends that are looked at for the past. */
const MAX_RESULT_ROWS = 200_000;
/** Jobs of which it is kept what a task of them asks for. */
const MAX_ASKS = 50_000;

const ORDER: Readonly<Record<JobSort, string>> = {
  new: "generation DESC",
  old: "generation ASC",
  name: "name ASC, generation DESC",
  // Those that have not ended come last: null is less than any number.
  ended: "ended_ms DESC, generation DESC",
};

const LINE = `generation, name, user, state, done, held, counts, submitted_ms, started_ms, ended_ms,
  reason, parent`;

/** See the head of this file. */
export class BoardReader {
  readonly #db: DatabaseSync;
  readonly #cluster: () => string;
  readonly #prepared = new Map<string, StatementSync>();
  /** What one task asks for, by generation: a spec never changes. */
  readonly #asks = new Map<number, readonly [cpuMilli: number, memoryBytes: number]>();

  /** @param db owned by whoever made it */
  constructor(db: DatabaseSync, cluster: () => string) {
    this.#db = db;
    this.#cluster = cluster;
  }

  /** Another number whenever the writer has committed something. Costs next to nothing. */
  version(): number {
    return Number(this.#sql("PRAGMA data_version").get()?.data_version ?? 0);
  }

  /** Some jobs, and how many there are. */
  jobs(query: JobQuery): JobLines {
    const { where, values } = whereOf(query);
    const rows = this.#sql(
      `SELECT ${LINE} FROM jobs ${where} ORDER BY ${ORDER[query.sort]} LIMIT ? OFFSET ?`,
    ).all(...values, query.limit, query.offset);
    const total = Number(this.#sql(`SELECT count(*) AS n FROM jobs ${where}`).get(...values)?.n);
    return { jobs: (rows as Row[]).map(lineOf), total };
  }

  /** Jobs under the name of another one, newest first. */
  children(generation: number, name: string, limit: number): JobLine[] {
    // All names between `/user/job/` and `/user/job0` begin with the former.
    return (this.#sql(
      `SELECT ${LINE} FROM jobs WHERE name > ? AND name < ? AND parent = ?
       ORDER BY generation DESC LIMIT ?`,
    ).all(`${name}/`, `${name}0`, generation, limit) as Row[]).map(lineOf);
  }

  /** Who has jobs, in order. */
  users(): string[] {
    return this.#sql("SELECT DISTINCT user FROM jobs ORDER BY user LIMIT 500").all()
      .map(({ user }) => String(user));
  }

  /** Everything in numbers, or only what is of one user. */
  counts(user: string | null): BoardCounts {
    const jobs: Partial<Record<JobState, number>> = {};
    const { and, of } = ofUser(user);
    const byState = this.#sql(
      `SELECT state, count(*) AS n FROM jobs WHERE true${and} GROUP BY state`,
    );
    for (const row of byState.all(...of)) {
      jobs[String(row.state) as JobState] = Number(row.n);
    }
    const tasks: Tally = {};
    // Thousands of jobs that wait have the same few numbers of tasks.
    const waiting = this.#sql(
      `SELECT counts, count(*) AS n, min(submitted_ms) AS oldest FROM jobs
       WHERE done = 0 AND state = 'PENDING'${and} GROUP BY counts`,
    ).all(...of);
    let oldestPendingMs: number | null = null;
    for (const { counts, n, oldest } of waiting) {
      addAll(tasks, JSON.parse(String(counts)) as TaskCounts, Number(n));
      oldestPendingMs = Math.min(oldestPendingMs ?? Infinity, Number(oldest));
    }
    const { cpuMilli, memoryBytes } = this.#running(user, tasks);
    return { jobs, tasks, cpuMilli, memoryBytes, oldestPendingMs };
  }

  /** What the tasks of jobs asked for that run, and what is where in these jobs. */
  #running(user: string | null, tasks: Tally): { cpuMilli: number; memoryBytes: number } {
    let [cpuMilli, memoryBytes] = [0, 0];
    const { and, of } = ofUser(user);
    const under = this.#sql(
      `SELECT generation, counts FROM jobs WHERE done = 0 AND state = 'RUNNING'${and}`,
    );
    for (const row of under.iterate(...of)) {
      const counts = JSON.parse(String(row.counts)) as TaskCounts;
      addAll(tasks, counts);
      const running = (counts.RUNNING ?? 0) + (counts.BUILDING ?? 0);
      if (running === 0) continue;
      const [cpu, memory] = this.#asked(Number(row.generation));
      cpuMilli += running * cpu;
      memoryBytes += running * memory;
    }
    return { cpuMilli, memoryBytes };
  }

  /** Tasks by state, of every job (of a user): what it grows by is what ended. */
  totals(user: string | null): TaskCounts {
    const { and, of } = ofUser(user);
    const tasks: Tally = {};
    const rows = this.#sql(
      `SELECT counts, count(*) AS n FROM jobs WHERE true${and} GROUP BY counts`,
    ).all(...of);
    for (const { counts, n } of rows) {
      addAll(tasks, JSON.parse(String(counts)) as TaskCounts, Number(n));
    }
    return tasks;
  }

  /**
   * How many tasks ended, by interval, since then. Of a very long past only a part may be looked at.
   *
   * @param sinceMs wall time
   * @param of.stepMs the length of an interval
   */
  ended(sinceMs: number, { stepMs, user }: { stepMs: number; user: string | null }): EndedTasks[] {
    const { and, of } = ofUser(user);
    const rows = this.#sql(
      `SELECT cast(ended_ms / ? AS INTEGER) AS step, state, sum(hi - lo) AS n FROM (
         SELECT ended_ms, state, lo, hi FROM results WHERE generation IN (
           SELECT generation FROM jobs WHERE (ended_ms IS NULL OR ended_ms >= ?)${and}
         ) AND ended_ms >= ? LIMIT ${MAX_RESULT_ROWS}
       ) GROUP BY 1, 2 ORDER BY 1`,
    ).all(stepMs, sinceMs, ...of, sinceMs) as Row[];
    const found = new Map<number, Tally>();
    for (const { step, state, n } of rows) {
      const atMs = Number(step) * stepMs;
      const counts = found.get(atMs) ?? {};
      found.set(atMs, counts);
      counts[String(state) as TaskState] = Number(n);
    }
    return [...found].map(([atMs, counts]) => ({ atMs, counts }));
  }

  /**
   * Where the tasks of a job are, in `cells` parts of equal size. What is pending is not said.
   *
   * @returns for each part how many tasks of it are in which state
   */
  cells(generation: number, of: { replicas: number; cells: number }): TaskCounts[] {
    const size = of.replicas / of.cells;
    const cells = Array.from({ length: of.cells }, (): Tally => ({}));
    const add = (state: TaskState, from: number, to: number) => {
      for (let cell = Math.floor(from / size); cell < of.cells && cell * size < to; cell++) {
        const n = Math.min(to, Math.ceil((cell + 1) * size)) -
          Math.max(from, Math.ceil(cell * size));
        if (n > 0) addAll(cells[cell]!, { [state]: n });
      }
    };
    // Ends of single tasks are many: SQLite counts them.
    const single = this.#sql(
      `SELECT cast(lo / ? AS INTEGER) AS cell, state, count(*) AS n FROM results
       WHERE generation = ? AND hi = lo + 1 GROUP BY 1, 2`,
    ).all(size, generation) as Row[];
    for (const { cell, state, n } of single) {
      addAll(cells[Math.min(of.cells - 1, Number(cell))]!, { [String(state)]: Number(n) });
    }
    const ranges = this.#sql(
      "SELECT lo, hi, state FROM results WHERE generation = ? AND hi > lo + 1",
    );
    for (const { lo, hi, state } of ranges.iterate(generation) as Iterable<Row>) {
      add(String(state) as TaskState, Number(lo), Number(hi));
    }
    for (const { from, to, state } of this.#live(generation)) add(state, from, to);
    return cells;
  }

  /** Tasks of a job in one of these states, by index, at most so many after `offset` of them. */
  tasksIn(
    generation: number,
    states: readonly TaskState[],
    page: { offset: number; limit: number },
  ): number[] {
    const ranges: StateRange[] = this.#live(generation).filter(({ state }) =>
      states.includes(state)
    );
    if (states.includes("PENDING")) ranges.push(...this.#pending(generation));
    const [isOne, values] = oneOf("state", states);
    const enough = page.offset + page.limit;
    const ended = this.#sql(
      `SELECT lo, hi, state FROM results WHERE generation = ? AND ${isOne}
       ORDER BY lo LIMIT ?`,
    ).all(generation, ...values, enough) as Row[];
    for (const { lo, hi, state } of ended) {
      ranges.push({ from: Number(lo), to: Number(hi), state: String(state) as TaskState });
    }
    ranges.sort((a, b) => a.from - b.from);
    const found: number[] = [];
    for (const { from, to } of ranges) {
      for (let index = from; index < to && found.length < enough; index++) found.push(index);
    }
    return found.slice(page.offset);
  }

  /** What a worker holds now, at most so many kinds of attempts. */
  heldBy(worker: string, { user, limit }: { user: string | null; limit: number }): WorkerHolding[] {
    const { and, of } = ofUser(user);
    const rows = this.#sql(
      `SELECT j.name, l.* FROM jobs j JOIN lanes l ON l.generation = j.generation AND l.worker = ?
       WHERE j.done = 0${and} LIMIT ?`,
    ).all(worker, ...of, limit) as Row[];
    return rows.flatMap((row): WorkerHolding[] => {
      const one = { job: String(row.name), attempt: Number(row.attempt) };
      const running = [row.running, row.preempted, row.disbanded].flatMap((cells) =>
        tripled(cells)
      );
      const waiting = [row.assigned, row.recalled]
        .flatMap((cells) => [...RangeSet.fromBounds(fromBlob(cells))]);
      return [
        ...(running.length === 0 ? [] : [{ ...one, state: "RUNNING" as const, ranges: running }]),
        ...(waiting.length === 0 ? [] : [{ ...one, state: "ASSIGNED" as const, ranges: waiting }]),
      ];
    });
  }

  /** Events, newest first. */
  events({ before, kinds, job, worker, user, limit }: EventQuery): EventView[] {
    const parts: Condition[] = [];
    if (before !== null) parts.push(["seq < ?", [before]]);
    if (kinds.length > 0) parts.push(oneOf("kind", kinds));
    if (job !== null) parts.push(["instr(lower(job), ?) > 0", [job.toLowerCase()]]);
    if (worker !== null) parts.push(["worker = ?", [worker]]);
    // All names between `/user/` and `/user0` begin with the former.
    if (user !== null) parts.push(["job > ? AND job < ?", [`/${user}/`, `/${user}0`]]);
    const { where, values } = allOf(parts);
    const rows = this.#sql(`SELECT * FROM events ${where} ORDER BY seq DESC LIMIT ?`)
      .all(...values, limit) as Row[];
    return rows.map((row) => eventOf(row, this.#cluster()));
  }

  /** What was told of one task, oldest first. */
  taskEvents(generation: number, task: number, limit: number): EventView[] {
    const rows = this.#sql(
      `SELECT * FROM events WHERE generation = ? AND kind IN ('task_ended', 'task_retried') AND (
         json_extract(data, '$.task') = ?
         OR (json_extract(data, '$.from') <= ? AND json_extract(data, '$.to') > ?)
       ) ORDER BY seq DESC LIMIT ?`,
    ).all(generation, task, task, task, limit) as Row[];
    return rows.reverse().map((row) => eventOf(row, this.#cluster()));
  }

  #pending(generation: number): StateRange[] {
    const row = this.#sql("SELECT pending, avoided FROM jobs WHERE generation = ?").get(generation);
    const cells = row === undefined ? [] : pendingOf(row as Row);
    return Array.from({ length: cells.length / 5 }, (_, at) => {
      return { from: cells[5 * at]!, to: cells[5 * at + 1]!, state: "PENDING" };
    });
  }

  #live(generation: number): StateRange[] {
    const found: StateRange[] = [];
    const rows = this.#sql("SELECT * FROM lanes WHERE generation = ?").all(generation) as Row[];
    for (const row of rows) {
      const building = RangeSet.fromBounds(fromBlob(row.building));
      const put = (state: TaskState, ranges: Iterable<Range>) => {
        for (const [from, to] of ranges) found.push({ from, to, state });
      };
      put("BUILDING", building);
      for (const cells of [row.assigned, row.recalled]) {
        const waiting = RangeSet.fromBounds(fromBlob(cells));
        for (const [from, to] of building) waiting.remove(from, to);
        put("ASSIGNED", waiting);
      }
      for (const cells of [row.running, row.preempted, row.disbanded]) {
        put("RUNNING", tripled(cells));
      }
    }
    return found;
  }

  #asked(generation: number): readonly [number, number] {
    const known = this.#asks.get(generation);
    if (known !== undefined) return known;
    const row = this.#sql(
      `SELECT json_extract(spec, '$.cpuMilli') AS cpu, json_extract(spec, '$.memoryBytes') AS memory
       FROM jobs WHERE generation = ?`,
    ).get(generation);
    const asked = [Number(row?.cpu ?? 0), Number(row?.memory ?? 0)] as const;
    if (this.#asks.size >= MAX_ASKS) this.#asks.clear();
    this.#asks.set(generation, asked);
    return asked;
  }

  /** Prepared when it is first needed: hardly any controller is looked at in its first second. */
  #sql(text: string): StatementSync {
    const known = this.#prepared.get(text);
    if (known !== undefined) return known;
    const statement = this.#db.prepare(text);
    this.#prepared.set(text, statement);
    return statement;
  }
}

/** Counts that grow. */
type Tally = Partial<Record<TaskState, number>>;

function addAll(tally: Tally, counts: TaskCounts, times = 1): void {
  for (const [state, n] of Object.entries(counts) as [TaskState, number][]) {
    tally[state] = (tally[state] ?? 0) + n * times;
  }
}

/** The part of a condition that is about whose jobs are looked at. */
function ofUser(user: string | null): { and: string; of: string[] } {
  return user === null ? { and: "", of: [] } : { and: " AND user = ?", of: [user] };
}

/** A part of a condition, and what stands for its question marks. */
type Condition = readonly [text: string, values: readonly SQLInputValue[]];

function oneOf(column: string, values: readonly string[]): Condition {
  return [`${column} IN (${values.map(() => "?").join(", ")})`, values];
}

/** All of them together; without any everything is meant. */
function allOf(parts: readonly Condition[]): { where: string; values: SQLInputValue[] } {
  return {
    where: parts.length === 0 ? "" : `WHERE ${parts.map(([text]) => text).join(" AND ")}`,
    values: parts.flatMap(([, given]) => given),
  };
}

function whereOf(
  { text, states, user, endedSinceMs }: JobQuery,
): { where: string; values: SQLInputValue[] } {
  const parts: Condition[] = [];
  if (text !== "") parts.push(["instr(lower(name), ?) > 0", [text.toLowerCase()]]);
  if (states.length > 0) parts.push(oneOf("state", states));
  if (user !== null) parts.push(["user = ?", [user]]);
  // What is done has an index by its end.
  if (endedSinceMs !== null) parts.push(["done = 1 AND ended_ms >= ?", [endedSinceMs]]);
  return allOf(parts);
}

function lineOf(row: Row): JobLine {
  return {
    name: String(row.name),
    generation: Number(row.generation),
    user: String(row.user),
    state: String(row.state) as JobState,
    done: row.done === 1,
    held: row.held === 1,
    counts: JSON.parse(String(row.counts)) as TaskCounts,
    submittedAtMs: Number(row.submitted_ms),
    startedAtMs: numberOrNull(row.started_ms),
    endedAtMs: numberOrNull(row.ended_ms),
    reason: textOrNull(row.reason),
    parent: numberOrNull(row.parent),
  };
}

function tripled(cells: unknown): [number, number][] {
  const numbers = fromBlob(cells);
  return Array.from({ length: numbers.length / 3 }, (_, at) => {
    return [numbers[3 * at]!, numbers[3 * at + 1]!];
  });
}
