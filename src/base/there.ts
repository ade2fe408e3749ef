/** Whether something lies at a path, and how it is no longer there. */

/** True when something lies there that can be looked at; a link counts by itself. */
export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Removes what lies there, with all below it, if there is anything. @throws when it stays */
export function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
