/** The folder in which copies of the database lie while they are sent. Runs in main. */
import { removeIfThere } from "../../base/there.ts";
import { backupFolder } from "../../store/backup_folder.ts";

/** Makes it, and removes what a server that was killed left there. */
export function emptyBackups(database: string): void {
  const folder = backupFolder(database);
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const { name } of Deno.readDirSync(folder)) removeIfThere(`${folder}/${name}`);
}
