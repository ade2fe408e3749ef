/** How a controller asks a worker how far a running attempt is: `POST /v1/progress`. */
import type { TaskProgress } from "./returned.ts";

/** Which attempt. */
export interface ProgressRequest {
  readonly generation: number;
  readonly index: number;
  readonly attempt: number;
}

/** What it said last; null when it said nothing, or does not run here. */
export interface ProgressResponse {
  readonly progress: TaskProgress | null;
}
