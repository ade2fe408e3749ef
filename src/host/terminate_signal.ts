/** SIGTERM as an AbortSignal, for a process that runs somebody else's code. */

/** Aborted when this process gets SIGTERM, which does not end it any more. It lasts for ever. */
export function onTerminate(): AbortSignal {
  const controller = new AbortController();
  const reason = new DOMException("The task is asked to end", "AbortError");
  Deno.addSignalListener("SIGTERM", () => controller.abort(reason));
  return controller.signal;
}
