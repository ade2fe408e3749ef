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
}

/** What came after the cursor. */
export interface LogsResponse {
  /** In order for each stream of each attempt. */
  readonly chunks: readonly LogChunk[];
  readonly cursor: string;
  /** True when all attempts of the job known here have ended and been read to the end. */
  readonly complete: boolean;
}
