/**
 * The life of one VM as a state machine: one table says what every event does in every state. Pure;
 * the VM manager's loop carries out what follows from a move.
 *
 * REQUESTED → BOOTING → INITIALIZING → READY ⇄ UNHEALTHY, from each of them → STOPPING →
 * TERMINATED, or FAILED or PREEMPTED when it went without being asked.
 */
import type { VmStateName } from "../wire/vms.ts";

/** Where a VM is, with what is known there. */
export type VmState =
  /** The intent is noted, the provider was or is about to be asked. */
  | { readonly name: "REQUESTED"; readonly sinceMs: number }
  /** The provider took the request. */
  | { readonly name: "BOOTING"; readonly sinceMs: number; readonly externalId: string | null }
  /** The machine is up, its worker not yet. */
  | { readonly name: "INITIALIZING"; readonly sinceMs: number; readonly externalId: string | null }
  /** Its worker works. */
  | { readonly name: "READY"; readonly sinceMs: number; readonly externalId: string | null }
  | {
    readonly name: "UNHEALTHY";
    readonly sinceMs: number;
    readonly externalId: string | null;
    readonly reason: string;
  }
  /** It shall go; whether the provider was asked already is the loop's business. */
  | {
    readonly name: "STOPPING";
    readonly sinceMs: number;
    readonly externalId: string | null;
    readonly reason: string;
  }
  /** It is proved gone. */
  | {
    readonly name: "TERMINATED" | "FAILED" | "PREEMPTED";
    readonly sinceMs: number;
    readonly reason: string;
  };

/** What can happen to a VM. */
export type VmEvent =
  /** The provider took the request; its own name for the VM. */
  | { readonly name: "accepted"; readonly externalId: string | null }
  | { readonly name: "booted" }
  | { readonly name: "ready" }
  | { readonly name: "unhealthy"; readonly reason: string }
  | { readonly name: "healthy" }
  /** We want it to go. */
  | { readonly name: "stop"; readonly reason: string }
  /** It is there no more. */
  | { readonly name: "gone"; readonly reason: string }
  /** It could not be made, or broke; nothing of it is left. */
  | { readonly name: "failed"; readonly reason: string }
  /** The provider took it back. */
  | { readonly name: "preempted"; readonly reason: string };

/** The name of an event. */
export type VmEventName = VmEvent["name"];

type Row = Readonly<Record<VmEventName, VmStateName | null>>;

const TERMINAL: Row = {
  accepted: null,
  booted: null,
  ready: null,
  unhealthy: null,
  healthy: null,
  stop: null,
  gone: null,
  failed: null,
  preempted: null,
};

/** How every live state ends. */
const ENDS = {
  stop: "STOPPING",
  gone: "FAILED",
  failed: "FAILED",
  preempted: "PREEMPTED",
} as const;

/**
 * What each event leads to in each state; null means that the event is out of date there and changes
 * nothing. Events may overtake each other: a VM can be ready before its request was answered.
 */
export const VM_TRANSITIONS: Readonly<Record<VmStateName & VmState["name"], Row>> = {
  REQUESTED: {
    ...TERMINAL,
    accepted: "BOOTING",
    booted: "INITIALIZING",
    ready: "READY",
    ...ENDS,
  },
  BOOTING: { ...TERMINAL, booted: "INITIALIZING", ready: "READY", ...ENDS },
  INITIALIZING: { ...TERMINAL, ready: "READY", ...ENDS },
  READY: { ...TERMINAL, unhealthy: "UNHEALTHY", ...ENDS },
  UNHEALTHY: { ...TERMINAL, ready: "READY", healthy: "READY", ...ENDS },
  STOPPING: {
    ...TERMINAL,
    // Its name came late: it is needed to delete it.
    accepted: "STOPPING",
    gone: "TERMINATED",
    failed: "TERMINATED",
    preempted: "TERMINATED",
  },
  TERMINATED: TERMINAL,
  FAILED: TERMINAL,
  PREEMPTED: TERMINAL,
};

/** True when nothing can happen to it any more. */
export function isTerminal(state: VmState): boolean {
  return state.name === "TERMINATED" || state.name === "FAILED" || state.name === "PREEMPTED";
}

/** True when it works or is on its way: it counts toward what a group wants. */
export function isLive(state: VmState): boolean {
  return !isTerminal(state) && state.name !== "STOPPING";
}

/**
 * What an event makes of a state.
 *
 * @param nowMs when it happens; kept when the state changes
 * @returns null when the event is out of date and changes nothing
 */
export function stepVm(state: VmState, event: VmEvent, nowMs: number): VmState | null {
  const next = VM_TRANSITIONS[state.name][event.name];
  if (next === null) return null;
  const externalId = event.name === "accepted"
    ? event.externalId
    : "externalId" in state
    ? state.externalId
    : null;
  const reason = "reason" in event ? event.reason : "";
  switch (next) {
    case "REQUESTED":
      return { name: next, sinceMs: nowMs };
    case "BOOTING":
    case "INITIALIZING":
    case "READY":
      return { name: next, sinceMs: nowMs, externalId };
    case "UNHEALTHY":
      return { name: next, sinceMs: nowMs, externalId, reason };
    case "STOPPING":
      if (state.name === "STOPPING") return { ...state, externalId };
      return { name: next, sinceMs: nowMs, externalId, reason };
    default:
      return { name: next, sinceMs: nowMs, reason };
  }
}
