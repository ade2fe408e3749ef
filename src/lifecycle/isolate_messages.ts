/**
 * What main and an isolate say to each other. `init` goes over the isolate's own port, since it
 * carries the others; everything after it over the stop port. Types only.
 */
import type { LogSettings } from "../base/log.ts";
import type { Figures } from "../base/metrics.ts";
import type { RestartPolicy } from "./loop.ts";
import type { ReportError, StopCause, StopReport, TreeNode } from "./part.ts";
import type { ThreadIdentity } from "./isolate_thread.ts";

/** The first and only message over the isolate's own port. */
export interface IsolateInit {
  readonly type: "init";
  readonly name: string;
  readonly config: unknown;
  readonly channels: Readonly<Record<string, MessagePort>>;
  readonly stopPort: MessagePort;
  readonly startTimeoutMs: number;
  readonly stallMs: number;
  readonly restart: RestartPolicy;
  /** Its place in the ownership tree. */
  readonly path: string;
  /** What of its log is written, and as what; null for nothing, as where main writes none. */
  readonly log: LogSettings | null;
}

/** From main, over the stop port. Times are what is left: the clocks of two isolates differ. */
export type ToIsolate =
  | { readonly type: "close"; readonly cause: StopCause }
  | { readonly type: "stop"; readonly remainingMs: number; readonly cause: StopCause }
  | { readonly type: "nearer"; readonly remainingMs: number };

/** How a loop in an isolate does, as it says itself. */
export interface IsolateTick {
  readonly type: "tick";
  readonly tickAgeMs: number;
  readonly down: boolean;
  readonly restarts: number;
  readonly memoryBytes: number;
  readonly detail: string | undefined;
  readonly children: readonly TreeNode[];
  /** What it counted, in some of them. */
  readonly figures?: Figures;
}

/** From the isolate, over the stop port. `stopped` is its acknowledgement, and its last word. */
export type FromIsolate =
  | { readonly type: "thread"; readonly thread: ThreadIdentity | undefined }
  | { readonly type: "ready"; readonly info: unknown }
  | IsolateTick
  | {
    readonly type: "stopped";
    readonly reports: readonly StopReport[];
    /** What failed on the way; empty after a clean end. */
    readonly errors: readonly ReportError[];
  }
  /** The loop ended by itself, for good; the isolate acknowledges with `stopped` after it. */
  | { readonly type: "failed"; readonly error: ReportError };
