/** Folders below a state folder. Any process or isolate may use it; it owns nothing. */

/**
 * Makes a folder whose parent is there; one that is there already is as good. It never makes the
 * parent as well: a part that is still starting while its state folder is removed would bring that
 * back, and leave it behind.
 *
 * @throws {Deno.errors.NotFound} when the parent is gone
 */
export function makeFolder(path: string, mode: number): void {
  try {
    Deno.mkdirSync(path, { mode });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    // A file in its place is none.
    if (!Deno.statSync(path).isDirectory) throw error;
  }
}
