/** What the autoscaler and others tell each other. Plain data, by structured clone. */
import type { PendingGroup, WorkerRoom } from "../scheduler/pass.ts";
import type { FromVmManager, ToVmManager, VmAnswer, VmQuestion, WorkerSeen } from "../vm/fleet.ts";
import type { GroupFacts } from "../wire/group_explanation.ts";
import type { GroupView, VmView } from "../wire/vms.ts";

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
  /** True for the first of a run of the core. */
  readonly begun?: boolean;
  /** What is pending, as a scheduling pass would see it. */
  readonly jobs: readonly PendingGroup[];
  readonly workers: readonly WorkerLoad[];
  /** The names of jobs, for people: by generation, as text. */
  readonly names?: Readonly<Record<string, string>>;
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
export const SERVER_CHANNEL = "server";

/** The name of the VM manager beside the controller; others bring theirs. */
export const LOCAL_MANAGER = "local";

/** What happened to a VM, for the list of events. */
export interface VmNote {
  readonly vm: string;
  readonly slice: string;
  readonly group: string;
  readonly state: VmView["state"];
  readonly reason: string;
}

/** Autoscaler to core: what to put into the list of events. */
export interface VmNotes {
  readonly type: "vms";
  readonly notes: readonly VmNote[];
}

/** What the autoscaler does about a job that waits, in one line. */
export interface ScalingNote {
  readonly generation: number;
  readonly line: string;
}

/** Autoscaler to core: what it does about what waits, in place of what it said before. */
export interface Scaling {
  readonly type: "scaling";
  readonly notes: readonly ScalingNote[];
}

/** Autoscaler to core. */
export type FromAutoscaler = Retire | VmNotes | Scaling;

/** A question of a user, before it is known whom to ask. */
export type VmAsk = VmQuestion extends infer Question
  ? Question extends VmQuestion ? Omit<Question, "id" | "type"> : never
  : never;

/** Server to autoscaler. */
export type ServerToDesk =
  /** A run of the server's loop began: it knows nothing, and nobody waits for earlier answers. */
  | { readonly type: "hello" }
  /** Answered once by its `id`. */
  | { readonly type: "ask"; readonly id: number; readonly ask: VmAsk }
  /** A VM manager from elsewhere is heard, or is not any more. */
  | { readonly type: "attached" | "detached"; readonly manager: string }
  | {
    readonly type: "from_manager";
    readonly manager: string;
    readonly message: FromVmManager;
  };

/** Autoscaler to server. */
export type DeskToServer =
  /** A run of the autoscaler began: who is attached shall be told anew. */
  | { readonly type: "hello" }
  | {
    readonly type: "fleet";
    readonly groups: readonly GroupView[];
    /** With those that are gone lately, at the end. */
    readonly vms: readonly VmView[];
  }
  /** What was decided about each group last. */
  | { readonly type: "decided"; readonly groups: readonly GroupFacts[] }
  | { readonly type: "answered"; readonly id: number; readonly result: VmAnswer["result"] }
  | { readonly type: "to_manager"; readonly manager: string; readonly message: ToVmManager };
