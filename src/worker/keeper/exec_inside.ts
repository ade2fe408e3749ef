/**
 * Commands beside a task that run where its keeper starts only a client: in its container. Knows each
 * by a marker in its environment, which the kernel shows on the host as well, and ends those whose client
 * is gone. Owns what outlived its client; runs in the keeper.
 */
import {
  allPids,
  descendants,
  environOf,
  isAlive,
  pidDepth,
  processStat,
} from "../../host/proc.ts";
import { signalGroup, signalProcess } from "../../host/process_group.ts";
import type { TaskSignal } from "../../wire/signals.ts";

/** The variable by which such a command is known. */
export const EXEC_MARKER = "IRIS_EXEC";
/** How long a command is waited for that its client may have been about to begin, in ms. */
const LATE_MS = 3_000;
/** Between two looks for one, in ms: each reads the environment of every process. */
const LOOK_MS = 100;
/** Between SIGHUP and SIGKILL, in ms. */
const HANG_UP_MS = 3_000;

interface Outliving {
  readonly marker: string;
  /** The uid of its attempt. */
  readonly uid: string;
  /** Whether it was asked to end before its client had ended. */
  readonly ending: boolean;
  untilMs: number;
  nextLookMs: number;
  killAtMs: number;
  leader: number | null;
}

/** See the head of this file. */
export class ExecsInside {
  readonly #outliving = new Map<string, Outliving>();

  get size(): number {
    return this.#outliving.size;
  }

  /** Processes of an attempt's commands that outlive their clients. */
  of(uid: string): number[] {
    return [...this.#outliving.values()]
      .filter((one) => one.uid === uid && one.leader !== null && isAlive(one.leader))
      .map(({ leader }) => leader!);
  }

  /** The client of a command has ended; `ending`: before its command did, perhaps. */
  clientEnded(of: { marker: string; uid: string; ending: boolean }): void {
    const times = { untilMs: NaN, nextLookMs: -Infinity, killAtMs: Infinity };
    this.#outliving.set(of.marker, { ...of, ...times, leader: null });
  }

  /** Ends what outlives its client, and forgets what does not. */
  advance(nowMs: number): void {
    for (const one of this.#outliving.values()) {
      if (Number.isNaN(one.untilMs)) one.untilMs = nowMs + (one.ending ? LATE_MS : 0);
      if (nowMs < one.nextLookMs) continue;
      one.nextLookMs = nowMs + LOOK_MS;
      one.leader = leaderOf(one.marker);
      if (one.leader === null) {
        const over = one.killAtMs < Infinity || nowMs >= one.untilMs;
        if (over) this.#outliving.delete(one.marker);
        continue;
      }
      if (one.killAtMs === Infinity) {
        one.killAtMs = nowMs + HANG_UP_MS;
        signalSession(one.leader, "SIGHUP");
        signalSession(one.leader, "SIGCONT");
      } else if (one.killAtMs <= nowMs) signalSession(one.leader, "SIGKILL");
    }
  }
}

/** Signals the session of a marked command; false when there is none to be seen. */
export function signalInside(marker: string, signal: TaskSignal): boolean {
  const leader = leaderOf(marker);
  if (leader !== null) signalSession(leader, signal);
  return leader !== null;
}

/** Signals the group of a marked command, as a terminal would; false when there is none. */
export function signalGroupInside(marker: string, signal: TaskSignal): boolean {
  const leader = leaderOf(marker);
  return leader !== null && signalGroup(leader, signal);
}

/**
 * The first process of a marked command: its parent is the engine, outside. What that process has left
 * behind is its attempt's, and not looked for.
 */
function leaderOf(marker: string): number | null {
  const marked = allPids().filter((pid) => isMarked(pid, marker));
  for (const pid of marked) {
    const parent = processStat(pid)?.parent ?? 0;
    if (isMarked(parent, marker) || !isAlive(pid)) continue;
    const depth = pidDepth(pid);
    // A container may share the host's processes: then all are as deep.
    if (depth > pidDepth(parent) || depth === pidDepth("self")) return pid;
  }
  return null;
}

function isMarked(pid: number, marker: string): boolean {
  return environOf(pid, EXEC_MARKER) === marker;
}

function signalSession(leader: number, signal: TaskSignal): void {
  const below = descendants(leader).filter((pid) => processStat(pid)?.session === leader);
  for (const pid of [leader, ...below]) signalProcess(pid, signal);
}
