/** Brings a database to the schema of this program, in one transaction, or refuses. */
import type { DatabaseSync } from "node:sqlite";
import { IrisError } from "../base/errors.ts";
import { MIGRATIONS, SCHEMA_VERSION } from "./schema.ts";

/** The version of a database's schema; 0 for a new one. */
export function schemaVersion(db: DatabaseSync): number {
  const row = db.prepare("PRAGMA user_version").get();
  return Number(row?.user_version ?? 0);
}

/**
 * Refuses a database that a newer Iris wrote.
 *
 * @throws {IrisError} `database`
 */
export function refuseNewer(db: DatabaseSync, path: string): void {
  const version = schemaVersion(db);
  if (version <= SCHEMA_VERSION) return;
  throw new IrisError(
    "database",
    `The database ${path} was written by a newer Iris (schema ${version}, this one knows ` +
      `${SCHEMA_VERSION}): use that version, or another state folder`,
  );
}

/**
 * Migrates, all or nothing.
 *
 * @param migrations for tests; the schema's own unless given
 */
export function migrate(db: DatabaseSync, migrations: readonly string[] = MIGRATIONS): void {
  db.exec("BEGIN IMMEDIATE");
  try {
    for (let version = schemaVersion(db); version < migrations.length; version++) {
      db.exec(migrations[version]!);
      db.exec(`PRAGMA user_version = ${version + 1}`);
    }
    db.exec("COMMIT");
  } catch (error) {
    db.exec("ROLLBACK");
    throw error;
  }
}
