/** How a controller reads the logs of a job from one worker: `POST /v1/logs`. */
import type { LogChunk } from "./api.ts";

/** Asks for what came after a cursor, of all attempts of a job on this worker. */
export interface LogsRequest {
  readonly generation: number;
  /** Only this task, or null for all. */
  readonly task: number | null;
  /** From an earlier answer, or null for the beginning. Opaque to the caller. */
  readonly cursor: string | null;
  /** At most this many bytes of output in the answer. */
  readonly maxBytes: number;
  /** How long the worker may wait for the first new byte. */
  readonly waitMs: number;
  /** Only this stream; left out: both. */
  readonly stream?: "stdout" | "stderr";
  /** Only what was first seen then or later, wall ms. */
  readonly sinceMs?: number;
  /**
   * Of the latest attempt at each task so many last lines of each stream, and nothing of earlier
   * attempts; what begins after the first call is whole.
   */
  readonly tail?: number;
}

/** What came after the cursor. */
export interface LogsResponse {
  /** In order for each stream of each attempt, and over all of them by time of first sight. */
  readonly chunks: readonly LogChunk[];
  readonly cursor: string;
  /** True when all attempts of the job known here have ended and been read to the end. */
  readonly complete: boolean;
}

/** `POST /api/v1/workers/forgotten`: generations that a worker has logs of, at most 10,000. */
export interface ForgottenRequest {
  readonly generations: readonly number[];
}

/** Those that the controller has forgotten, and whose they were. */
export interface ForgottenResponse {
  readonly cluster: string;
  readonly generations: readonly number[];
}
