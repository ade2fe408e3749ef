/** One attempt that was started, as its keeper sees it. */
import { environOf, openFile, processStat } from "../../host/proc.ts";
import { signalGroup, signalProcess } from "../../host/process_group.ts";
import type { ProcessEnd } from "../../host/spawner.ts";
import type { EndCause, StopReason } from "../../wire/reconcile.ts";
import { attemptUid, type Run } from "../../wire/runs.ts";
import type { KeeperSpec, StartedFact } from "../keeper_link.ts";
import { MARKER } from "./marker.ts";
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

/** An attempt as a run of one. */
export function runOf({ started: { generation, index, attempt } }: Attempt): Run {
  return [generation, index, index + 1, attempt];
}

/** True when runs name this attempt. */
export function isOneOf(key: AttemptKey, runs: readonly Run[]): boolean {
  return runs.some((run) =>
    run[0] === key.generation && run[1] <= key.index && key.index < run[2] &&
    run[3] === key.attempt
  );
}

/**
 * Whose a process is: by session, by the marker in its environment, by the file it writes to; and
 * when only one attempt is there, it is that one's.
 */
export function ownerOf(pid: number, attempts: ReadonlyMap<string, Attempt>): Attempt | null {
  const stat = processStat(pid);
  if (stat === null) return null;
  for (const attempt of attempts.values()) {
    if (attempt.orphans.has(pid) || attempt.started.pid === stat.session) return attempt;
  }
  const marker = environOf(pid, MARKER)?.split(".").slice(-3).join(".");
  const byMarker = marker === undefined ? undefined : attempts.get(marker);
  if (byMarker !== undefined) return byMarker;
  for (const fd of [1, 2]) {
    const target = openFile(pid, fd);
    for (const attempt of attempts.values()) {
      if (target === attempt.slot.outPath || target === attempt.slot.errPath) return attempt;
    }
  }
  return attempts.size === 1 ? [...attempts.values()][0] ?? null : null;
}
