/** Where copies of a database lie while they are sent. Pure. */

/** Beside the database; made and emptied at each start. */
export function backupFolder(database: string): string {
  return `${database}.backups`;
}
