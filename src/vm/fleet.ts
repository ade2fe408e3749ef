/**
 * What a VM manager and the controller's autoscaler tell each other: through a channel in local
 * mode, over HTTP from another process. Plain data. Times are wall time in ms, for people.
 */
import type { AvailabilityState, VmStateName } from "../wire/vms.ts";
import type { ScaleGroup } from "./scale_group.ts";

/** The VM manager's channel to the autoscaler. */
export const AUTOSCALER_CHANNEL = "autoscaler";

/** One VM of a slice. */
export interface FleetVm {
  /** Also the name of the worker on it. */
  readonly vm: string;
  readonly state: VmStateName;
  readonly sinceMs: number;
  /** Why it is ill or goes; empty otherwise. */
  readonly reason: string;
  /** What it does on its way up, in a word or two; empty when nothing is to be said. */
  readonly phase: string;
}

/** VMs that live and die together. */
export interface FleetSlice {
  readonly slice: string;
  readonly createdMs: number;
  /** The provider's own name for it. */
  readonly externalId: string | null;
  readonly vms: readonly FleetVm[];
}

/** Whether a group can be asked for more. */
export interface Availability {
  readonly state: AvailabilityState;
  readonly untilMs: number | null;
  /** One line for people; empty for `ok`. */
  readonly reason: string;
}

/** A group and what there is of it: all slices that are not proved gone. */
export interface FleetGroup extends ScaleGroup {
  /** The kind of its provider. */
  readonly provider: string;
  readonly slices: readonly FleetSlice[];
  readonly availability: Availability;
}

/** How a VM ended, and why. */
export interface EndedVm extends FleetVm {
  readonly slice: string;
  readonly group: string;
}

/** VM manager to autoscaler: everything, after each change. */
export interface Fleet {
  readonly type: "fleet";
  readonly groups: readonly FleetGroup[];
  /** VMs that are proved gone since the last one; their slices may be listed no more. */
  readonly ended: readonly EndedVm[];
}

/** How many slices a group shall have. */
export interface WantedSlices {
  readonly group: string;
  readonly count: number;
  /** One line for people. */
  readonly reason: string;
  /** Slices that may go when there are more than `count`, first those that shall go first. */
  readonly remove: readonly string[];
}

/** What the controller knows of a worker on a VM: `ready` takes tasks or is drained. */
export interface WorkerSeen {
  readonly vm: string;
  readonly state: "ready" | "unwell" | "lost";
  readonly reason: string;
}

/** Autoscaler to VM manager. */
export interface WantedFleet {
  readonly type: "wanted";
  readonly groups: readonly WantedSlices[];
  /** Workers that are VMs of this fleet. */
  readonly workers: readonly WorkerSeen[];
}

/** What is asked of a VM manager for a user; `id` is answered once, by {@linkcode VmAnswer}. */
export type VmQuestion =
  & { readonly type: "question"; readonly id: number; readonly vm: string }
  & (
    /**
     * The last lines; or those behind a place, as an earlier answer told it, after at most so many ms
     * when there are none yet.
     */
    | {
      readonly verb: "logs";
      readonly tail: number;
      readonly after?: number;
      readonly waitMs?: number;
    }
    /** Its whole slice goes, whatever runs there. */
    | { readonly verb: "stop"; readonly reason: string }
    | { readonly verb: "reload" }
  );

/** A line that a VM or its bootstrap said. */
export interface VmLogLine {
  readonly atMs: number;
  readonly text: string;
}

/** Where a reader of a VM's log stands after an answer. */
export interface VmLogPlace {
  /** What to give as `after` to read on. */
  readonly next: number;
  /** True when lines may be missing before those of this answer: they are not kept any more. */
  readonly lost: boolean;
  /** True when the VM is proved gone, and this was all. */
  readonly over: boolean;
}

/** The answer to a {@linkcode VmQuestion}. */
export interface VmAnswer {
  readonly type: "answer";
  readonly id: number;
  readonly result:
    /** `place` is that of a log; a VM manager of an earlier version tells none. */
    | { readonly ok: true; readonly lines: readonly VmLogLine[]; readonly place?: VmLogPlace }
    | { readonly ok: false; readonly code: string; readonly message: string };
}

/** Everything a VM manager says. */
export type FromVmManager = Fleet | VmAnswer;

/**
 * Whether the controller is heard, where that is not a matter of course: without it nobody can say
 * that a VM is ready or well again, so no VM is judged by that, and none but `min` is made.
 */
export interface ControllerHeard {
  readonly type: "controller";
  readonly heard: boolean;
}

/** The autoscaler began anew and knows nothing of the fleet. */
export interface TellFleet {
  readonly type: "tell";
}

/** Everything a VM manager is told. */
export type ToVmManager = WantedFleet | VmQuestion | ControllerHeard | TellFleet;
