/**
 * The mark that this program is in use, where it was unpacked: each start of the single file sets it
 * (`scripts/compile/header.sh`), and a version whose mark is old is removed when another one comes. A
 * process that lives long sets it again, since a home may be shared by hosts that see no processes of
 * each other. Runs in every process but tasks.
 */
import { everyInBackground } from "../base/background_timer.ts";
import type { Timer } from "../base/clock.ts";

/** How often the mark is set, in ms: far more often than a version gets old. */
const MARK_MS = 12 * 3_600_000;

/** The mark of a version. @param executable its Deno */
function markOf(executable: string): string {
  return `${executable.slice(0, executable.lastIndexOf("/"))}/.used`;
}

/** Sets the mark now; nothing happens where there is none: where this was not unpacked. */
export function setUsedMark(executable: string, now: Date): void {
  try {
    Deno.utimeSync(markOf(executable), now, now);
  } catch {
    // None, or not ours.
  }
}

/** Sets the mark of this program for as long as it lives. */
export function keepUsedMark(now: () => number): Timer {
  return everyInBackground(MARK_MS, () => setUsedMark(Deno.execPath(), new Date(now())));
}
