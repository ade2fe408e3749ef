/** What the core tells the autoscaler. Plain data, by structured clone. */
import type { WorkerSeen } from "../vm/fleet.ts";

/** Pending tasks of one job; they are alike. */
export interface DemandJob {
  readonly generation: number;
  /** Tasks that are pending. */
  readonly count: number;
  /** What one of them needs. */
  readonly cpuMilli: number;
  readonly memoryBytes: number;
}

/** One worker that takes work. */
export interface WorkerLoad {
  readonly name: string;
  /** Attempts that run or wait there. */
  readonly running: number;
  /** What it has in all. */
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  /** What of it is free; when left out: all of it if nothing runs, else none. */
  readonly freeCpuMilli?: number;
  readonly freeMemoryBytes?: number;
}

/** Core to autoscaler, when it changed: at most a few times a second. */
export interface Demand {
  readonly type: "demand";
  readonly jobs: readonly DemandJob[];
  readonly workers: readonly WorkerLoad[];
  /** What is known of every worker, so that a VM manager knows of those on its VMs. */
  readonly seen?: readonly WorkerSeen[];
}

/** The names of the autoscaler's channels, at its own end. */
export const CORE_CHANNEL = "core";
export const VM_CHANNEL = "vm";
