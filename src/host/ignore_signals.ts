/** The kernel's own way to ignore signals: it holds until the last moment of a process. */

const SIG_IGN = 1n;
const NUMBERS = [2, 15] as const;

/**
 * From now on SIGINT and SIGTERM change nothing, also while the runtime itself goes: its handlers are
 * taken down before the process is gone. Does nothing where FFI is not to be had.
 */
export function ignoreSignals(): void {
  try {
    const libc = Deno.dlopen("libc.so.6", {
      signal: { parameters: ["i32", "pointer"], result: "pointer" },
    });
    for (const number of NUMBERS) {
      libc.symbols.signal(number, Deno.UnsafePointer.create(SIG_IGN));
    }
    libc.close();
  } catch {
    // The listeners hold as long as they can.
  }
}
