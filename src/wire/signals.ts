/** Signals that can be sent to a task, by name. Pure. */
import { editDistance } from "../base/edit_distance.ts";
import { IrisError } from "../base/errors.ts";

/** Every one that means something to a process of a user; those that are sent most come first. */
export const TASK_SIGNALS = [
  ...["SIGTERM", "SIGINT", "SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGQUIT"] as const,
  ...["SIGSTOP", "SIGCONT", "SIGTSTP", "SIGWINCH", "SIGALRM", "SIGABRT", "SIGTRAP"] as const,
  ...["SIGBUS", "SIGFPE", "SIGSEGV", "SIGPIPE", "SIGCHLD", "SIGTTIN", "SIGTTOU"] as const,
  ...["SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGPWR", "SIGSYS"] as const,
] as const;

/** One of {@linkcode TASK_SIGNALS}. */
export type TaskSignal = (typeof TASK_SIGNALS)[number];

/**
 * The signal that a word means: with or without `SIG`, in any case.
 *
 * @throws {IrisError} `invalid`, with the nearest one there is
 */
export function parseSignal(word: string): TaskSignal {
  const upper = word.toUpperCase();
  const given = upper.startsWith("SIG") ? upper : `SIG${upper}`;
  const found = TASK_SIGNALS.find((one) => one === given);
  if (found !== undefined) return found;
  const near = TASK_SIGNALS.reduce((a, b) =>
    editDistance(given, b) < editDistance(given, a) ? b : a
  );
  const hint = editDistance(given, near) <= 3 ? `. Did you mean ${near.slice(3)}?` : "";
  throw new IrisError("invalid", `Unknown signal "${word}"${hint}`, { field: "signal" });
}
