/** A long-lived child process with stdin and stdout as pipes, in a session of its own. */
import { messageOf } from "../base/errors.ts";
import { ownChild } from "./orphan_reaper.ts";

/** A child, its first line, and its end. */
export interface PipedProcess {
  readonly pid: number;
  /** The first line it prints; its last words when it ended before that. */
  firstLine(signal: AbortSignal): Promise<string>;
  /** Closes its stdin; twice does no harm. */
  closeStdin(): Promise<void>;
  /** Closes its stdin and lets it go on: it holds this process no more. */
  leave(): Promise<void>;
  /** Resolves when it ended, to how. */
  readonly ended: Promise<{ readonly how: string }>;
}

/** Starts a command; its stderr is ours. @throws when it cannot be started */
export function startPiped(command: readonly string[]): PipedProcess {
  const [path, ...args] = command;
  const child = new Deno.Command(path ?? "", {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
    detached: true,
  }).spawn();
  ownChild(child.pid);
  const first = Promise.withResolvers<string>();
  const left = new AbortController();
  const reading = readLines(child.stdout, { signal: left.signal, onFirst: first.resolve });
  let closing: Promise<void> | null = null;
  const closeStdin = () => {
    closing ??= child.stdin.close().catch(() => {});
    return closing;
  };
  const ended = (async () => {
    const { code, signal } = await child.status;
    first.resolve(`it ended with ${signal ?? `exit code ${code}`}`);
    await Promise.all([reading, closeStdin()]);
    return { how: signal ?? `exit code ${code}` };
  })();
  return {
    pid: child.pid,
    ended,
    closeStdin,
    async leave() {
      child.unref();
      left.abort();
      await Promise.all([reading, closeStdin()]);
    },
    firstLine(signal) {
      const given = Promise.withResolvers<never>();
      const onAbort = () => given.reject(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      return Promise.race([first.promise, given.promise])
        .finally(() => signal.removeEventListener("abort", onAbort));
    },
  };
}

async function readLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  { signal, onFirst }: { signal: AbortSignal; onFirst: (line: string) => void },
): Promise<void> {
  let text = "";
  let told = false;
  try {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream(), { signal })) {
      if (told) continue;
      text += chunk;
      if (!text.includes("\n")) continue;
      told = true;
      onFirst(text.slice(0, text.indexOf("\n")));
    }
  } catch (error) {
    onFirst(messageOf(error));
  }
}
