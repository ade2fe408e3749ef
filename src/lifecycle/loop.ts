/**
 * A loop of Iris, as its own code sees it: an ordinary async function over a context, so that it
 * runs the same in an isolate and, with a fake clock, in a test. Types only: `managed_loop.ts` runs
 * one in the isolate it is called in, `isolate.ts` puts one into a Web Worker and drives it there.
 */
import type { Clock } from "../base/clock.ts";
import type { Owner } from "./owner.ts";
import type { StopCause, StopRequest } from "./part.ts";

/**
 * One end of a connection to another loop. Messages arrive in order, on a later turn, by structured
 * clone. What comes while no handler is set waits (up to a limit, then the oldest are dropped and
 * counted), so a loop that restarts misses nothing that still matters.
 */
export interface Channel<In, Out> {
  /** Sends; does nothing once closed. */
  post(message: Out, transfer?: Transferable[]): void;
  /** Sets the one handler, replacing an earlier one; `null` takes it away. */
  onMessage(handler: ((message: In) => void) | null): void;
  /** How many waiting messages had to be dropped. */
  readonly dropped: number;
}

/** What the body of a loop gets. */
export interface LoopContext<Config = unknown> {
  /** Aborted at rung `ask`; `signal.reason` is the {@linkcode StopRequest}. End soon after. */
  readonly signal: AbortSignal;
  /** Aborted at rung `close`; `closing.reason` is the {@linkcode StopCause}. Take in no new work. */
  readonly closing: AbortSignal;
  readonly clock: Clock;
  /** Structured-clone data from whoever composed this loop. */
  readonly config: Config;
  /** This run's node: servers, databases, timers and processes of the body are owned here. */
  readonly owner: Owner;
  /** The connection of that name. @throws {AssertionFailure} when the composer gave none. */
  channel<In, Out>(name: string): Channel<In, Out>;
  /** Says that the start is over; `info` goes to the owner. A body that never says so is killed. */
  ready(info?: unknown): void;
  /** Says that the loop is alive. Call it at least once a second while healthy. */
  tick(): void;
}

/** A loop: runs until `context.signal` aborts, then ends. Returning early or throwing is a crash. */
export type LoopBody<Config = unknown> = (context: LoopContext<Config>) => Promise<void>;

/** How often a crashed loop is started again before its failure goes up to its owner. */
export interface RestartPolicy {
  /** Restarts allowed within the window. */
  readonly limit: number;
  /** The window, in ms. */
  readonly windowMs: number;
  /** First back-off, in ms. */
  readonly minBackoffMs: number;
  /** Longest back-off, in ms. */
  readonly maxBackoffMs: number;
}

export type { StopCause, StopRequest };
