/** What core and heartbeat say to each other. Plain data, by structured clone. */
import type { AttemptSpec, Facts, ReconcileRequest } from "../wire/reconcile.ts";
import type { Run } from "../wire/runs.ts";

/** Where a worker is. A new incarnation begins with each registration and each core start. */
export interface WorkerLink {
  readonly worker: string;
  readonly incarnation: number;
  readonly url: string;
  /** Shown to the worker. */
  readonly token: string;
  /** The certificate that it told when it registered, in PEM form; null for plain HTTP. */
  readonly certificate?: string | null;
}

/** What a worker shall have now: complete. */
export interface Desired {
  readonly worker: string;
  readonly incarnation: number;
  /** Grows with each change. */
  readonly version: number;
  readonly run: readonly Run[];
  readonly stop: ReconcileRequest["stop"];
  /** Facts up to this number are stored. */
  readonly ackFacts: number;
}

/** Core to heartbeat. */
export type ToHeartbeat =
  /** First, and again when the core was started anew: everything known before is void. */
  | {
    readonly type: "begin";
    readonly cluster: string;
    readonly epoch: number;
    /** All calls of an epoch come after this number, and after those of any loop before. */
    readonly seq: number;
  }
  | { readonly type: "worker"; readonly link: WorkerLink }
  | { readonly type: "forget_worker"; readonly worker: string }
  | { readonly type: "specs"; readonly specs: readonly AttemptSpec[] }
  | { readonly type: "forget_specs"; readonly generations: readonly number[] }
  | { readonly type: "desired"; readonly desired: Desired };

/** What a worker said that the core must know. */
export interface Observed {
  readonly worker: string;
  readonly incarnation: number;
  /** Of the {@linkcode Desired} that the answered call carried. */
  readonly version: number;
  readonly facts: Facts | null;
  readonly missing: readonly Run[];
  /** All that wait for what they need to be fetched. */
  readonly building: readonly Run[];
  readonly backlog: number;
  readonly running: number;
  readonly accepting: boolean;
  readonly reason: string | null;
  /** Whether it accepts nothing because it stops for good. */
  readonly stopping: boolean;
}

/**
 * How a worker is doing: its name, whether its last call was answered, when one last was (wall ms),
 * and why the last one was not.
 */
export type Liveness = readonly [
  worker: string,
  state: "alive" | "suspect",
  lastSeenAtMs: number,
  trouble?: string | null,
];

/** Heartbeat to core. */
export type FromHeartbeat =
  /** A run of the loop began: it knows nothing yet. */
  | { readonly type: "hello" }
  | { readonly type: "observed"; readonly observed: Observed }
  /** A call with this desired set was begun. */
  | {
    readonly type: "sent";
    readonly worker: string;
    readonly incarnation: number;
    readonly version: number;
  }
  | { readonly type: "liveness"; readonly workers: readonly Liveness[] }
  | {
    readonly type: "lost";
    readonly worker: string;
    readonly incarnation: number;
    readonly reason: string;
  };

/** The name of the heartbeat's channel to the core, at its own end. */
export const CORE_CHANNEL = "core";
