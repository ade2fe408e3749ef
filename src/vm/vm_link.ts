/**
 * What a VM manager in a process of its own and its controller say to each other: both directions in
 * one long poll that the VM manager makes, so it needs no address. Types only.
 *
 * Messages have numbers, in each direction from 1. Each side sends again what the other did not say
 * that it has, and ignores what it has already, so that none is lost or doubled when a call breaks.
 * A controller that begins anew gives the link a new name; both sides then count from 1 again.
 */
import type { StopReport, TreeNode } from "../lifecycle/part.ts";
import type { FromVmManager, ToVmManager } from "./fleet.ts";

/** VM manager to controller. */
export type FromLinked =
  | FromVmManager
  /** It ends, and calls no more. */
  | { readonly type: "bye" }
  /** How a stop that was asked for went. */
  | { readonly type: "stopped"; readonly id: string; readonly report: StopReport }
  /** Its process's own tree, as it was asked for. */
  | { readonly type: "tree"; readonly id: number; readonly tree: TreeNode };

/** Controller to VM manager. */
export type ToLinked =
  | ToVmManager
  /** The cluster stops: end all VMs within so many ms, and say how that went. */
  | { readonly type: "stop"; readonly id: string; readonly remainingMs: number }
  | { readonly type: "tree"; readonly id: number };

/** Messages of one direction, and how many of the other have arrived. */
export interface LinkBatch<Message> {
  /** The highest number that this side has of the other's messages. */
  readonly ack: number;
  /** The number of the first of `messages`; the others follow. */
  readonly from: number;
  readonly messages: readonly Message[];
}

/** `POST /api/v1/vm-managers/:name/link`. */
export interface LinkRequest extends LinkBatch<FromLinked> {
  /** Tells this process from another one of the same name. */
  readonly session: string;
  /** The link as the controller named it; null in the first call. */
  readonly link: string | null;
  /** Its scale groups: no two VM managers may have the same. */
  readonly groups: readonly string[];
  /** How long the answer may be held when there is nothing to say, in ms. */
  readonly waitMs: number;
  readonly version: string;
  readonly protocol: number;
}

/** The answer. */
export interface LinkAnswer extends LinkBatch<ToLinked> {
  readonly link: string;
  /** The label of everything that it makes. */
  readonly cluster: string;
}
