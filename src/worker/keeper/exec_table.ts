/**
 * Commands beside running attempts, by the pid of each: whose they are, and that they end no later
 * than their attempt. Runs in the keeper; the processes themselves are held by their sessions.
 */
import { descendants, isAlive, processStat } from "../../host/proc.ts";
import { signalGroup, signalProcess } from "../../host/process_group.ts";
import type { ProcessEnd } from "../../host/spawner.ts";
import type { TaskSignal } from "../../wire/signals.ts";
import { signalEach } from "./attempt.ts";
import { ExecsInside, signalGroupInside, signalInside } from "./exec_inside.ts";

/** One command that runs. */
export interface ExecEntry {
  readonly pid: number;
  /** The uid of its attempt. */
  readonly uid: string;
  /** By what the command is known that this process is only the client of; left out: it is itself. */
  readonly inside?: string;
  /** Told once when it was reaped. */
  readonly onEnd: (end: ProcessEnd) => void;
}

interface Entry extends ExecEntry {
  /** When SIGKILL is due; Infinity while it just runs. */
  killAtMs: number;
}

/** See the head of this file. */
export class ExecTable {
  readonly #entries = new Map<number, Entry>();
  readonly #inside = new ExecsInside();

  get size(): number {
    return this.#entries.size + this.#inside.size;
  }

  has(pid: number): boolean {
    return this.#entries.has(pid);
  }

  /** The pids of an attempt's commands. */
  of(uid: string): number[] {
    if (this.size === 0) return [];
    const own = [...this.#entries.values()].filter((one) => one.uid === uid);
    return [...own.map(({ pid }) => pid), ...this.#inside.of(uid)];
  }

  add(entry: ExecEntry): void {
    this.#entries.set(entry.pid, { ...entry, killAtMs: Infinity });
  }

  /** Takes in the end of a process; false when it is none of these. */
  reaped(end: ProcessEnd): boolean {
    const entry = this.#entries.get(end.pid);
    if (entry === undefined) return false;
    this.#entries.delete(end.pid);
    const { inside, uid, killAtMs } = entry;
    const ending = killAtMs < Infinity || end.code === null;
    if (inside !== undefined) this.#inside.clientEnded({ marker: inside, uid, ending });
    entry.onEnd(end);
    return true;
  }

  /** Hangs up on one: SIGHUP now, SIGKILL when it is still there at that time. */
  hangUp(pid: number, killAtMs: number): void {
    const entry = this.#entries.get(pid);
    if (entry === undefined) return;
    const first = entry.killAtMs === Infinity;
    entry.killAtMs = Math.min(entry.killAtMs, killAtMs);
    if (!first) return;
    if (entry.inside !== undefined) {
      // Its client ends with it; before there is one, the client is as good as the command.
      signalInside(entry.inside, "SIGCONT");
      if (signalInside(entry.inside, "SIGHUP")) return;
    }
    for (const one of sessionOf(pid)) {
      signalProcess(one, "SIGHUP");
      signalProcess(one, "SIGCONT");
    }
  }

  /** Signals the group of one. */
  signal(pid: number, signal: TaskSignal): void {
    const inside = this.#entries.get(pid)?.inside;
    if (inside !== undefined && signalGroupInside(inside, signal)) return;
    signalGroup(pid, signal);
  }

  /** SIGKILLs all that there is of one. */
  kill(pid: number): void {
    const entry = this.#entries.get(pid);
    if (entry === undefined) return;
    if (entry.inside !== undefined) signalInside(entry.inside, "SIGKILL");
    for (const one of sessionOf(pid)) signalEach(one, "SIGKILL");
    signalGroup(pid, "SIGKILL");
  }

  /** Kills what was hung up on and stayed. */
  advance(nowMs: number): void {
    for (const { pid, killAtMs } of this.#entries.values()) if (killAtMs <= nowMs) this.kill(pid);
    this.#inside.advance(nowMs);
  }

  /** Commands that are still alive, by pid. */
  alive(uid: string): number[] {
    return this.of(uid).filter(isAlive);
  }
}

/** A command's own session: what left it is its attempt's, and ends with that. */
function sessionOf(pid: number): number[] {
  return [pid, ...descendants(pid).filter((one) => processStat(one)?.session === pid)];
}
