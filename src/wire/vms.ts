/** VMs and scale groups as the API shows them, and their schemas. Pure. */
import * as v from "valibot";

/** Where a VM is in its life. */
export const VM_STATES = [
  "REQUESTED",
  "BOOTING",
  "INITIALIZING",
  "READY",
  "UNHEALTHY",
  "STOPPING",
  "TERMINATED",
  "FAILED",
  "PREEMPTED",
] as const;

/** One of them. */
export type VmStateName = (typeof VM_STATES)[number];

/** Whether a group can be asked for more; see {@linkcode AvailabilityState}. */
export const AVAILABILITY_STATES = ["ok", "slowed", "backoff", "quota", "halted"] as const;

/**
 * Whether a group can be asked for more: `ok`; `slowed` after failures; `backoff` (nothing until a
 * time, because the last one failed); `quota` (refused for want of quota, nothing until a time);
 * `halted` (so many failed that nothing is asked for, and nothing idle is given back, until a time).
 */
export type AvailabilityState = (typeof AVAILABILITY_STATES)[number];

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const time = v.pipe(v.number(), v.minValue(0));
const text = v.string();

/** A VM: `GET /api/v1/vms/:vm`. Times are wall time in ms. */
export const VM_SCHEMA = v.strictObject({
  /** Also the name of the worker on it. */
  vm: text,
  /** VMs of a slice live and die together. */
  slice: text,
  group: text,
  /** Of which kind its provider is. */
  provider: text,
  /** Which VM manager has it; `local` for the one beside the controller. */
  manager: text,
  state: v.picklist(VM_STATES),
  sinceMs: time,
  /** Why it is ill, goes or went; empty otherwise. */
  reason: text,
  /** What it does on its way up, in a word or two; empty when nothing is to be said. */
  phase: text,
  /** Null for one that is gone. */
  createdMs: v.nullable(time),
  /** The provider's own name for its slice. */
  externalId: v.nullable(text),
});

/** See {@linkcode VM_SCHEMA}. */
export interface VmView {
  readonly vm: string;
  readonly slice: string;
  readonly group: string;
  readonly provider: string;
  readonly manager: string;
  readonly state: VmStateName;
  readonly sinceMs: number;
  readonly reason: string;
  readonly phase: string;
  readonly createdMs: number | null;
  readonly externalId: string | null;
}

/** Whether a group can be asked for more, until when not, and why. */
export const AVAILABILITY_SCHEMA = v.strictObject({
  state: v.picklist(AVAILABILITY_STATES),
  untilMs: v.nullable(time),
  reason: text,
});

/** A scale group: `GET /api/v1/groups/:group`. Counts of slices unless said otherwise. */
export const GROUP_SCHEMA = v.strictObject({
  name: text,
  provider: text,
  manager: text,
  /** False while its VM manager is not heard. */
  heard: v.boolean(),
  sliceVms: count,
  min: count,
  max: count,
  buffer: count,
  priority: v.number(),
  cpuMilli: count,
  memoryBytes: count,
  resources: v.record(text, count),
  attributes: v.record(text, text),
  /** Null for never. */
  idleMs: v.nullable(time),
  quotaPool: v.nullable(text),
  /** How many it shall have, and why; null before that was decided. */
  wanted: v.nullable(v.strictObject({ count, reason: text })),
  ready: count,
  coming: count,
  going: count,
  availability: AVAILABILITY_SCHEMA,
});

/** See {@linkcode GROUP_SCHEMA}. */
export interface GroupView {
  readonly name: string;
  readonly provider: string;
  readonly manager: string;
  readonly heard: boolean;
  readonly sliceVms: number;
  readonly min: number;
  readonly max: number;
  readonly buffer: number;
  readonly priority: number;
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly resources: Readonly<Record<string, number>>;
  readonly attributes: Readonly<Record<string, string>>;
  readonly idleMs: number | null;
  readonly quotaPool: string | null;
  readonly wanted: { readonly count: number; readonly reason: string } | null;
  readonly ready: number;
  readonly coming: number;
  readonly going: number;
  readonly availability: {
    readonly state: AvailabilityState;
    readonly untilMs: number | null;
    readonly reason: string;
  };
}

/** What a VM and its bootstrap said last: `GET /api/v1/vms/:vm/logs`. */
export const VM_LOGS_SCHEMA = v.strictObject({
  vm: text,
  lines: v.array(v.strictObject({ atMs: time, text })),
  /** What to give as `after` to read on; null where its VM manager is of an earlier version. */
  next: v.nullable(count),
  /** True when lines may be missing before these: they are not kept any more. */
  lost: v.boolean(),
  /** True when the VM is proved gone, and this was all. */
  over: v.boolean(),
});

/** See {@linkcode VM_LOGS_SCHEMA}. */
export interface VmLogs {
  readonly vm: string;
  readonly lines: readonly VmLogLine[];
  readonly next: number | null;
  readonly lost: boolean;
  readonly over: boolean;
}

/** A line of a VM's log. */
export interface VmLogLine {
  readonly atMs: number;
  readonly text: string;
}

/** Which lines of a VM's log. */
export interface VmLogsRequest {
  /** So many at most: the last ones, or the first ones behind a place. */
  readonly tail: number;
  /** Behind the place that an earlier answer told as `next`. */
  readonly after?: number;
  /** Held for so many ms while there is nothing behind it. */
  readonly waitMs?: number;
}

/** The body of a VM's stop. */
export const VM_STOP_SCHEMA = v.strictObject({
  reason: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(500)), "asked for"),
}, "must be an object");
