/** One attempt that was started, as its keeper sees it. */
import { attemptCgroupOf } from "../../host/attempt_cgroup.ts";
import { environOf, openFile, processStat } from "../../host/proc.ts";
import { signalGroup, signalProcess } from "../../host/process_group.ts";
import type { ProcessEnd, SpawnRequest } from "../../host/spawner.ts";
import type { EndCause, StopReason } from "../../wire/reconcile.ts";
import { attemptUid, type Run } from "../../wire/runs.ts";
import type { KeeperSpec, StartedFact } from "../keeper_link.ts";
import type { Exceeded, Hold } from "./hold.ts";
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
  /** What limits it; null for one that was simply started. */
  readonly hold: Hold | null;
  /** As it was started: a command beside it gets the same environment and folder. */
  readonly launch: SpawnRequest;
  /** How its leader ended, once it did. */
  end: ProcessEnd | null;
  /** True when the leader ended by itself: before anything of ours asked it to. */
  ownEnd: boolean;
  endedAtMs: number;
  /** Why it is being stopped. */
  reason: StopReason | null;
  /** When SIGKILL is due, on the clock; Infinity while it just runs. */
  killAtMs: number;
  forced: boolean;
  timedOut: boolean;
  timeoutAtMs: number;
  /** The limit that it passed, where that was seen while it ran. */
  exceeded: Exceeded | null;
  /** When the warning before its time limit is due; Infinity without one, or once it was sent. */
  warnAtMs: number;
  /** Processes of it that came back to us. */
  readonly orphans: Set<number>;
}

/** The derived uid of an attempt. */
export function uidOf(key: AttemptKey): string {
  return attemptUid(key.generation, key.index, key.attempt);
}

/** What an attempt's end means: a leader that ended by itself keeps its own result. */
export function causeOf(
  attempt: Attempt,
): { cause: EndCause; code: number; detail: string | null } {
  const { end, hold } = attempt;
  const failure = end !== null && attempt.ownEnd ? hold?.launchFailure(end) ?? null : null;
  if (failure !== null) return { cause: "launch_error", code: 127, detail: failure };
  const code = end === null ? 137 : end.code ?? 128 + (end.signal ?? 0);
  const cause = kindOf(attempt);
  return { cause, code, detail: hold?.detail({ cause, code }) ?? null };
}

function kindOf(attempt: Attempt): EndCause {
  const { end, hold } = attempt;
  const own = end !== null && attempt.ownEnd;
  if (own && hold?.ranOutOfMemory(end)) return "oom";
  if (own) return end.code === null ? "signal" : "exit";
  if (attempt.exceeded !== null) return attempt.exceeded;
  if (attempt.timedOut) return "timeout";
  // Asked to end, it did so in good order: that is its result.
  if (end?.code === 0) return "exit";
  if (attempt.reason !== null) return "cancelled";
  return "unknown";
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
 * Whose a process is: by session, by its cgroup, by the marker in its environment, by the file it writes to; and
 * when only one attempt is there, it is that one's.
 */
export function ownerOf(pid: number, attempts: ReadonlyMap<string, Attempt>): Attempt | null {
  const stat = processStat(pid);
  if (stat === null) return null;
  for (const attempt of attempts.values()) {
    if (attempt.orphans.has(pid) || attempt.started.pid === stat.session) return attempt;
  }
  const held = attempts.get(attemptCgroupOf(pid) ?? "");
  if (held !== undefined) return held;
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
