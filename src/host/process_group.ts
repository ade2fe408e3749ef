/** Signals to process groups, and whether anything of one is left. */

/** Sends a signal to a whole group; false when there is none. */
export function signalGroup(group: number, signal: Deno.Signal): boolean {
  return sendSignal(-group, signal);
}

/** Sends a signal to one process; false when it is gone. */
export function signalProcess(pid: number, signal: Deno.Signal): boolean {
  return sendSignal(pid, signal);
}

function sendSignal(target: number, signal: Deno.Signal): boolean {
  try {
    Deno.kill(target, signal);
    return true;
  } catch (error) {
    // Not ours to signal means that it is there.
    return error instanceof Deno.errors.PermissionDenied;
  }
}

/**
 * True while a process of this group exists, a zombie included. Asks with SIGURG, which does nothing
 * where nobody asked for it: Deno knows no signal 0, and `node:process`, which does, costs 10 ms of
 * every start.
 */
export function groupExists(group: number): boolean {
  return sendSignal(-group, "SIGURG");
}
