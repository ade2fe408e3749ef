/**
 * Scale groups: VMs of one kind, made and unmade a slice at a time. Plain data: it comes from the
 * configuration, and goes to the VM manager's isolate and with the fleet to the autoscaler.
 */
import type { ProviderConfig } from "./provider_config.ts";

/** What the worker on one VM of a group has to give. */
export interface VmSize {
  /** Thousandths of a core. */
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  /** Named resources in thousandths of a unit; `disk` in bytes. */
  readonly resources: Readonly<Record<string, number>>;
}

/** VMs of one kind, as the autoscaler knows them. Counts of slices unless said otherwise. */
export interface ScaleGroup extends VmSize {
  readonly name: string;
  /** VMs of a slice: they live and die together. 1 for most groups. */
  readonly sliceVms: number;
  /** Never fewer, never more. */
  readonly min: number;
  readonly max: number;
  /** Kept ready beyond what has work, within `max`. */
  readonly buffer: number;
  /** Among groups that fit a job, those with the higher number are asked first. */
  readonly priority: number;
  /** What constraints of jobs look at; the worker has them, and `group` and `slice` beside. */
  readonly attributes: Readonly<Record<string, string>>;
  /** How long all workers of a slice must have had nothing to do before it may go, in ms. */
  readonly idleMs: number;
  /** Groups of one pool share a quota: one that is refused there speaks for all of its rank and after. */
  readonly quotaPool: string | null;
  /** Its rank in its pool: a lower one is more likely to be granted. */
  readonly quotaRank: number;
}

/** How fast a group may change, and how long its VMs may take. */
export interface GroupPace {
  /** Slices asked for, and asked to go, in a minute; the most at once is a quarter of it, at least 1. */
  readonly createsPerMinute: number;
  readonly deletesPerMinute: number;
  /** From the request to READY, in ms: after it the slice has failed. */
  readonly bootTimeoutMs: number;
  /** Ill for this long, in ms, and the slice is replaced. */
  readonly unhealthyMs: number;
  /** What a VM's worker gets to end in when the slice goes, in ms. */
  readonly stopMs: number;
}

/** A group, as the VM manager is configured with it. */
export interface GroupConfig {
  readonly group: ScaleGroup;
  readonly pace: GroupPace;
  readonly provider: ProviderConfig;
}
