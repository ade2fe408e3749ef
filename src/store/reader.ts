/**
 * A read-only connection to a cluster's database: jobs and tasks as the API shows them. Used in the
 * server isolate, which owns it; it sees each commit of the core as soon as it was made.
 */
import { backup, DatabaseSync, type StatementSync } from "node:sqlite";
import { IrisError, messageOf } from "../base/errors.ts";
import type { EventView, JobState, JobView, TaskState, TaskView } from "../wire/api.ts";
import type { EndpointView } from "../wire/endpoints.ts";
import { shownSpec } from "../wire/secrets.ts";
import type { EndCause } from "../wire/reconcile.ts";
import { BoardReader } from "./board_reader.ts";
import { eventOf } from "./event_row.ts";
import { fromBlob } from "./columns.ts";
import { specFromStore } from "../wire/job_spec.ts";
import { endpointRowOf, jobRowOf, numberOrNull, type Row, textOrNull } from "./job_row.ts";
import { type TokenRow, tokenRowOf } from "./token_row.ts";

/** How long a read waits for the writer, in ms; with a write-ahead log it hardly ever does. */
const BUSY_MS = 2_000;

/** Which jobs to list. */
export interface ListFilter {
  readonly state?: JobState;
  /** Only those of this user. */
  readonly user?: string;
  /** Only those submitted at this time or later, wall ms. */
  readonly sinceMs?: number;
  readonly limit: number;
}

/** Which events to read. */
export interface EventFilter {
  readonly limit: number;
  /** Only those of this job. */
  readonly job?: string;
  /** Only those of jobs of this user. */
  readonly user?: string;
}

/** Part of a job's tasks. */
export interface TaskPage {
  readonly offset: number;
  readonly limit: number;
}

/**
 * Opens a store for reading. It must exist.
 *
 * @throws {IrisError} `database`
 */
export function openReader(path: string): StoreReader {
  try {
    return new StoreReader(new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS }));
  } catch (error) {
    throw new IrisError("database", `The database ${path} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Reads jobs and tasks. */
export class StoreReader {
  readonly #db: DatabaseSync;
  readonly #statements: ReturnType<typeof prepareAll>;
  #cluster: string | null = null;
  #board: BoardReader | null = null;

  /** @param db read-only, and from now on owned by this */
  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#statements = prepareAll(db);
  }

  /** What pages show, over the same connection. */
  get board(): BoardReader {
    return this.#board ??= new BoardReader(this.#db, () => this.cluster);
  }

  /** Jobs, newest first. */
  jobs({ state, user, sinceMs, limit }: ListFilter): JobView[] {
    const s = this.#statements;
    if (user !== undefined || sinceMs !== undefined) {
      const of = { state: state ?? null, user: user ?? null, since: sinceMs ?? 0, limit };
      return (s.jobsOf.all(of) as Row[]).map(jobViewOf);
    }
    const rows = state === undefined ? s.jobs.all(limit) : s.jobsByState.all(state, limit);
    return (rows as Row[]).map(jobViewOf);
  }

  /** The newest job of a name, or null. */
  job(name: string): JobView | null {
    const row = this.#statements.viewByName.get(name);
    return row === undefined ? null : jobViewOf(row as Row);
  }

  /** One job, or null. */
  jobByGeneration(generation: number): JobView | null {
    const row = this.#statements.byGeneration.get(generation);
    return row === undefined ? null : jobViewOf(row as Row);
  }

  /** Tasks of the newest job of a name, in index order; none when there is no such job. */
  tasks(name: string, page: TaskPage): TaskView[] {
    const row = this.#statements.byName.get(name) as Row | undefined;
    if (row === undefined) return [];
    const job = jobRowOf(row);
    const from = Math.max(0, page.offset);
    const to = Math.min(job.spec.replicas, from + page.limit);
    if (from >= to) return [];
    const window = new TaskWindow(name, { from, to });
    window.pending(job.pending);
    const s = this.#statements;
    const { generation } = job;
    // A row at a time would cost three times as much, and a page is bounded.
    for (const lane of s.lanes.all(generation)) window.lane(lane as Row);
    for (const result of s.results.all(generation, generation, from, to)) {
      window.result(result as unknown as ResultCells);
    }
    for (const detail of s.details.all(generation, from, to)) window.detail(detail as Row);
    return window.tasks;
  }

  /** What the given attempt of a task handed back, as the text of a `Returned`, or null. */
  returned(generation: number, of: { task: number; attempt: number }): string | null {
    const row = this.#statements.returned.get(generation, of.task, of.attempt);
    return row === undefined ? null : String(row.text);
  }

  /**
   * Changes after a point, oldest first.
   *
   * @param after the number of the last one that was seen
   * @throws {IrisError} `gone` when what came after it is not kept any more
   */
  events(after: number, { limit, job, user }: EventFilter): EventView[] {
    const s = this.#statements;
    const first = s.eventRange.get()?.first as number | null;
    if (first !== null && after < first - 1) {
      throw new IrisError("gone", `Events up to ${first - 1} are not kept any more`, {
        field: "after",
      });
    }
    const rows = user !== undefined
      ? s.eventsOfUser.all(after, `/${user}/`, job ?? null, limit)
      : job === undefined
      ? s.events.all(after, limit)
      : s.eventsOf.all(after, job, limit);
    return (rows as Row[]).map((row) => eventOf(row, this.cluster));
  }

  /** The number of the oldest event that is kept; 1 when there is none. */
  firstEvent(): number {
    return Number(this.#statements.eventRange.get()?.first ?? 1);
  }

  /** The number of the newest event; 0 when there is none. */
  lastEvent(): number {
    return Number(this.#statements.eventRange.get()?.last ?? 0);
  }

  /** A token that was given out, or null. */
  token(id: string): TokenRow | null {
    const row = this.#statements.token.get(id);
    return row === undefined ? null : tokenRowOf(row as Row);
  }

  /** All of them, oldest first. */
  tokens(): TokenRow[] {
    return (this.#statements.tokens.all() as Row[]).map(tokenRowOf);
  }

  /** The cluster's id. */
  get cluster(): string {
    return this.#cluster ??= String(this.#statements.cluster.get()?.value ?? "");
  }

  /** Which of these are not stored. */
  unknownOf(generations: readonly number[]): number[] {
    const { exists } = this.#statements;
    return generations.filter((generation) => exists.get(generation) === undefined);
  }

  /** Where attempts of a job can be reached that live; only under one name when that is given. */
  endpoints(generation: number, name: string | null): EndpointView[] {
    const s = this.#statements;
    const rows = name === null
      ? s.endpoints.all(generation)
      : s.endpointsNamed.all(generation, name);
    return (rows as Row[]).map((row) => {
      const { generation: _, ...endpoint } = endpointRowOf(row);
      return endpoint;
    });
  }

  /** Workers that ever held anything of a job, and so may have logs of it. */
  workersOf(generation: number): string[] {
    return this.#statements.workers.all(generation).map((row) => String(row.worker));
  }

  /** Jobs that are done and have a webhook. */
  doneWithWebhook(): number[] {
    return this.#statements.webhooks.all().map(({ generation }) => Number(generation));
  }

  /** Bundles that jobs refer to, and whether one of them is not done. */
  bundles(): { hash: string; open: boolean }[] {
    return this.#statements.bundles.all().map(({ hash, open }) => ({
      hash: String(hash),
      open: open === 1,
    }));
  }

  /**
   * Writes everything, as it is at one moment, into a new file; the writer goes on meanwhile. (`VACUUM
   * INTO` would attach the file, which an isolate may not that may not do everything.)
   *
   * @throws {IrisError} `database` when it cannot be written
   */
  async copyTo(path: string): Promise<void> {
    try {
      await backup(this.#db, path);
    } catch (error) {
      throw new IrisError("database", `The backup could not be written: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /** Closes the connection. */
  close(): void {
    this.#db.close();
  }
}

/** What is shown of a job: what waits of it may be large, and is of no use there. */
const VIEWED = "generation, name, spec, submitted_ms, state, done, counts, started_ms, ended_ms, " +
  "reason, held, parent, retry_of";

/** A row of `results` as the statement gives it. */
type ResultCells = readonly [
  lo: number,
  hi: number,
  state: TaskState,
  attempt: number | null,
  worker: string | null,
  cause: EndCause | null,
  code: number | null,
  startedAtMs: number | null,
  endedAtMs: number,
];

/** Rows as arrays: a page of a hundred costs two thirds. */
function asArrays(statement: StatementSync): StatementSync {
  // The types of this version do not have it yet.
  (statement as StatementSync & { setReturnArrays(on: boolean): void }).setReturnArrays(true);
  return statement;
}

function prepareAll(db: DatabaseSync) {
  const p = (sql: string): StatementSync => db.prepare(sql);
  return {
    cluster: p("SELECT value FROM meta WHERE key = 'cluster'"),
    eventRange: p("SELECT min(seq) AS first, max(seq) AS last FROM events"),
    events: p("SELECT * FROM events WHERE seq > ? ORDER BY seq LIMIT ?"),
    eventsOf: p("SELECT * FROM events WHERE seq > ? AND job = ? ORDER BY seq LIMIT ?"),
    eventsOfUser: p(
      `SELECT * FROM events WHERE seq > ?1 AND substr(job, 1, length(?2)) = ?2
       AND (?3 IS NULL OR job = ?3) ORDER BY seq LIMIT ?4`,
    ),
    jobs: p(`SELECT ${VIEWED} FROM jobs ORDER BY generation DESC LIMIT ?`),
    jobsByState: p(
      `SELECT ${VIEWED} FROM jobs WHERE state = ? ORDER BY generation DESC LIMIT ?`,
    ),
    jobsOf: p(
      `SELECT ${VIEWED} FROM jobs WHERE (:state IS NULL OR state = :state)
       AND (:user IS NULL OR user = :user) AND submitted_ms >= :since
       ORDER BY generation DESC LIMIT :limit`,
    ),
    byName: p("SELECT * FROM jobs WHERE name = ? ORDER BY generation DESC LIMIT 1"),
    viewByName: p(`SELECT ${VIEWED} FROM jobs WHERE name = ? ORDER BY generation DESC LIMIT 1`),
    byGeneration: p(`SELECT ${VIEWED} FROM jobs WHERE generation = ?`),
    token: p("SELECT * FROM tokens WHERE id = ?"),
    tokens: p("SELECT * FROM tokens ORDER BY created_ms, id"),
    exists: p("SELECT 1 FROM jobs WHERE generation = ?"),
    workers: p("SELECT worker FROM job_workers WHERE generation = ?"),
    bundles: p(
      `SELECT json_extract(spec, '$.bundle') AS hash, max(done = 0) AS open FROM jobs
       WHERE json_extract(spec, '$.bundle') IS NOT NULL GROUP BY 1`,
    ),
    webhooks: p(
      `SELECT generation FROM jobs
       WHERE json_extract(spec, '$.webhook') IS NOT NULL AND done = 1 ORDER BY generation`,
    ),
    endpoints: p("SELECT * FROM endpoints WHERE generation = ? ORDER BY name, task"),
    endpointsNamed: p("SELECT * FROM endpoints WHERE generation = ? AND name = ? ORDER BY task"),
    lanes: p("SELECT * FROM lanes WHERE generation = ?"),
    // Results do not overlap: the last that begins at or before `from` may reach into the page.
    results: asArrays(p(
      `SELECT lo, hi, state, attempt, worker, cause, code, started_ms, ended_ms FROM results
       WHERE generation = ?
       AND lo >= ifnull((SELECT max(lo) FROM results WHERE generation = ? AND lo <= ?), 0)
       AND lo < ? ORDER BY lo`,
    )),
    returned: p("SELECT text FROM returned WHERE generation = ? AND task = ? AND attempt = ?"),
    details: p("SELECT * FROM details WHERE generation = ? AND task >= ? AND task < ?"),
  };
}

function jobViewOf(row: Row): JobView {
  const spec = specFromStore(String(row.spec));
  return {
    name: String(row.name),
    generation: Number(row.generation),
    state: String(row.state) as JobState,
    replicas: spec.replicas,
    counts: JSON.parse(String(row.counts)) as JobView["counts"],
    done: row.done === 1,
    submittedAtMs: Number(row.submitted_ms),
    startedAtMs: numberOrNull(row.started_ms),
    endedAtMs: numberOrNull(row.ended_ms),
    reason: textOrNull(row.reason),
    held: row.held === 1,
    parent: numberOrNull(row.parent),
    retryOf: numberOrNull(row.retry_of),
    spec: shownSpec(spec),
  };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Part of a job's tasks, filled in from the tables one after the other. */
class TaskWindow {
  readonly tasks: Mutable<TaskView>[] = [];
  readonly #from: number;
  readonly #to: number;

  constructor(job: string, { from, to }: { from: number; to: number }) {
    this.#from = from;
    this.#to = to;
    for (let index = from; index < to; index++) {
      this.tasks.push({
        name: `${job}/${index}`,
        index,
        state: "PENDING",
        attempt: null,
        worker: null,
        startedAtMs: null,
        endedAtMs: null,
        exitCode: null,
        endCause: null,
        detail: null,
      });
    }
  }

  /** A pending task shows the attempt before, if there was one. */
  pending(cells: readonly number[]): void {
    for (let i = 0; i < cells.length; i += 5) {
      const attempt = cells[i + 2]! - 1;
      if (attempt >= 0) this.#each(cells[i]!, cells[i + 1]!, (task) => task.attempt = attempt);
    }
  }

  lane(row: Row): void {
    const attempt = Number(row.attempt);
    const worker = String(row.worker);
    const set = (state: TaskState, startedAtMs: number | null) => (task: Mutable<TaskView>) => {
      Object.assign(task, { state, attempt, worker, startedAtMs });
    };
    // What is being built is in one of the others as well.
    const waiting = [["ASSIGNED", row.assigned], ["ASSIGNED", row.recalled]] as const;
    for (const [state, column] of [...waiting, ["BUILDING", row.building] as const]) {
      const bounds = fromBlob(column);
      for (let i = 0; i < bounds.length; i += 2) {
        this.#each(bounds[i]!, bounds[i + 1]!, set(state, null));
      }
    }
    for (const column of [row.running, row.preempted, row.disbanded]) {
      const cells = fromBlob(column);
      for (let i = 0; i < cells.length; i += 3) {
        this.#each(cells[i]!, cells[i + 1]!, set("RUNNING", cells[i + 2]!));
      }
    }
  }

  result(cells: ResultCells): void {
    const [lo, hi, state, attempt, worker, cause, code, startedAtMs, endedAtMs] = cells;
    this.#each(lo, hi, (task) => {
      task.state = state;
      task.attempt = attempt;
      task.worker = worker;
      task.startedAtMs = startedAtMs;
      task.endedAtMs = endedAtMs;
      task.endCause = cause;
      task.exitCode = code;
    });
  }

  detail(row: Row): void {
    const task = this.tasks[Number(row.task) - this.#from];
    if (task !== undefined && task.attempt === row.attempt) task.detail = String(row.text);
  }

  #each(from: number, to: number, change: (task: Mutable<TaskView>) => void): void {
    const end = Math.min(to, this.#to);
    for (let index = Math.max(from, this.#from); index < end; index++) {
      change(this.tasks[index - this.#from]!);
    }
  }
}
