/** One attempt that was started, as its keeper sees it. */
import { signalGroup, signalProcess } from "../../host/process_group.ts";
import type { ProcessEnd } from "../../host/spawner.ts";
import type { EndCause, StopReason } from "../../wire/reconcile.ts";
import { attemptUid } from "../../wire/runs.ts";
import type { KeeperSpec, StartedFact } from "../keeper_link.ts";
import type { Slot } from "./slots.ts";

/** Which attempt, without its job's name. */
export interface AttemptKey {
  readonly generation: number;
  readonly index: number;
  readonly attempt: number;
}

/** An attempt from its start until it is proved gone. */
export interface Attempt {
  readonly started: StartedFact;
  readonly slot: Slot;
  readonly spec: KeeperSpec;
  /** How its leader ended, once it did. */
  end: ProcessEnd | null;
  endedAtMs: number;
  /** Why it is being stopped. */
  reason: StopReason | null;
  /** When SIGKILL is due, on the clock; Infinity while it just runs. */
  killAtMs: number;
  forced: boolean;
  timedOut: boolean;
  timeoutAtMs: number;
  /** Processes of it that came back to us. */
  readonly orphans: Set<number>;
}

/** The derived uid of an attempt. */
export function uidOf(key: AttemptKey): string {
  return attemptUid(key.generation, key.index, key.attempt);
}

/** What an attempt's end means: a leader that ended by itself keeps its own result. */
export function causeOf(attempt: Attempt): { cause: EndCause; code: number } {
  const { end } = attempt;
  const code = end === null ? 137 : end.code ?? 128 + (end.signal ?? 0);
  if (attempt.timedOut) return { cause: "timeout", code };
  if (end !== null && end.code !== null && (attempt.reason === null || end.code === 0)) {
    return { cause: "exit", code };
  }
  if (attempt.reason !== null) return { cause: "cancelled", code };
  return { cause: end === null ? "unknown" : "signal", code };
}

/** Signals a process, and its group where it leads one. */
export function signalEach(pid: number, signal: Deno.Signal): void {
  signalGroup(pid, signal);
  signalProcess(pid, signal);
}
