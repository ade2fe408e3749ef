/** A timer that keeps no process alive. Apart from the clock, which browsers and Node know as well. */
import type { Timer } from "./clock.ts";

/**
 * Calls `fn` every so many ms of the machine's own clock, until it is cancelled. It keeps no process
 * alive.
 */
export function everyInBackground(ms: number, fn: () => void): Timer {
  const id = setInterval(fn, ms);
  Deno.unrefTimer(id);
  return { cancel: () => clearInterval(id) };
}
