/** What the core and the autoscaler tell each other. Plain data, by structured clone. */
import type { PendingGroup, WorkerRoom } from "../scheduler/pass.ts";
import type { WorkerSeen } from "../vm/fleet.ts";

/** One worker that takes work, or would if it did not retire. */
export interface WorkerLoad extends WorkerRoom {
  /** Attempts that run or wait there. */
  readonly held: number;
  /** Whether it gets nothing new because the autoscaler wants it to go. */
  readonly retiring: boolean;
}

/** Core to autoscaler, when it changed: at most a few times a second. */
export interface Demand {
  readonly type: "demand";
  /** What is pending, as a scheduling pass would see it. */
  readonly jobs: readonly PendingGroup[];
  readonly workers: readonly WorkerLoad[];
  /** What users' tasks hold now, in thousandths of a core. */
  readonly usage: Readonly<Record<string, number>>;
  /** What is known of every worker, so that a VM manager knows of those on its VMs. */
  readonly seen?: readonly WorkerSeen[];
}

/** Autoscaler to core: these workers get nothing new, since they shall go; all others may. */
export interface Retire {
  readonly type: "retire";
  readonly workers: readonly string[];
}

/** The names of the autoscaler's channels, at its own end. */
export const CORE_CHANNEL = "core";
export const VM_CHANNEL = "vm";
