/**
 * Commands beside running attempts, by the pid of each: whose they are, and that they end no later
 * than their attempt. Runs in the keeper; the processes themselves are held by their sessions.
 */
import { descendants, isAlive, processStat } from "../../host/proc.ts";
import { signalGroup, signalProcess } from "../../host/process_group.ts";
import type { ProcessEnd } from "../../host/spawner.ts";
import { signalEach } from "./attempt.ts";

/** One command that runs. */
export interface ExecEntry {
  readonly pid: number;
  /** The uid of its attempt. */
  readonly uid: string;
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

  get size(): number {
    return this.#entries.size;
  }

  has(pid: number): boolean {
    return this.#entries.has(pid);
  }

  /** The pids of an attempt's commands. */
  of(uid: string): number[] {
    if (this.#entries.size === 0) return [];
    return [...this.#entries.values()].filter((one) => one.uid === uid).map(({ pid }) => pid);
  }

  add(entry: ExecEntry): void {
    this.#entries.set(entry.pid, { ...entry, killAtMs: Infinity });
  }

  /** Takes in the end of a process; false when it is none of these. */
  reaped(end: ProcessEnd): boolean {
    const entry = this.#entries.get(end.pid);
    if (entry === undefined) return false;
    this.#entries.delete(end.pid);
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
    for (const one of sessionOf(pid)) {
      signalProcess(one, "SIGHUP");
      signalProcess(one, "SIGCONT");
    }
  }

  /** SIGKILLs all that there is of one. */
  kill(pid: number): void {
    if (!this.#entries.has(pid)) return;
    for (const one of sessionOf(pid)) signalEach(one, "SIGKILL");
    signalGroup(pid, "SIGKILL");
  }

  /** Kills what was hung up on and stayed. */
  advance(nowMs: number): void {
    for (const { pid, killAtMs } of this.#entries.values()) if (killAtMs <= nowMs) this.kill(pid);
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
