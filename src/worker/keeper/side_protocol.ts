/**
 * What is asked through the keeper's side door, beside the one link of its worker: a connection for
 * each question, the question as JSON in its first frame. Whoever may open the socket may ask.
 */
import type { ErrorCode } from "../../base/errors.ts";
import type { WorkerExecRequest } from "../../wire/exec.ts";
import type { TaskSignal } from "../../wire/signals.ts";
import type { AttemptUsage, ProcessUsage } from "../../wire/usage.ts";
import type { AttemptKey } from "./attempt.ts";

/** A question. */
export type SideRequest =
  /** Frames follow, as `src/wire/exec.ts` has them. */
  | { readonly op: "exec"; readonly request: WorkerExecRequest }
  | SideQuestion;

/** A question with one answer. */
export type SideQuestion =
  | {
    readonly op: "signal";
    readonly generation: number;
    /** Null for every attempt of the generation. */
    readonly attempt: Omit<AttemptKey, "generation"> | null;
    readonly signal: TaskSignal;
  }
  | { readonly op: "usage"; readonly attempts: readonly AttemptKey[] };

/** The answers, by question. */
export interface SideAnswers {
  readonly signal: { readonly signalled: number };
  readonly usage: {
    /** In the order of the question; null for one that does not run. */
    readonly attempts: readonly (AttemptUsage | null)[];
    readonly keeper: ProcessUsage;
  };
}

/** What comes back. */
export type SideAnswer<T> =
  | { readonly ok: T }
  | { readonly error: { readonly code: ErrorCode; readonly message: string } };
