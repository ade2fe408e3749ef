/** Every state of a job, in the order of its life. Pure. */
import type { JobState } from "./api.ts";

/** See the head of this file. */
export const JOB_STATES = [
  "PENDING",
  "RUNNING",
  "SUCCEEDED",
  "FAILED",
  "KILLED",
  "WORKER_FAILED",
  "UNSCHEDULABLE",
] as const satisfies readonly JobState[];
