/** What the provider `local` and main, which owns its workers, tell each other. Plain data. */

/** The channel of the provider `local` to main. */
export const LOCAL_CHANNEL = "workers";

/** VM manager to main. */
export type ToLocalOwner =
  /** Which workers are there? Asked at each start of the VM manager, answered by `existing`. */
  | { readonly type: "sync" }
  | {
    readonly type: "create";
    readonly vm: string;
    readonly slice: string;
    readonly group: string;
  }
  /** Stop it within so many ms and say `gone`, also when it is not there. May come twice. */
  | { readonly type: "delete"; readonly vm: string; readonly stopMs: number };

/** A worker that is there. */
export interface LocalVm {
  readonly vm: string;
  readonly slice: string;
  readonly group: string;
  readonly ready: boolean;
}

/** Main to VM manager. `vm` is also the worker's name. */
export type FromLocalOwner =
  | { readonly type: "existing"; readonly vms: readonly LocalVm[] }
  /** The worker's parts are up. */
  | { readonly type: "ready"; readonly vm: string }
  /** The worker is stopped, asked or not. */
  | { readonly type: "gone"; readonly vm: string; readonly reason: string }
  /** It could not be started, or crashed; nothing of it is left. */
  | { readonly type: "failed"; readonly vm: string; readonly reason: string };
