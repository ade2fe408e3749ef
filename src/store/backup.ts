/** A cluster's database as one file: taken while the cluster runs, and put back while it does not. */
import { DatabaseSync } from "node:sqlite";
import { IrisError } from "../base/errors.ts";
import { checkSound } from "./open_store.ts";

/**
 * Checks that a file is a whole database of a version that this program knows. The file is not
 * changed.
 *
 * @throws {IrisError} `database`
 */
export function checkBackup(path: string): void {
  let size: number;
  try {
    size = Deno.statSync(path).size;
  } catch (error) {
    throw new IrisError("database", `The backup ${path} cannot be read`, { cause: error });
  }
  if (size === 0) throw new IrisError("database", `The backup ${path} is empty`);
  checkSound(path, size, { whole: true });
}

/**
 * Puts a backup in the place of a cluster's database, which must not be open.
 *
 * @param of.backup the file to take it from; it is copied
 * @param of.database where the cluster looks for its database
 * @param of.wallMs now, in ms since the epoch
 * @returns where an earlier database was kept, or null when there was none
 * @throws {IrisError} `database` when the backup is not sound; nothing has changed then
 */
export function restoreBackup(
  of: { backup: string; database: string; wallMs: number },
): { kept: string | null } {
  const { backup, database, wallMs } = of;
  checkBackup(backup);
  const fresh = `${database}.restoring`;
  Deno.copyFileSync(backup, fresh);
  raiseEpoch(fresh, Math.floor(wallMs / 1_000));
  const kept = keepEarlier(database, wallMs);
  Deno.renameSync(fresh, database);
  return { kept };
}

/**
 * Workers obey the highest epoch that they saw, and since the backup was taken there were higher ones
 * than it tells of. Seconds since 1970 are above any count of starts, and grow from restore to restore.
 */
function raiseEpoch(path: string, epoch: number): void {
  const db = new DatabaseSync(path);
  try {
    db.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES ('epoch', ?)").run(String(epoch));
  } finally {
    db.close();
  }
}

function keepEarlier(database: string, wallMs: number): string | null {
  const stamp = new Date(wallMs).toISOString().replaceAll(/[:.]/g, "-");
  const kept = `${database}.${stamp}`;
  let found = false;
  for (const suffix of ["", "-wal", "-shm"]) {
    try {
      Deno.renameSync(database + suffix, kept + suffix);
      found = true;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return found ? kept : null;
}
