/**
 * A child process that is talked to through pipes: what is written to it, what it says on stdout and
 * stderr. In a session of its own, so that a Ctrl-C at our terminal is not one at its. Its owner ends
 * it; it may run in any isolate.
 */
import { ownChild } from "./orphan_reaper.ts";
import { signalGroup } from "./process_group.ts";

/** How a child is talked to. */
export interface TalkOptions {
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called with what came on stdout, and on stderr, as it comes. */
  readonly onOut: (bytes: Uint8Array) => void;
  readonly onErr: (bytes: Uint8Array) => void;
}

/** See the head of this file. */
export interface TalkingProcess {
  readonly pid: number;
  /** Resolves when the pipe took the bytes. @throws when nobody reads any more */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Closes its stdin; twice does no harm. */
  closeStdin(): Promise<void>;
  /** SIGKILLs it with its group. After its end it does nothing. */
  kill(): void;
  /** Resolves when it has ended and everything it said was told; its exit code, or the signal. */
  readonly ended: Promise<{ readonly code: number; readonly signal: string | null }>;
}

/** Starts a command. @throws when it cannot be started */
export function startTalking(command: readonly string[], options: TalkOptions): TalkingProcess {
  const [path = "", ...args] = command;
  const { env = {}, onOut, onErr } = options;
  const child = new Deno.Command(path, {
    ...{ args, env: { ...env }, detached: true },
    ...{ stdin: "piped", stdout: "piped", stderr: "piped" },
  }).spawn();
  ownChild(child.pid);
  const writer = child.stdin.getWriter();
  const readers = [child.stdout.getReader(), child.stderr.getReader()] as const;
  const reading = Promise.all([pump(readers[0], onOut), pump(readers[1], onErr)]);
  let live = true;
  let killed = false;
  let closing: Promise<void> | null = null;
  const closeStdin = () => {
    closing ??= writer.close().catch(() => {});
    return closing;
  };
  const ended = (async () => {
    const { code, signal } = await child.status;
    live = false;
    // What a killed child left may still hold the other end of its pipes.
    if (killed) { for (const reader of readers) await reader.cancel().catch(() => {}); }
    await Promise.all([reading, closeStdin()]);
    return { code, signal };
  })();
  return {
    pid: child.pid,
    ended,
    closeStdin,
    write: (bytes) => writer.write(bytes),
    kill() {
      if (!live) return;
      killed = true;
      // Not reaped yet, so the group is still its own.
      signalGroup(child.pid, "SIGKILL");
    },
  };
}

async function pump(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  take: (bytes: Uint8Array) => void,
): Promise<void> {
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      take(value);
    }
  } catch {
    // The pipe is gone with its process, whose end says how.
  }
}
