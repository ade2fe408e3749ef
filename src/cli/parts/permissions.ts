/**
 * What each isolate of a controller may do: no program is started and no foreign code called by any of
 * them, and each reads and writes what is its own. Runs in main.
 *
 * Isolates of workers and VM managers are not in this list. They start programs, call foreign functions
 * or read `/proc`, which Deno gives only to who may do everything.
 */
import { bookFolder } from "../../controller/manager_book.ts";
import { programFolder } from "../../host/self_command.ts";
import { backupFolder } from "../../store/backup_folder.ts";

/** What it takes to say it. */
export interface ControllerFolders {
  readonly database: string;
  readonly bundles: string;
  /** The file of what is settled about webhooks; null where none are called. */
  readonly webhookBook?: string | null;
}

const NOTHING = {
  ...{ env: false, ffi: false, import: false, net: false, run: false, sys: false },
  write: false,
} as const;

/** See the head of this file. */
export function controllerPermissions(
  { database, bundles, webhookBook = null }: ControllerFolders,
): Readonly<
  Record<
    "core" | "heartbeat" | "server" | "autoscaler" | "scheduling" | "webhooks",
    Deno.PermissionOptionsObject
  >
> {
  // What is only loaded at times is read then.
  const program = programFolder();
  const files = allFilesOf(database);
  const book = webhookBook === null ? [] : [webhookBook, `${webhookBook}.new`];
  const kept = [...files, bundles, backupFolder(database), bookFolder(database)];
  return {
    core: { ...NOTHING, read: [program, ...files], write: files },
    heartbeat: { ...NOTHING, net: true, read: [program] },
    server: { ...NOTHING, net: true, read: [program, ...kept], write: kept },
    autoscaler: { ...NOTHING, read: [program] },
    scheduling: { ...NOTHING, read: [program] },
    webhooks: {
      ...NOTHING,
      net: true,
      read: [program, ...files, ...book],
      write: [...files, ...book],
    },
  };
}

/** A database with the files that SQLite puts beside it. */
function allFilesOf(database: string): string[] {
  return ["", "-wal", "-shm", "-journal"].map((end) => `${database}${end}`);
}
