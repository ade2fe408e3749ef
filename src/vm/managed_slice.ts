/** One slice: its VMs, and what is known of all of them together. Used by the group that has it. */
import { isLive, isTerminal } from "./managed_vm.ts";
import type { FleetSlice } from "./fleet.ts";
import type { SliceRequest } from "./vm_provider.ts";
import type { VmNode } from "./vm_node.ts";

/** What a slice is known by. */
export interface SliceOrigin extends SliceRequest {
  readonly externalId: string | null;
  /** Wall time in ms. */
  readonly createdMs: number;
  /** When this VM manager made it or found it, on the monotonic clock, in ms. */
  readonly fromMs: number;
  /** Since when it is known to have been ready, on the monotonic clock; null when it never was. */
  readonly readyAtMs: number | null;
}

/** A request to delete it that was made. */
interface Asked {
  readonly atMs: number;
  readonly stopMs: number;
  readonly times: number;
}

/** A slice of a group. */
export class ManagedSlice implements SliceRequest {
  readonly slice: string;
  readonly vms: readonly string[];
  readonly createdMs: number;
  readonly fromMs: number;
  /** In the order of `vms`. */
  nodes: readonly VmNode[] = [];
  externalId: string | null;
  /** When all of it was ready for the first time, on the monotonic clock; null before. */
  readyAtMs: number | null;
  /** True once its fate was counted. */
  judged = false;

  /** True while nobody knows what became of the request for it, though its time may be over. */
  unsettled = false;

  /** The last request to delete it. */
  asked: Asked | null = null;
  /** True once it is written down that it shall go. */
  noted = false;
  /** True once the stop of the whole tree asked for it to be deleted. */
  stopAsked = false;
  /** True when it shall go at once, whatever the rate. */
  hurry = false;

  /** @param origin what it is known by */
  constructor(origin: SliceOrigin) {
    this.slice = origin.slice;
    this.vms = origin.vms;
    this.externalId = origin.externalId;
    this.createdMs = origin.createdMs;
    this.fromMs = origin.fromMs;
    this.readyAtMs = origin.readyAtMs;
  }

  /** True when all of its VMs work or are on their way: it counts toward what its group wants. */
  get isLive(): boolean {
    return this.nodes.every(({ state }) => isLive(state));
  }

  /** True when all of its VMs are proved gone. */
  get isOver(): boolean {
    return this.nodes.every(({ state }) => isTerminal(state));
  }

  /** True when none of its VMs can have work: of one that is up a worker may be known already. */
  get isComing(): boolean {
    return this.readyAtMs === null &&
      this.nodes.every(({ state: { name } }) => name === "REQUESTED" || name === "BOOTING");
  }

  /** Why it is not live. */
  get reason(): string {
    return this.nodes.find(({ reason }) => reason !== "")?.reason ?? "";
  }

  /** How it is shown. */
  view(): FleetSlice {
    return {
      slice: this.slice,
      createdMs: this.createdMs,
      externalId: this.externalId,
      vms: this.nodes.map((node) => ({
        vm: node.name,
        state: node.state.name,
        sinceMs: node.sinceMs,
        reason: node.reason,
        phase: node.phase,
      })),
    };
  }
}
