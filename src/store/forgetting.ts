/**
 * Forgetting jobs that are done, a little at a time, and giving the room back to the disk. A part of
 * the store's one writer, which owns the connection.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";

/** So much free room inside the file is not worth giving back, in bytes. */
const MIN_FREE_BYTES = 4 * 1024 * 1024;

/** The highest generation ever used, those of forgotten jobs among them. */
export const LAST_GENERATION = `max(ifnull((SELECT max(generation) FROM jobs), 0),
  ifnull((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'last_generation'), 0))`;

/** See the head of this file. */
export class Forgetting {
  readonly #db: DatabaseSync;
  readonly #guard: (fn: () => void) => void;
  readonly #statements: ReturnType<typeof prepareAll>;

  /** @param guard runs what writes, and says in the store's own terms what went wrong */
  constructor(db: DatabaseSync, guard: (fn: () => void) => void) {
    this.#db = db;
    this.#guard = guard;
    this.#statements = prepareAll(db);
  }

  /**
   * Forgets jobs that are done, with everything about them, the oldest first.
   *
   * @param which up to `limit` that ended before a time, or all of a name
   * @param wallMs now, in ms since the epoch: each is told of
   * @returns how many
   */
  purge(
    which: { readonly endedBeforeMs: number; limit: number } | { name: string },
    wallMs: number,
  ): number {
    const s = this.#statements;
    const rows = "name" in which
      ? s.doneOf.all(which.name)
      : s.doneBefore.all(which.endedBeforeMs, which.limit);
    if (rows.length === 0) return 0;
    this.#transaction(() => {
      // A generation must never be used again, though its job is forgotten.
      s.rememberGeneration.run();
      for (const { generation, name } of rows) {
        s.purged.run(wallMs, String(name), Number(generation));
        s.forgotten.run(Number(generation));
        s.forgetJob.run(Number(generation));
      }
    });
    return rows.length;
  }

  /**
   * Removes rows of purged jobs: a job may have a million, so some at a time.
   *
   * @param limit how many rows at most, about
   * @returns how many were removed
   * @throws {IrisError} `storage_full` or `database`
   */
  sweep(limit: number): number {
    const s = this.#statements;
    const generation = s.nextForgotten.get()?.generation;
    if (generation === undefined) return 0;
    let removed = 0;
    this.#transaction(() => {
      removed = s.sweepMany.reduce(
        (sum, sweep) => sum + Number(sweep.run(generation, generation, limit - 1).changes),
        0,
      );
      if (removed >= limit) return;
      for (const sweep of s.sweepFew) sweep.run(generation);
      removed += Number(s.swept.run(generation).changes);
    });
    return removed;
  }

  /**
   * Gives room that is free inside the file back to the disk, when it is a tenth of the file or more.
   *
   * @param pages how many pages at most
   * @throws {IrisError} `storage_full` or `database`
   */
  shrink(pages: number): void {
    const { fileBytes, usedBytes } = this.size();
    if (fileBytes - usedBytes < Math.max(MIN_FREE_BYTES, fileBytes / 10)) return;
    // A row a page: `exec` would stop at the first.
    this.#guard(() => this.#db.prepare(`PRAGMA incremental_vacuum(${pages})`).all());
  }

  /** How large the database is, and how much of that holds something, in bytes. */
  size(): { readonly fileBytes: number; readonly usedBytes: number } {
    const of = (name: string) => Number(this.#db.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
    const [pages, free, pageBytes] = [of("page_count"), of("freelist_count"), of("page_size")];
    return { fileBytes: pages * pageBytes, usedBytes: (pages - free) * pageBytes };
  }

  /** How many jobs that are done ended before a time. */
  overdue(endedBeforeMs: number): number {
    return Number(this.#statements.overdue.get(endedBeforeMs)?.n ?? 0);
  }

  #transaction(fn: () => void): void {
    this.#guard(() => {
      this.#db.exec("BEGIN IMMEDIATE");
      fn();
      this.#db.exec("COMMIT");
    });
  }
}

function prepareAll(db: DatabaseSync) {
  const p = (sql: string): StatementSync => db.prepare(sql);
  return {
    doneOf: p("SELECT generation, name FROM jobs WHERE name = ? AND done = 1"),
    doneBefore: p(
      "SELECT generation, name FROM jobs WHERE done = 1 AND ended_ms < ? ORDER BY ended_ms LIMIT ?",
    ),
    overdue: p("SELECT count(*) AS n FROM jobs WHERE done = 1 AND ended_ms < ?"),
    rememberGeneration: p(
      `INSERT OR REPLACE INTO meta (key, value) SELECT 'last_generation', ${LAST_GENERATION}`,
    ),
    purged: p(
      "INSERT INTO events (at_ms, kind, job, generation, data) VALUES (?, 'job_purged', ?, ?, '{}')",
    ),
    forgotten: p("INSERT OR IGNORE INTO forgotten VALUES (?)"),
    forgetJob: p("DELETE FROM jobs WHERE generation = ?"),
    nextForgotten: p("SELECT generation FROM forgotten LIMIT 1"),
    sweepMany: ([["results", "lo"], ["details", "task"], ["returned", "task"]] as const).map((
      [table, key],
    ) =>
      p(
        `DELETE FROM ${table} WHERE generation = ? AND ${key} <= ifnull((SELECT ${key} FROM ${table}
         WHERE generation = ? ORDER BY ${key} LIMIT 1 OFFSET ?), 9e15)`,
      )
    ),
    sweepFew: ["charges", "lanes", "endpoints", "job_workers"].map((table) =>
      p(`DELETE FROM ${table} WHERE generation = ?`)
    ),
    swept: p("DELETE FROM forgotten WHERE generation = ?"),
  };
}
