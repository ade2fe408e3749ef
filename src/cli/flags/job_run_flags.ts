/** Flags of `job run`. Pure. */
import { parseDuration } from "./quantities.ts";
import { grouped } from "./flag.ts";
import { JOB_FLAGS } from "./job_flags.ts";
import { flagSwitch, flagText, JSON_FLAG, TARGET_FLAGS, WORKER_FLAGS } from "./shared.ts";

/** See the head of this file. */
export const JOB_RUN_FLAGS = {
  local: flagSwitch("start a cluster for this job and end it after"),
  file: {
    ...flagText("FILE", "a job file (iris job schema), - for stdin; flags win over what it says"),
    short: "f",
  },
  ...JOB_FLAGS,
  detach: { ...flagSwitch("print the job's name and do not wait"), short: "d" },
  noWait: flagSwitch("the same as --detach"),
  notifyCommand: flagText(
    "COMMAND",
    "run here by sh -c when the job has ended, with IRIS_JOB_STATE",
  ),
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
