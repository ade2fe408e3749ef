/** How a task's last attempt ended, as a union that carries its data. Pure. */
import type { TaskView } from "../wire/api.ts";
import type { EndCause } from "../wire/reconcile.ts";

/** What every end has. */
export interface EndText {
  /** One line for a person. */
  readonly text: string;
  /** What else Iris knows of it, in one line, or null. */
  readonly detail: string | null;
}

/** Its process ended by itself. */
export interface ExitEnd extends EndText {
  readonly cause: "exit";
  /** Its exit code. */
  readonly code: number;
}

/** A signal ended it that Iris had not sent. */
export interface SignalEnd extends EndText {
  readonly cause: "signal";
  /** The signal's name, for instance `SIGSEGV`; `signal 64` for one without a name. */
  readonly signal: string;
}

/** Iris ended it, since it had reached a limit: of time, of memory, or of its folder. */
export interface LimitEnd extends EndText {
  readonly cause: "timeout" | "oom" | "disk";
}

/** Iris ended it for another reason: it was asked to, needed the room, or its gang broke. */
export interface StoppedEnd extends EndText {
  readonly cause: "cancelled" | "preempted" | "gang";
}

/** It was never started: it could not be, or found no place in time. */
export interface NotStartedEnd extends EndText {
  readonly cause: "launch_error" | "unschedulable";
}

/** Nobody saw its end: its worker was lost, forgot it, or does not know what became of it. */
export interface LostEnd extends EndText {
  readonly cause: "worker_lost" | "missing" | "unknown";
}

/** How an attempt ended; `cause` tells which it is. */
export type TaskEnd = ExitEnd | SignalEnd | LimitEnd | StoppedEnd | NotStartedEnd | LostEnd;

/** Linux's signals by number, the same on x86-64 and arm64. */
const SIGNALS: readonly string[] = [
  ...["", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV"],
  ...["USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU"],
  ...["URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS"],
];

/** What a cause without data says. */
const TEXTS = {
  timeout: "its time limit ended it",
  oom: "it ran out of memory",
  disk: "it wrote more to its folder than it may",
  cancelled: "it was asked to end",
  preempted: "it had to make room",
  gang: "another member of its gang ended badly",
  launch_error: "it could not be started",
  unschedulable: "it could not be placed",
  worker_lost: "its worker was lost",
  missing: "its worker knows nothing of it",
  unknown: "nobody saw how it ended",
} as const satisfies Record<Exclude<EndCause, "exit" | "signal">, string>;

/** How the last attempt of a task ended; null while it has not, or when there was none. */
export function endOf(
  { endCause, exitCode, detail }: Pick<TaskView, "endCause" | "exitCode" | "detail">,
): TaskEnd | null {
  if (endCause === null) return null;
  const said = (text: string) => ({ text: detail === null ? text : `${text}: ${detail}`, detail });
  if (endCause === "exit") {
    const code = exitCode ?? 0;
    return { cause: "exit", code, ...said(`exit code ${code}`) };
  }
  if (endCause === "signal") {
    const signal = signalName((exitCode ?? 128) - 128);
    return { cause: "signal", signal, ...said(signal) };
  }
  return { cause: endCause, ...said(TEXTS[endCause] ?? endCause) };
}

function signalName(number: number): string {
  const name = SIGNALS[number] ?? "";
  return name === "" ? `signal ${number}` : `SIG${name}`;
}
