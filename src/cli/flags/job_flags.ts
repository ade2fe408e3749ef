/** Flags of `job run` that say what a job is, under their headings; a job file has the same. Pure. */
import { BANDS } from "../../model/band.ts";
import { MAX_REPLICAS, MAX_RETRIES } from "../../wire/limits.ts";
import { parseConstraint } from "./constraint.ts";
import { grouped, type RepeatedFlag } from "./flag.ts";
import {
  parseAfter,
  parseAmount,
  parseChoice,
  parseCores,
  parseCount,
  parseDuration,
  parseGpu,
  parsePair,
  parseSize,
} from "./quantities.ts";
import { flagSwitch, flagText } from "./shared.ts";
import { parseWebhook } from "./webhook.ts";
import { TASK_FLAGS } from "./task_flags.ts";

const duration = (help: string) =>
  ({ kind: "value", parse: parseDuration, value: "TIME", help }) as const;

const env: RepeatedFlag<readonly [string, string]> = {
  kind: "repeated",
  parse: parsePair,
  named: true,
  value: "NAME=VALUE",
  help: "a variable of each task's environment",
};

const secretEnv: RepeatedFlag<readonly [string, string]> = {
  ...env,
  help: "the same, and its value is shown to nobody but the tasks",
};

const OWN_FLAGS = {
  name: flagText("NAME", "the job's name; made from the command when left out"),
  replicas: {
    kind: "value",
    parse: parseCount(1, MAX_REPLICAS),
    value: "N",
    help: "how many tasks; 1 when left out",
  },
  eachLine: flagText("FILE", "one task for each line of it, in IRIS_ENTRY; - for stdin"),
  env,
  secretEnv,
  cwd: flagText("DIR", "working directory of each task"),
  webhook: {
    kind: "value",
    parse: parseWebhook,
    value: "URL",
    help: "called by the controller when the job is done, if it was started with --webhooks",
  },
} as const;

const NEEDS_FLAGS = grouped("What each task needs", {
  cpu: {
    kind: "value",
    parse: parseCores,
    value: "CORES",
    help: "cores of each task",
    default: "1",
  },
  memory: {
    kind: "value",
    parse: parseSize,
    value: "SIZE",
    help: "memory of each task, and its limit",
  },
  disk: {
    kind: "value",
    parse: parseSize,
    value: "SIZE",
    help: "disk of each task, and its limit",
  },
  gpu: { kind: "value", parse: parseGpu, value: "[KIND=]N", help: "GPUs of each task" },
  resource: {
    kind: "repeated",
    parse: parseAmount,
    named: true,
    value: "NAME=N",
    help: "a named resource of each task, for instance licence=0.5",
  },
});

const PLACE_FLAGS = grouped("Where and when it runs", {
  constraint: {
    kind: "repeated",
    parse: parseConstraint,
    value: "'KEY OP VALUE'",
    help: "what a worker must be, for instance zone=a, 'cores >= 8', 'zone in a,b', '!spot'",
  },
  prefer: {
    kind: "repeated",
    parse: parseConstraint,
    value: "'KEY OP VALUE'",
    help: "what a worker had better be",
  },
  gang: flagText("ATTR", "all tasks at once, on workers that share a value of this attribute"),
  priority: {
    kind: "value",
    parse: parseChoice(BANDS),
    value: BANDS.join("|"),
    help: "whose turn it is first",
    default: "interactive",
  },
  notPreemptible: flagSwitch("never stop its tasks to make room for a higher priority"),
  after: {
    kind: "repeated",
    parse: parseAfter,
    value: "JOB[:end]",
    help: "begin when that job has succeeded, or has just ended",
  },
  hold: flagSwitch("place nothing of it until `iris job release`"),
  maxRunning: {
    kind: "value",
    parse: parseCount(1, MAX_REPLICAS),
    value: "N",
    help: "how many tasks may run at the same time",
  },
  ifExists: {
    kind: "value",
    parse: parseChoice(["error", "keep", "replace"]),
    value: "error|keep|replace",
    help: "what to do when a job of that name exists",
    default: "error",
  },
});

const TIMES_FLAGS = grouped("Times and retries", {
  timeout: duration("a task that runs longer is ended"),
  startTimeout: duration("the job is given up when no task began within this"),
  grace: duration("between SIGTERM and SIGKILL"),
  retries: {
    kind: "value",
    parse: parseCount(0, MAX_RETRIES),
    value: "N",
    help: "how often a task that failed is tried again",
    default: "0",
  },
  backoff: {
    ...duration("before the first retry; doubled for each one after it"),
    default: "1s",
  },
  lossRetries: {
    kind: "value",
    parse: parseCount(0, MAX_RETRIES),
    value: "N",
    help: "how often a task that was lost or made room starts anew",
    default: "100",
  },
  crashRetries: {
    kind: "value",
    parse: parseCount(0, MAX_RETRIES),
    value: "N",
    help: "how many workers may die under a task before it is held to be why",
    default: "10",
  },
  maxTaskFailures: {
    kind: "value",
    parse: parseCount(0, MAX_REPLICAS),
    value: "N",
    help: "how many tasks may fail before the job does",
    default: "0",
  },
});

/** What a job is made of. */
export const JOB_FLAGS = {
  ...OWN_FLAGS,
  ...TASK_FLAGS,
  ...NEEDS_FLAGS,
  ...PLACE_FLAGS,
  ...TIMES_FLAGS,
} as const;
