/** The kernel's own way to ignore signals: it holds until the last moment of a process. */
import { type Clock, sleep } from "../base/clock.ts";

/** How long what came before may take to be handled, in ms. */
const HANDLED_MS = 500;
const SIG_IGN = 1n;
const NUMBERS = [2, 15] as const;

/**
 * From now on SIGINT and SIGTERM change nothing, also while the runtime itself goes: its handlers are
 * taken down before the process is gone. Does nothing where FFI is not to be had.
 *
 * One that came before is handled when this resolves. The runtime takes signals in on a thread of its own,
 * and one that it sees once the listeners are gone ends the process, however long ago it was sent.
 */
export async function ignoreSignals(clock: Clock): Promise<void> {
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
  const handled = new AbortController();
  const done = () => handled.abort();
  // It says nothing by itself, and that thread takes it in after the two others.
  Deno.addSignalListener("SIGWINCH", done);
  Deno.kill(Deno.pid, "SIGWINCH");
  await sleep(clock, HANDLED_MS, handled.signal);
  Deno.removeSignalListener("SIGWINCH", done);
}
