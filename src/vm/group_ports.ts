/** What a scale group needs of the VM manager that has it. Types only. */
import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import type { Owner } from "../lifecycle/owner.ts";
import type { EndedVm } from "./fleet.ts";
import type { SliceNames } from "./slice_names.ts";
import type { TokenBucket } from "../base/token_bucket.ts";
import type { VmBook } from "./vm_book.ts";
import type { VmLogs } from "./vm_logs.ts";
import type { ProviderReceiver, VmProvider } from "./vm_provider.ts";

/** Powers and news of a VM manager, for one of its groups. */
export interface GroupPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly book: VmBook;
  readonly logs: VmLogs;
  readonly names: SliceNames;
  /** Makes its provider. */
  readonly provider: (owner: Owner, receiver: ProviderReceiver) => Promise<VmProvider>;
  /** What all groups together may do in a minute; null where that costs nothing. */
  readonly shared: { readonly creates: TokenBucket; readonly deletes: TokenBucket } | null;
  /** True while one more request may be under way. */
  readonly mayCreate: () => boolean;
  /** Told as a request begins and as it ends. */
  readonly creating: (change: 1 | -1) => void;
  /** True when nothing new may be taken in. */
  readonly closing: () => boolean;
  /** True when VMs are to end with this process. */
  readonly stopping: () => boolean;
  /** Aborted when this run of the VM manager ends: calls of the provider end with it. */
  readonly signal: AbortSignal;
  /** Whether the controller is heard, and since when, on the monotonic clock. */
  readonly controller: () => { readonly heard: boolean; readonly sinceMs: number };
  /** Told when there was quota (null) or there was none, for the groups that share it. */
  readonly quota: (refused: string | null) => void;
  /** Told after each change. */
  readonly changed: () => void;
  readonly ended: (vm: EndedVm) => void;
  /** Told of a bug of ours. */
  readonly broken: (error: unknown) => void;
}
