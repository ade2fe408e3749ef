/** Flags of `job run`. Pure. */
import { parseDuration } from "./quantities.ts";
import { grouped } from "./flag.ts";
import { JOB_FLAGS } from "./job_flags.ts";
import { flagSwitch, JSON_FLAG, TARGET_FLAGS, WORKER_FLAGS } from "./shared.ts";

/** See the head of this file. */
export const JOB_RUN_FLAGS = {
  local: flagSwitch("start a cluster for this job and end it after"),
  ...JOB_FLAGS,
  noWait: flagSwitch("print the job's name and do not wait"),
  quiet: flagSwitch("print no output of the job"),
  ...grouped("With --local", {
    stopTimeout: {
      kind: "value",
      parse: parseDuration,
      value: "TIME",
      help: "the whole budget of the stop",
      default: "10s",
    },
    ...WORKER_FLAGS,
  }),
  ...TARGET_FLAGS,
  json: JSON_FLAG,
} as const;
