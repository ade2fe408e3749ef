/**
 * A process that is not our child, watched until it is gone. It is named by its pid and its start
 * time, so one that gets the same pid later is never taken for it. Owns a timer; runs in main.
 */
import type { Clock, Timer } from "../base/clock.ts";
import { isSameProcess } from "./proc.ts";
import { signalProcess } from "./process_group.ts";

/** Between two looks while nothing is expected, in ms, and while its end is. */
const LOOK_MS = 200;
const SOON_MS = 10;

/** Which process. */
export interface ProcessName {
  readonly pid: number;
  /** In clock ticks since boot. */
  readonly startTime: number;
}

/** Processes of ours that are not below this one in the process tree. */
const WATCHED = new Set<WatchedProcess>();

/** See the head of this file. */
export class WatchedProcess implements ProcessName {
  readonly pid: number;
  readonly startTime: number;
  /** Resolves when it is gone; never when it is let go before. */
  readonly ended: Promise<{ readonly how: string }>;
  readonly #clock: Clock;
  readonly #ended = Promise.withResolvers<{ how: string }>();
  #timer: Timer | null = null;
  #lookMs = LOOK_MS;

  constructor({ pid, startTime }: ProcessName, clock: Clock) {
    this.pid = pid;
    this.startTime = startTime;
    this.#clock = clock;
    this.ended = this.#ended.promise;
    WATCHED.add(this);
    this.#look();
  }

  get alive(): boolean {
    return isSameProcess(this.pid, this.startTime);
  }

  /** Signals it, never another that has its pid now; false when it is gone. */
  signal(signal: Deno.Signal): boolean {
    return this.alive && signalProcess(this.pid, signal);
  }

  /** Its end is expected: looks more often. */
  hurry(): void {
    this.#lookMs = SOON_MS;
    this.#timer?.cancel();
    this.#look();
  }

  /** Watches it no more; it goes on. */
  letGo(): void {
    WATCHED.delete(this);
    this.#timer?.cancel();
    this.#timer = null;
  }

  #look(): void {
    if (!WATCHED.has(this)) return;
    if (this.alive) {
      this.#timer = this.#clock.setTimer(this.#lookMs, () => this.#look());
      return;
    }
    this.letGo();
    this.#ended.resolve({ how: "it is gone" });
  }
}

/** Everything that is watched now, for the last resort. */
export function watchedProcesses(): readonly WatchedProcess[] {
  return [...WATCHED];
}
