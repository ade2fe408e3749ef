/**
 * The one writer of a cluster's database. Owned by the core's loop. Nothing in it waits: a
 * transaction is begun, filled and committed in one go, and is on disk when `write` returns.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { IrisError, messageOf } from "../base/errors.ts";
import { fromBlob, toBlob } from "./columns.ts";
import { Forgetting, LAST_GENERATION } from "./forgetting.ts";
import { endpointRowOf, jobRowOf, type Row, textOrNull } from "./job_row.ts";
import type {
  ChargeRow,
  JobProgress,
  LaneRow,
  MarkedJob,
  RetryableJob,
  StoreChanges,
  StoredJob,
  StoredState,
  StoredWorker,
  StrikesRow,
  TokenChanges,
} from "./rows.ts";

/** So many events are kept; the count is looked at after so many were added. */
export const KEPT_EVENTS = 100_000;
const FORGET_EVENTS_EVERY = 1_000;

/** Writes and, at the start, reads everything that is not over. */
export class StoreWriter {
  readonly #db: DatabaseSync;
  readonly #path: string;
  readonly #statements: ReturnType<typeof prepareAll>;
  readonly #tokens: ReturnType<typeof prepareTokens>;
  /** What is done and may go. */
  readonly forgetting: Forgetting;
  #eventsAdded = 0;

  /** @param db open, migrated, and from now on owned by this */
  constructor(db: DatabaseSync, path: string) {
    this.#db = db;
    this.#path = path;
    this.#statements = prepareAll(db);
    this.#tokens = prepareTokens(db);
    this.forgetting = new Forgetting(db, (fn) => this.#guard(fn));
  }

  /**
   * Writes all or nothing; it is on disk when this returns.
   *
   * @throws {IrisError} `storage_full` when the disk takes no more for now, `database` when it could
   * not be written for another reason: nothing of it is stored
   */
  write(changes: StoreChanges): void {
    this.transaction(() => this.#apply(changes));
  }

  /**
   * Runs `fn` in one transaction: committed when it returns, rolled back when it throws.
   *
   * @throws {IrisError} `storage_full` or `database`, with what was thrown as its cause
   */
  transaction(fn: () => void): void {
    this.#guard(() => {
      this.#db.exec("BEGIN IMMEDIATE");
      fn();
      this.#db.exec("COMMIT");
    });
  }

  #guard(fn: () => void): void {
    try {
      fn();
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw new IrisError(
        noRoom(error) ? "storage_full" : "database",
        `The database ${this.#path} could not be written: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /** The newest job of each of these names; names that never were are left out. */
  newest(names: Iterable<string>): Map<string, StoredJob> {
    const found = new Map<string, StoredJob>();
    for (const name of names) {
      const row = this.#statements.byName.get(name);
      if (row === undefined) continue;
      const state = String(row.state) as StoredJob["state"];
      found.set(name, { generation: Number(row.generation), state });
    }
    return found;
  }

  /** What another try of the newest job of a name needs; null when there never was one. */
  retryable(name: string): RetryableJob | null {
    const s = this.#statements;
    const row = s.byName.get(name);
    if (row === undefined) return null;
    const { generation, user, spec } = jobRowOf(row);
    const succeeded = s.succeeded.all(generation).map(({ lo, hi }) =>
      [Number(lo), Number(hi)] as const
    );
    return { generation, user, spec, succeeded };
  }

  /** The job that a user's submit with this key made; null when there was none. */
  marked(user: string, key: string): MarkedJob | null {
    const row = this.#statements.byKey.get(user, key);
    if (row === undefined) return null;
    return { generation: Number(row.generation), digest: String(row.submit_digest) };
  }

  /** Everything that is not over. */
  load(): StoredState {
    const all = (sql: string) => this.#db.prepare(sql).all() as Row[];
    const open = "(SELECT generation FROM jobs WHERE done = 0)";
    return {
      jobs: all("SELECT * FROM jobs WHERE done = 0 ORDER BY generation").map(jobRowOf),
      lanes: all("SELECT * FROM lanes ORDER BY rowid").map(laneRowOf),
      charges: all(`SELECT * FROM charges WHERE generation IN ${open}`).map(chargeRowOf),
      workers: all("SELECT * FROM workers").map(workerRowOf),
      strikes: all("SELECT * FROM worker_strikes").map(strikesRowOf),
      endpoints: all(`SELECT * FROM endpoints WHERE generation IN ${open}`).map(endpointRowOf),
      lastGeneration: Number(all(`SELECT ${LAST_GENERATION} AS g`)[0]?.g ?? 0),
    };
  }

  /** Closes the connection; the journal is folded into the file. */
  close(): void {
    this.#db.close();
  }

  #apply(changes: StoreChanges): void {
    const s = this.#statements;
    for (const job of changes.newJobs) {
      s.newJob.run(
        job.generation,
        job.name,
        job.user,
        JSON.stringify(job.spec),
        job.submittedAtMs,
        job.parent,
        job.retryOf,
        job.submitted?.key ?? null,
        job.submitted?.digest ?? null,
      );
      this.#progress(job);
    }
    for (const job of changes.jobs) this.#progress(job);
    // Before the others: a lane may be gone and come back in one transaction.
    for (const key of changes.goneLanes) s.goneLane.run(key.generation, key.worker, key.attempt);
    for (const lane of changes.lanes) {
      s.jobWorker.run(lane.generation, lane.worker);
      s.lane.run(
        lane.generation,
        lane.worker,
        lane.attempt,
        toBlob(lane.assigned),
        toBlob(lane.recalled),
        toBlob(lane.running),
        toBlob(lane.stopping),
        toBlob(lane.preempted),
        toBlob(lane.disbanded),
        toBlob(lane.building),
      );
    }
    for (const [from, to] of changes.copiedResults) {
      s.copyResults.run(to, from);
      s.copyReturned.run(to, from);
    }
    for (const row of changes.results) s.result.run(...row);
    for (const row of changes.details) s.detail.run(...row);
    for (const row of changes.returned) s.returned.run(...row);
    for (const row of changes.charges) s.charge.run(...row);
    this.#applyEndpoints(changes);
    if (changes.tokens !== undefined) this.#applyTokens(changes.tokens);
    for (const event of changes.events) {
      const { atMs, kind, job, generation, worker, data } = event;
      s.event.run(atMs, kind, job, generation, worker, JSON.stringify(data));
    }
    this.#forgetEvents(changes.events.length);
    this.#applyWorkers(changes);
  }

  #applyWorkers(changes: StoreChanges): void {
    const s = this.#statements;
    const mark = () => {
      for (const { worker, drained, setAside } of changes.workerMarks) {
        s.workerMarks.run(drained, setAside?.why ?? null, setAside?.untilMs ?? null, worker);
      }
    };
    // Before as well: what is decided about a worker just as it is lost keeps its row.
    mark();
    for (const worker of changes.goneWorkers) s.goneWorker.run(worker);
    for (const w of changes.workers) {
      s.worker.run(
        w.worker,
        w.url,
        w.token,
        w.hostname,
        w.version,
        w.pid,
        w.cpuMilli,
        w.memoryBytes,
        JSON.stringify(w.resources),
        JSON.stringify(w.attributes),
        w.certificate ?? null,
      );
    }
    for (const { worker, atMs, strikes } of changes.strikes) {
      if (strikes === null) s.goneStrikes.run(worker);
      else s.strikes.run(worker, atMs, strikes);
    }
    mark();
  }

  #applyTokens({ given, revoked, used }: TokenChanges): void {
    const s = this.#tokens;
    for (const { id, hash, role, user, createdAtMs, createdBy, expiresAtMs } of given) {
      s.give.run(id, hash, role, user, createdAtMs, createdBy, expiresAtMs);
    }
    for (const [id, atMs] of used) s.use.run(atMs, id);
    for (const id of revoked) s.revoke.run(id);
  }

  #applyEndpoints(changes: StoreChanges): void {
    const s = this.#statements;
    for (const { generation, name, task } of changes.goneEndpoints) {
      s.goneEndpoint.run(generation, name, task);
    }
    for (const { generation, task, attempt, name, address, metadata } of changes.endpoints) {
      s.endpoint.run(generation, task, attempt, name, address, JSON.stringify(metadata));
    }
  }

  /** Now and then, so that it costs nothing: only the newest events are kept. */
  #forgetEvents(added: number): void {
    this.#eventsAdded += added;
    if (this.#eventsAdded < FORGET_EVENTS_EVERY) return;
    this.#eventsAdded = 0;
    this.#statements.forgetEvents.run(KEPT_EVENTS);
  }

  #progress(job: JobProgress): void {
    this.#statements.progress.run(
      job.state,
      job.done ? 1 : 0,
      JSON.stringify(job.counts),
      job.startedAtMs,
      job.endedAtMs,
      job.reason,
      job.quarantined,
      JSON.stringify(job.waits),
      job.held ? 1 : 0,
      job.eligibleAtMs,
      toBlob(job.pending),
      JSON.stringify(job.avoided),
      job.generation,
    );
    if (job.done) this.#statements.goneCharges.run(job.generation);
  }
}

/** What SQLite says of SQLITE_FULL, SQLITE_IOERR and SQLITE_READONLY; no result code comes along. */
const NO_ROOM = /database or disk is full|disk I\/O error|attempt to write a readonly database/;

/** Whether it is the disk that refused: it may take it later. */
function noRoom(error: unknown): boolean {
  return NO_ROOM.test(messageOf(error));
}

/** A worker that was lost may come back and tell of an attempt that a later one replaced. */
const KEEP_RETURNED = `INSERT INTO returned VALUES (?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET attempt = excluded.attempt, text = excluded.text
  WHERE excluded.attempt >= returned.attempt`;

/** What the tasks handed back whose results are copied. */
const COPY_RETURNED = `INSERT INTO returned
  SELECT ?, task, attempt, text FROM returned AS r WHERE generation = ?
  AND EXISTS (SELECT 1 FROM results WHERE generation = r.generation AND state = 'SUCCEEDED'
    AND lo <= r.task AND r.task < hi)`;

function prepareAll(db: DatabaseSync) {
  const p = (sql: string): StatementSync => db.prepare(sql);
  return {
    byName: p("SELECT * FROM jobs WHERE name = ? ORDER BY generation DESC LIMIT 1"),
    byKey: p(
      `SELECT generation, submit_digest FROM jobs WHERE user = ? AND submit_key = ?
       ORDER BY generation DESC LIMIT 1`,
    ),
    event: p(
      "INSERT INTO events (at_ms, kind, job, generation, worker, data) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    forgetEvents: p("DELETE FROM events WHERE seq <= (SELECT max(seq) FROM events) - ?"),
    succeeded: p(
      "SELECT lo, hi FROM results WHERE generation = ? AND state = 'SUCCEEDED' ORDER BY lo",
    ),
    copyResults: p(
      `INSERT INTO results SELECT ?, lo, hi, state, attempt, worker, cause, code, started_ms,
       ended_ms FROM results WHERE generation = ? AND state = 'SUCCEEDED'`,
    ),
    newJob: p(
      `INSERT INTO jobs (generation, name, user, spec, submitted_ms, parent, retry_of,
       submit_key, submit_digest, state, done, counts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'PENDING', 0, '{}')`,
    ),
    progress: p(
      `UPDATE jobs SET state = ?, done = ?, counts = ?, started_ms = ?, ended_ms = ?, reason = ?,
       quarantined = ?, waits = ?, held = ?, eligible_ms = ?, pending = ?, avoided = ?
       WHERE generation = ?`,
    ),
    lane: p(
      `INSERT INTO lanes (generation, worker, attempt, assigned, recalled, running, stopping,
       preempted, disbanded, building) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET assigned = excluded.assigned, recalled = excluded.recalled,
       running = excluded.running, stopping = excluded.stopping,
       preempted = excluded.preempted, disbanded = excluded.disbanded,
       building = excluded.building`,
    ),
    goneLane: p("DELETE FROM lanes WHERE generation = ? AND worker = ? AND attempt = ?"),
    jobWorker: p("INSERT OR IGNORE INTO job_workers VALUES (?, ?)"),
    result: p("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
    returned: p(KEEP_RETURNED),
    copyReturned: p(COPY_RETURNED),
    detail: p("INSERT OR REPLACE INTO details VALUES (?, ?, ?, ?)"),
    charge: p("INSERT OR REPLACE INTO charges VALUES (?, ?, ?, ?, ?)"),
    endpoint: p(
      `INSERT OR REPLACE INTO endpoints (generation, task, attempt, name, address, metadata)
       VALUES (?, ?, ?, ?, ?, ?)`,
    ),
    goneEndpoint: p("DELETE FROM endpoints WHERE generation = ? AND name = ? AND task = ?"),
    goneCharges: p("DELETE FROM charges WHERE generation = ?"),
    worker: p(
      `INSERT INTO workers (worker, url, token, hostname, version, pid, cpu_milli, memory_bytes,
       resources, attributes, certificate) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET url = excluded.url, token = excluded.token,
       hostname = excluded.hostname, version = excluded.version, pid = excluded.pid,
       cpu_milli = excluded.cpu_milli, memory_bytes = excluded.memory_bytes,
       resources = excluded.resources, attributes = excluded.attributes,
       certificate = excluded.certificate`,
    ),
    workerMarks: p(
      "UPDATE workers SET drained = ?, set_aside = ?, set_aside_until = ? WHERE worker = ?",
    ),
    strikes: p("INSERT OR REPLACE INTO worker_strikes VALUES (?, ?, ?)"),
    goneStrikes: p("DELETE FROM worker_strikes WHERE worker = ?"),
    // What was decided about a worker outlives its absence.
    goneWorker: p("DELETE FROM workers WHERE worker = ? AND drained IS NULL AND set_aside IS NULL"),
  };
}

function prepareTokens(db: DatabaseSync) {
  return {
    give: db.prepare(
      `INSERT INTO tokens (id, hash, role, user, created_ms, created_by, expires_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ),
    use: db.prepare("UPDATE tokens SET used_ms = ? WHERE id = ?"),
    revoke: db.prepare("DELETE FROM tokens WHERE id = ?"),
  };
}

function laneRowOf(row: Row): LaneRow {
  return {
    generation: Number(row.generation),
    worker: String(row.worker),
    attempt: Number(row.attempt),
    assigned: fromBlob(row.assigned),
    recalled: fromBlob(row.recalled),
    building: fromBlob(row.building),
    running: fromBlob(row.running),
    preempted: fromBlob(row.preempted),
    disbanded: fromBlob(row.disbanded),
    stopping: fromBlob(row.stopping),
  };
}

function chargeRowOf(row: Row): ChargeRow {
  const { generation, task, failures, losses, crashes } = row;
  return [Number(generation), Number(task), Number(failures), Number(losses), Number(crashes)];
}

function strikesRowOf({ worker, at_ms, strikes }: Row): StrikesRow {
  return { worker: String(worker), atMs: Number(at_ms), strikes: String(strikes) };
}

function workerRowOf(row: Row): StoredWorker {
  return {
    worker: String(row.worker),
    url: String(row.url),
    token: String(row.token),
    hostname: String(row.hostname),
    version: String(row.version),
    pid: Number(row.pid),
    cpuMilli: Number(row.cpu_milli),
    memoryBytes: Number(row.memory_bytes),
    // Written by this program from checked values.
    resources: JSON.parse(String(row.resources)) as Record<string, number>,
    attributes: JSON.parse(String(row.attributes)) as Record<string, string>,
    certificate: textOrNull(row.certificate),
    drained: textOrNull(row.drained),
    setAside: row.set_aside === null
      ? null
      : { why: String(row.set_aside), untilMs: Number(row.set_aside_until ?? 0) },
  };
}
