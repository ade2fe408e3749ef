/**
 * The port behind which VMs are made and unmade. A provider only carries out; which VMs shall exist
 * is decided by the VM manager's loop.
 */
import type { VmEvent } from "./managed_vm.ts";

/** VMs of one kind. */
export interface ScaleGroup {
  readonly name: string;
  /** Never fewer, never more. */
  readonly min: number;
  readonly max: number;
  /** What a worker on one of these VMs has to give. */
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  /** How long a worker must have had nothing to do before its VM may go, in ms. */
  readonly idleMs: number;
}

/** A VM that was there before this VM manager. */
export interface ExistingVm {
  readonly vm: string;
  readonly group: string;
  readonly externalId: string | null;
  readonly ready: boolean;
}

/** Makes and unmakes VMs. */
export interface VmProvider {
  readonly name: string;
  /** What it has already, by label: also what an earlier VM manager asked for. */
  existing(signal: AbortSignal): Promise<readonly ExistingVm[]>;
  /**
   * Asks for a VM. Resolves when the provider took the request, to its own name for it.
   *
   * @throws {IrisError} when it refused; there is then nothing to delete
   */
  create(request: { readonly vm: string; readonly group: string }): Promise<string | null>;
  /** Asks for a VM to be deleted; asking twice does no harm. An event says when it is gone. */
  delete(vm: { readonly vm: string; readonly externalId: string | null }): void;
  /** Sets the one receiver of what happens to VMs. */
  onEvent(receiver: (vm: string, event: VmEvent) => void): void;
}
