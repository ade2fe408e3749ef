/** What the VM manager's isolate and others tell each other. Plain data, by structured clone. */
import type { VmStateName } from "./managed_vm.ts";
import type { ScaleGroup } from "./vm_manager.ts";

/** How many VMs a group shall have. */
export interface WantedGroup {
  readonly group: string;
  readonly count: number;
  /** One line for people. */
  readonly reason: string;
  /** VMs that may go when there are more than `count`: their workers have nothing to do. */
  readonly remove: readonly string[];
}

/** Autoscaler to VM manager. */
export interface Wanted {
  readonly type: "wanted";
  readonly groups: readonly WantedGroup[];
}

/** One VM, as the autoscaler sees it. */
export interface FleetVm {
  /** Also the id of the worker on it. */
  readonly vm: string;
  readonly state: VmStateName;
}

/** VM manager to autoscaler: all VMs that are not gone, after each change. */
export interface Fleet {
  readonly type: "fleet";
  readonly groups: readonly (ScaleGroup & { readonly vms: readonly FleetVm[] })[];
}

/** VM manager (provider `local`) to main, which owns the workers. */
export type ToLocalOwner =
  /** Which workers are there? Asked once at each start of the VM manager, answered by `existing`. */
  | { readonly type: "sync" }
  | { readonly type: "create"; readonly vm: string; readonly group: string }
  /** Stop it and say `gone`, also when it is not there. May come twice. */
  | { readonly type: "delete"; readonly vm: string };

/** Main to VM manager (provider `local`). `vm` is also the worker's id. */
export type FromLocalOwner =
  | {
    readonly type: "existing";
    readonly vms: readonly {
      readonly vm: string;
      readonly group: string;
      readonly ready: boolean;
    }[];
  }
  /** The worker's parts are up. */
  | { readonly type: "ready"; readonly vm: string }
  /** The worker is stopped, asked or not. */
  | { readonly type: "gone"; readonly vm: string; readonly reason: string }
  /** It could not be started, or crashed; nothing of it is left. */
  | { readonly type: "failed"; readonly vm: string; readonly reason: string };
