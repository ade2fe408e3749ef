/**
 * Opens the database of a cluster: looks whether it is sound before anything is written, migrates
 * it, and counts the start. Used in the core isolate, whose loop owns what this returns.
 */
import { removeIfThere } from "../base/there.ts";
import { DatabaseSync } from "node:sqlite";
import { IrisError, messageOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { migrate, refuseNewer } from "./migrate.ts";
import { StoreWriter } from "./writer.ts";

/** How long a statement waits for another connection, in ms. */
const BUSY_MS = 5_000;
/** Larger databases are not read through at each start, in bytes. */
const FULL_CHECK_BYTES = 256 * 1024 * 1024;
/** The write-ahead log is cut to this after a checkpoint, in bytes. */
const JOURNAL_BYTES = 64 * 1024 * 1024;
/** What `PRAGMA auto_vacuum` says. */
const INCREMENTAL = 2;
const MAGIC = "SQLite format 3\0";

/** An opened store. */
export interface Store {
  readonly writer: StoreWriter;
  /** The cluster's id, as it was made at its first start. */
  readonly cluster: string;
  /** How often this store was opened for writing; grows by one each time. */
  readonly epoch: number;
}

/** What to open. */
export interface OpenStoreOptions {
  /** The file; its folder exists. */
  readonly path: string;
  /** Used when the store is new. */
  readonly clusterId: string;
  /**
   * True for a cluster that does not outlive its process: nothing waits for the disk. What a killed
   * process wrote is there all the same; after a crash of the machine nobody looks for it.
   */
  readonly temporary?: boolean;
}

/**
 * Opens or makes a store. A file that is damaged is refused and left exactly as it is.
 *
 * @throws {IrisError} `database` when it is damaged, was written by a newer Iris, or cannot be used
 */
export function openStore({ path, clusterId, temporary = false }: OpenStoreOptions): Store {
  const size = sizeOf(path);
  if (size !== null) checkSound(path, size);
  let db: DatabaseSync | null = null;
  try {
    db = new DatabaseSync(path, { timeout: BUSY_MS });
    db.exec(`PRAGMA synchronous = ${temporary ? "OFF" : "FULL"}`);
    if ((size ?? 0) <= FULL_CHECK_BYTES) makeShrinkable(db);
    db.exec("PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON");
    db.exec(`PRAGMA journal_size_limit = ${JOURNAL_BYTES}`);
    migrate(db);
    const { cluster, epoch } = beginEpoch(db, clusterId);
    return { writer: new StoreWriter(db, path), cluster, epoch };
  } catch (error) {
    db?.close();
    if (error instanceof IrisError) throw error;
    throw new IrisError("database", `The database ${path} cannot be used: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * Lets room inside the file be given back a little at a time. That is decided when a file is made; an
 * older one has to be written anew for it, which is done while it is small.
 */
function makeShrinkable(db: DatabaseSync): void {
  if (db.prepare("PRAGMA auto_vacuum").get()?.auto_vacuum === INCREMENTAL) return;
  // A new file has no page yet; of an older one each page moves. (The next line makes the first one.)
  const isNew = Number(db.prepare("PRAGMA page_count").get()?.page_count) === 0;
  db.exec("PRAGMA auto_vacuum = INCREMENTAL");
  if (isNew) return;
  try {
    db.exec("VACUUM");
  } catch (error) {
    // It works as well without: there may be no room for a copy.
    logger("store").warn("the database will not shrink by itself: {error}", {
      error: messageOf(error),
    });
  }
}

function sizeOf(path: string): number | null {
  try {
    const info = Deno.statSync(path);
    if (!info.isFile) throw new IrisError("database", `The database ${path} is not a file`);
    return info.size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/**
 * Reads a database, without a connection that could write.
 *
 * @param options.whole whether a large one is read through as well
 * @throws {IrisError} `database` when it is damaged, or was written by a newer Iris
 */
export function checkSound(
  path: string,
  size: number,
  options: { readonly whole?: boolean } = {},
): void {
  // A database that was never written to is new, unless a journal says that it was.
  if (size === 0 && (sizeOf(`${path}-wal`) ?? 0) === 0) return;
  if (!startsWell(path)) throw damaged(path, "it does not begin as a database does");
  const beside = [`${path}-wal`, `${path}-shm`].filter((file) => sizeOf(file) === null);
  let db: DatabaseSync | null = null;
  try {
    db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS });
    refuseNewer(db, path);
    if (size > FULL_CHECK_BYTES && options.whole !== true) return;
    const rows = db.prepare("PRAGMA quick_check(1)").all();
    const found = String(rows[0]?.quick_check ?? "no answer");
    if (found !== "ok") throw damaged(path, found);
  } catch (error) {
    if (error instanceof IrisError) throw error;
    throw damaged(path, messageOf(error), error);
  } finally {
    db?.close();
    // A reader of a write-ahead log makes these when there are none, and leaves them behind.
    for (const file of beside) removeIfThere(file);
  }
}

function startsWell(path: string): boolean {
  const file = Deno.openSync(path, { read: true });
  try {
    const head = new Uint8Array(MAGIC.length);
    const read = file.readSync(head) ?? 0;
    return read === head.length && new TextDecoder().decode(head) === MAGIC;
  } finally {
    file.close();
  }
}

function damaged(path: string, why: string, cause?: unknown): IrisError {
  const line = why.replaceAll(/\s+/g, " ").slice(0, 200);
  return new IrisError(
    "database",
    `The database ${path} is damaged (${line}) and was not touched. To recover: keep a copy of its ` +
      `folder, then restore a backup, or save what can be read with 'sqlite3 ${path} .recover', ` +
      `or move ${path}* away to begin with an empty cluster`,
    { cause },
  );
}

function beginEpoch(db: DatabaseSync, clusterId: string): { cluster: string; epoch: number } {
  const get = db.prepare("SELECT value FROM meta WHERE key = ?");
  const set = db.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)");
  const cluster = String(get.get("cluster")?.value ?? clusterId);
  const epoch = Number(get.get("epoch")?.value ?? 0) + 1;
  db.exec("BEGIN IMMEDIATE");
  set.run("cluster", cluster);
  set.run("epoch", String(epoch));
  db.exec("COMMIT");
  return { cluster, epoch };
}
