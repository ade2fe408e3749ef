/**
 * The vocabulary of ownership: what a part of Iris promises to its owner, and what its owner asks
 * of it. Types only; `owner.ts` is the machine that drives them.
 */
import type { Clock } from "../base/clock.ts";
import type { ErrorCode } from "../base/errors.ts";
import type { Figures } from "../base/metrics.ts";
import type { Deadline } from "./deadline.ts";
import type { Owner } from "./owner.ts";

/** What sort of thing a node of the tree is. */
export type NodeKind = "component" | "loop" | "process" | "server" | "resource";

/**
 * Why something stops: `shutdown` (tasks are asked to end), `drain` (running tasks finish first),
 * `detach` (this process ends, its tasks go on), `kill` (force now), `crash` (something failed).
 */
export type StopCause = "shutdown" | "drain" | "detach" | "kill" | "crash";

/** The steps of a stop, mildest first. */
export type Rung = "close" | "ask" | "force" | "verify" | "release";

/**
 * How a node ended: `clean` (it ended when asked), `failed` (it ended, but something threw),
 * `forced` (it had to be killed, and is proved gone), `leaked` (its end could not be proved).
 * Listed from best to worst; a parent is as bad as its worst part.
 */
export type Outcome = "clean" | "failed" | "forced" | "leaked";

/** Where a node is in its life. */
export type NodeState = "starting" | "running" | "closing" | "stopping" | "stopped";

/** An error as data, so that it crosses isolates and hosts. */
export interface ReportError {
  readonly name: string;
  readonly message: string;
  /** Of an `IrisError`: its code. */
  readonly code?: ErrorCode;
  /** What went wrong beside it (an aggregate, a cause); nothing replaces another. */
  readonly causes?: readonly ReportError[];
}

/** What a stop did to a node and everything below it. Plain data. */
export interface StopReport {
  readonly name: string;
  readonly kind: NodeKind;
  readonly cause: StopCause;
  /** Of this node and all below it, the worst. */
  readonly outcome: Outcome;
  /** The furthest rung that this node itself needed: `ask` when it obeyed, `force` when killed. */
  readonly rung: Rung;
  /** From the first request to the end, in ms. */
  readonly tookMs: number;
  /** What it was given, in ms. */
  readonly allowedMs: number;
  /** Everything that was thrown in this node's own steps, in order. */
  readonly errors: readonly ReportError[];
  /** What is left over, one line each; not empty exactly when this node itself leaked. */
  readonly leftovers: readonly string[];
  /** What goes on and was meant to, for instance `detached: 12 attempts go on`. */
  readonly detail?: string;
  /** In start order. */
  readonly children: readonly StopReport[];
}

/** A live view of a node and everything below it. Plain data. */
export interface TreeNode {
  readonly name: string;
  readonly kind: NodeKind;
  readonly state: NodeState;
  /** Since it was owned, in ms. */
  readonly ageMs: number;
  /** Of a loop: ms since its last tick. */
  readonly lastTickMs?: number;
  /** Of a loop: true when its last tick is older than its stall limit. */
  readonly stalled?: boolean;
  /** Memory in bytes, where it is known. */
  readonly memoryBytes?: number;
  /** While stopping: ms left until it is forced (never below 0). */
  readonly deadlineMs?: number;
  /** How often it was restarted after a crash. */
  readonly restarts?: number;
  /** Of a part on another host that cannot be asked now: why. Its state is as it was last known. */
  readonly unreachable?: string;
  /** One short fact, for instance `pid 4711` or `http://127.0.0.1:10000`. */
  readonly detail?: string;
  readonly children: readonly TreeNode[];
}

/** What a part is asked at rung `ask`. The deadline is live: a nearer stop brings it nearer. */
export interface StopRequest {
  readonly cause: StopCause;
  /** When the part is forced; already reduced by all reserves. */
  readonly deadline: Deadline;
}

/** What a part gets when it starts. */
export interface StartContext {
  /** The part's own node: it owns its children here. */
  readonly owner: Owner;
  readonly clock: Clock;
  /** Aborted when a stop comes during the start: give up soon, what was owned is unwound. */
  readonly signal: AbortSignal;
  /** Says that the part ended by itself: it leaves its parent; with an error, its owner is told. */
  ended(error?: unknown): void;
}

/** What a part knows of itself, for the tree. */
export type PartFacts = Partial<
  Pick<
    TreeNode,
    "lastTickMs" | "stalled" | "memoryBytes" | "restarts" | "detail" | "children"
  >
>;

/**
 * A part of Iris, as its owner sees it. Every step is optional: a plain resource has only
 * `release`, a component none at all. Steps come in the order of the members below; `start` once,
 * each other at most once, save `force`, which may come at any time after `start` was called.
 */
export interface Part {
  readonly name: string;
  readonly kind: NodeKind;
  /** Its own limit on `ask`, in ms: may only shorten what its owner gives. */
  readonly capMs?: number;
  /** Begins; resolved means up. Thrown means not started, and whatever it owned is unwound. */
  start?(context: StartContext): Promise<void> | void;
  /** Takes in no new work from now on. Synchronous, fast, must not throw. */
  close?(cause: StopCause): void;
  /**
   * Ends, and resolves when it has ended. It may answer with reports of what it stopped beyond an
   * edge (in an isolate, a process, on a host); they become its children's reports.
   */
  ask?(request: StopRequest): Promise<readonly StopReport[] | void> | void;
  /** Kills, at once. Called when `ask` overran its deadline, or by a kill. */
  force?(): Promise<void> | void;
  /**
   * Proves the end: resolves to what is left over, one line each; nothing left means gone. Called
   * after `ask` or `force`; must settle by the deadline, else the part counts as leaked.
   */
  verify?(deadline: Deadline): Promise<readonly string[]> | readonly string[];
  /** Gives back what it held. Called always when `start` was called, in reverse order of owning. */
  release?(): Promise<void> | void;
  /** What it knows of itself now. Synchronous and fast. */
  facts?(): PartFacts;
  /** What was counted beyond an edge, as far as it is known here. Synchronous and fast. */
  figures?(): Figures;
}
