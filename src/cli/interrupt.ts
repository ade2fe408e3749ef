/** Ctrl-C for commands that own nothing: the first aborts what is waited for. */

/** Runs something with a signal that the first SIGINT or SIGTERM aborts. */
export async function interruptible<T>(run: (interrupted: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const onSignal = () => abort.abort();
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) Deno.addSignalListener(signal, onSignal);
  try {
    return await run(abort.signal);
  } finally {
    for (const signal of signals) Deno.removeSignalListener(signal, onSignal);
  }
}

/** Calls back for each SIGINT and SIGTERM. @returns ends that */
export function onInterrupt(callback: (signal: "SIGINT" | "SIGTERM") => void): () => void {
  const listeners = (["SIGINT", "SIGTERM"] as const).map((signal) =>
    [signal, () => callback(signal)] as const
  );
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  return () => {
    for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
  };
}
