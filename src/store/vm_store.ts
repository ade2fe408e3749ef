/**
 * What a VM manager writes down: a database of its own, `vms.db`, of one row for each slice that is
 * not proved gone. A row comes before its slice is asked for, and goes after it is gone, so that
 * what is there can always be compared with what should be. Used in the VM manager's isolate, whose
 * loop owns what this returns.
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { IrisError, messageOf } from "../base/errors.ts";

/** How long a statement waits for another connection, in ms. */
const BUSY_MS = 5_000;
/** The version of the schema below. */
const VERSION = 1;

const SCHEMA = `
  CREATE TABLE slices (
    slice TEXT PRIMARY KEY,
    grp TEXT NOT NULL,
    vms TEXT NOT NULL,              -- JSON, their names
    external_id TEXT,               -- the provider's own name, once it said so
    created_ms REAL NOT NULL,
    ready_ms REAL,                  -- when all of it was ready for the first time
    stopping TEXT                   -- why it shall go
  ) STRICT, WITHOUT ROWID;

  -- How slices of a group can be ended, also when it is configured no more.
  CREATE TABLE groups (
    name TEXT PRIMARY KEY,
    config TEXT NOT NULL,           -- JSON
    next INTEGER NOT NULL           -- the number of the next slice
  ) STRICT, WITHOUT ROWID;
`;

/** One slice. */
interface Row {
  readonly slice: string;
  readonly group: string;
  readonly vms: readonly string[];
  readonly externalId: string | null;
  readonly createdMs: number;
  readonly readyMs: number | null;
  readonly stopping: string | null;
}

/** A change; see `src/vm/vm_book.ts`, which is of the same rank and hands them over. */
type Change<Config> =
  | { readonly type: "intent"; readonly row: Row; readonly next: number }
  | { readonly type: "created"; readonly slice: string; readonly externalId: string | null }
  | { readonly type: "ready"; readonly slice: string; readonly readyMs: number }
  | { readonly type: "stopping"; readonly slice: string; readonly reason: string }
  | { readonly type: "removed"; readonly slice: string }
  | { readonly type: "group"; readonly config: Config };

/** What a group is known by. */
interface Named {
  readonly group: { readonly name: string };
}

/**
 * Opens or makes the database of a VM manager.
 *
 * @param folder where it lies; made when it is not there
 * @throws {IrisError} `database` when it cannot be used, or another VM manager uses it
 */
export function openVmStore<Config extends Named>(folder: string): VmStore<Config> {
  const path = `${folder}/vms.db`;
  let db: DatabaseSync | null = null;
  try {
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    db = new DatabaseSync(path, { timeout: BUSY_MS });
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    const version = Number(db.prepare("PRAGMA user_version").get()?.user_version ?? 0);
    if (version > VERSION) {
      const message = `The database ${path} was written by a newer Iris: use that version`;
      throw new IrisError("database", message);
    }
    if (version === 0) {
      db.exec(`BEGIN IMMEDIATE; ${SCHEMA}; PRAGMA user_version = ${VERSION}; COMMIT`);
    }
    return new VmStore<Config>(db);
  } catch (error) {
    db?.close();
    if (error instanceof IrisError) throw error;
    throw new IrisError(
      "database",
      `The database ${path} cannot be used (${messageOf(error)}). It says which VMs there are: ` +
        "where it is moved away, they are found by their label and deleted",
      { cause: error },
    );
  }
}

/** An opened database of a VM manager. */
export class VmStore<Config extends Named> {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** @param db with this version's schema */
  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** Everything that is written down. */
  read(): { slices: Row[]; groups: Config[]; next: Record<string, number> } {
    const slices = this.#of("SELECT * FROM slices ORDER BY created_ms, slice").all().map(rowOf);
    const groups: Config[] = [];
    const next: Record<string, number> = {};
    for (const row of this.#of("SELECT * FROM groups ORDER BY name").all()) {
      groups.push(JSON.parse(String(row.config)));
      next[String(row.name)] = Number(row.next);
    }
    return { slices, groups, next };
  }

  /** Writes changes in one transaction. @throws {IrisError} `storage_full` or `database` */
  write(changes: readonly Change<Config>[]): void {
    try {
      this.#db.exec("BEGIN IMMEDIATE");
      for (const change of changes) this.#apply(change);
      this.#db.exec("COMMIT");
    } catch (error) {
      try {
        this.#db.exec("ROLLBACK");
      } catch {
        // The failure has ended the transaction already.
      }
      const message = messageOf(error);
      throw new IrisError(/full/i.test(message) ? "storage_full" : "database", message, {
        cause: error,
      });
    }
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  #apply(change: Change<Config>): void {
    switch (change.type) {
      case "intent": {
        const { slice, group, vms, externalId, createdMs, readyMs, stopping } = change.row;
        const row = [slice, group, JSON.stringify(vms), externalId, createdMs, readyMs, stopping];
        this.#of("INSERT OR REPLACE INTO slices VALUES (?, ?, ?, ?, ?, ?, ?)").run(...row);
        this.#of("UPDATE groups SET next = max(next, ?) WHERE name = ?").run(change.next, group);
        return;
      }
      case "created":
        this.#of("UPDATE slices SET external_id = ? WHERE slice = ?")
          .run(change.externalId, change.slice);
        return;
      case "ready":
        this.#of("UPDATE slices SET ready_ms = ? WHERE slice = ?")
          .run(change.readyMs, change.slice);
        return;
      case "stopping":
        this.#of("UPDATE slices SET stopping = ? WHERE slice = ?")
          .run(change.reason, change.slice);
        return;
      case "removed":
        this.#of("DELETE FROM slices WHERE slice = ?").run(change.slice);
        return;
      case "group":
        this.#of(
          "INSERT INTO groups VALUES (?, ?, 0) ON CONFLICT (name) DO UPDATE SET config = excluded.config",
        ).run(change.config.group.name, JSON.stringify(change.config));
        return;
    }
  }

  #of(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, statement = this.#db.prepare(sql));
    return statement;
  }
}

function rowOf(row: Record<string, unknown>): Row {
  return {
    slice: String(row.slice),
    group: String(row.grp),
    vms: JSON.parse(String(row.vms)),
    externalId: row.external_id === null ? null : String(row.external_id),
    createdMs: Number(row.created_ms),
    readyMs: row.ready_ms === null ? null : Number(row.ready_ms),
    stopping: row.stopping === null ? null : String(row.stopping),
  };
}
