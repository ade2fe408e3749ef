/**
 * The port behind which VMs are made and unmade, a slice at a time. A provider only carries out;
 * which slices shall exist, how fast, and what a failure means is the VM manager's business.
 *
 * Everything a provider starts here (processes, timers, connections) is owned by the owner it is
 * handed. Everything it starts elsewhere carries the cluster's id as a label, so that `existing` of
 * a later one finds it, also when an earlier one died between asking and noting the answer.
 */
import type { Clock } from "../base/clock.ts";
import type { Owner } from "../lifecycle/owner.ts";
import type { VmEvent } from "./managed_vm.ts";
import type { ScaleGroup } from "./scale_group.ts";
import type { WorkerLaunch } from "./worker_launch.ts";

/** A slice to be made: all of its VMs or none. */
export interface SliceRequest {
  readonly slice: string;
  /** The VMs' names, which are their workers' names too; as many as the group says. */
  readonly vms: readonly string[];
}

/** A slice that was there before this VM manager. */
export interface ExistingSlice extends SliceRequest {
  readonly group: string;
  /** The provider's own name for it. */
  readonly externalId: string | null;
}

/** A slice that shall go. */
export interface SliceDelete extends SliceRequest {
  /** Null when it is not known (the request was never answered): found by label. */
  readonly externalId: string | null;
  /** What its workers get to end their tasks in, in ms; 0 for at once. */
  readonly stopMs: number;
  /** One line for people. */
  readonly reason: string;
}

/** Who hears what happens to VMs. Called on a later turn than the request, in order by VM. */
export interface ProviderReceiver {
  /**
   * `booted` when the machine is up; never `ready` save from a provider that knows it itself (the VM
   * manager says it when the controller knows the worker); `gone` when it is proved gone, asked or
   * not; `failed` and `preempted` likewise prove it gone.
   */
  event(vm: string, event: VmEvent): void;
  /** What it is doing, in a word or two: `copying`, `starting`, `queued (Priority)`. */
  phase(vm: string, phase: string): void;
  /** A line of what the VM or its bootstrap said, without its end. */
  log(vm: string, line: string): void;
}

/** What a provider is made with. */
export interface ProviderContext {
  /** The label of everything it makes. */
  readonly cluster: string;
  readonly group: ScaleGroup;
  readonly clock: Clock;
  /** Owns what it starts here. */
  readonly owner: Owner;
  /** A folder of its own on this host, which outlives this process. */
  readonly folder: string;
  /** How workers are started; resolves when the controller's address is known. */
  readonly launch: (signal: AbortSignal) => Promise<WorkerLaunch>;
  readonly receiver: ProviderReceiver;
}

/** Makes and unmakes the VMs of one group. Made by a {@linkcode MakeProvider}. */
export interface VmProvider {
  /** For instance `ssh`. */
  readonly name: string;
  /**
   * What it has already, by label: also what an earlier VM manager asked for and never noted.
   * Adopts what it returns: from then on its receiver hears of it.
   *
   * @throws {IrisError} `unavailable` when that cannot be known now
   */
  existing(signal: AbortSignal): Promise<readonly ExistingSlice[]>;
  /**
   * Asks for a slice. Resolves when the request was taken, to the provider's own name for it; its
   * VMs are then on their way and events tell of them. Asking again for the same slice, as after a
   * crash, makes no second one.
   *
   * @throws {IrisError} when it was refused, and there is nothing to delete: `quota` when there is
   * no more to be had for now, else `unavailable` or `invalid`
   * @throws {unknown} whatever else, when nobody knows: the VM manager then deletes it
   */
  create(request: SliceRequest, signal: AbortSignal): Promise<string | null>;
  /**
   * Asks for a slice to go. Asking twice, or for one that is not there, does no harm; a second
   * request with a shorter `stopMs` hurries the first. `gone` of each VM says when it is proved.
   */
  delete(slice: SliceDelete): void;
  /**
   * Starts the workers of a VM anew in place: the newest program and settings, the same machine.
   *
   * @throws {IrisError} `invalid` when this provider cannot
   */
  reload(vm: string, signal: AbortSignal): Promise<void>;
}

/** Makes a provider. What it needs to run is checked here. @throws {IrisError} naming the field */
export type MakeProvider<Config> = (
  config: Config,
  context: ProviderContext,
) => Promise<VmProvider>;
