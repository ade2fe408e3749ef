/**
 * A look at a cluster's database as this program would find it at a start, without changing it: it
 * is copied, and the copy is opened, migrated and thrown away. A controller may be at work on it.
 */
import { DatabaseSync } from "node:sqlite";
import { IrisError, messageOf } from "../base/errors.ts";
import { schemaVersion } from "./migrate.ts";
import { checkSound, openStore } from "./open_store.ts";
import type { StoredState } from "./rows.ts";
import { SCHEMA_VERSION } from "./schema.ts";

/** How long it waits for a writer, in ms. */
const BUSY_MS = 5_000;

/** What a start would find. */
export interface Snapshot {
  readonly cluster: string;
  /** The epoch that a start would have. */
  readonly epoch: number;
  /** The schema of the file, and the one that a start would bring it to. */
  readonly schema: { readonly found: number; readonly needed: number };
  readonly state: StoredState;
  /** How many jobs that are done a start would forget at once. */
  readonly overdue: number;
}

/**
 * Takes a snapshot.
 *
 * @param path the database of a cluster
 * @param endedBeforeMs jobs that are done are overdue when they ended before this; null for none
 * @throws {IrisError} `database` when there is none, it is damaged, or there is no room for a copy
 */
export function takeSnapshot(path: string, endedBeforeMs: number | null): Snapshot {
  checkSound(path, sizeOf(path));
  let folder: string | null = null;
  try {
    folder = Deno.makeTempDirSync({ prefix: "iris-dry-run-" });
    const copy = `${folder}/iris.db`;
    const found = copyTo(path, copy);
    const { writer, cluster, epoch } = openStore({ path: copy, clusterId: "" });
    try {
      const overdue = endedBeforeMs === null ? 0 : writer.forgetting.overdue(endedBeforeMs);
      const schema = { found, needed: SCHEMA_VERSION };
      return { cluster, epoch, schema, state: writer.load(), overdue };
    } finally {
      writer.close();
    }
  } catch (error) {
    if (error instanceof IrisError) throw error;
    throw new IrisError("database", `The database ${path} cannot be copied: ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    if (folder !== null) Deno.removeSync(folder, { recursive: true });
  }
}

function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch (error) {
    throw new IrisError("database", `There is no database ${path}`, { cause: error });
  }
}

/** @returns the version of its schema */
function copyTo(path: string, copy: string): number {
  const db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS });
  try {
    db.prepare("VACUUM INTO ?").run(copy);
    return schemaVersion(db);
  } finally {
    db.close();
  }
}
