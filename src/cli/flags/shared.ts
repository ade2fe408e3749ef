/** Flags that several commands share. */
import {
  parseAfter,
  parseAmount,
  parseChoice,
  parseCores,
  parseCount,
  parseDuration,
  parseGpu,
  parsePair,
  parsePort,
  parseSize,
  parseText,
  parseWords,
} from "./quantities.ts";
import type { RepeatedFlag, SwitchFlag, ValueFlag } from "./flag.ts";
import { LOG_LEVELS } from "../../base/log.ts";
import { BANDS } from "../../model/band.ts";
import { MAX_REPLICAS, MAX_RETRIES } from "../../wire/limits.ts";
import { parseConstraint } from "./constraint.ts";
import { TASK_FLAGS } from "./task_flags.ts";

/** A switch. */
export function flagSwitch(help: string): SwitchFlag {
  return { kind: "switch", help };
}

/** A flag that holds any text. */
export function flagText(value: string, help: string): ValueFlag<string> {
  return { kind: "value", parse: parseText, value, help };
}

/** `--json`, of every command. */
export const JSON_FLAG = flagSwitch("print JSON for programs");

/** Where the controller is. */
export const TARGET_FLAGS = {
  controller: {
    ...flagText("URL", "the controller to talk to; yours, when only one runs"),
    env: "IRIS_CONTROLLER",
  },
  tokenFile: {
    ...flagText("FILE", "a file with the token to show"),
    env: "IRIS_TOKEN_FILE",
  },
  caFile: {
    ...flagText("FILE", "certificates to trust in the controller, beside the system's (PEM)"),
    env: "IRIS_CA_FILE",
  },
} as const;

const duration = (help: string) =>
  ({ kind: "value", parse: parseDuration, value: "TIME", help }) as const;

const size = (help: string) => ({ kind: "value", parse: parseSize, value: "SIZE", help }) as const;

/** What every mode takes. */
export const MODE_FLAGS = {
  config: {
    ...flagText("FILE", "an iris.yaml: its section for the mode stands in for flags left out"),
    env: "IRIS_CONFIG",
  },
  stateDir: flagText("DIR", "where state lies; in the XDG state folder when left out"),
  stopTimeout: { ...duration("the whole budget of a stop"), default: "10s" },
  logLevel: {
    kind: "value",
    parse: parseChoice(LOG_LEVELS),
    value: "LEVEL",
    help: `the least severe lines that are written: ${LOG_LEVELS.join(", ")}`,
    default: "warning",
  },
} as const;

/** What a mode that listens takes. */
export const LISTEN_FLAGS = {
  port: {
    kind: "value",
    parse: parsePort,
    value: "PORT",
    help: "the port of the status page and the API; 0 for any free one",
    default: "10000",
  },
} as const;

/** What a mode with a controller takes. */
export const CONTROLLER_FLAGS = {
  retention: {
    ...duration("jobs that are done are forgotten after this; 0s for never"),
    default: "7d",
  },
  maxStore: {
    kind: "value",
    parse: parseSize,
    value: "SIZE",
    help: "no new jobs while the database holds more than this; 0 for no limit",
    default: "8GiB",
  },
  placement: {
    kind: "value",
    parse: parseChoice(["best_fit", "spread"]),
    value: "best_fit|spread",
    help: "where tasks go: the fullest worker that still holds them, or the emptiest",
    default: "best_fit",
  },
  maxBundleSize: {
    ...size("the largest folder that `job run --bundle` may send"),
    default: "1GiB",
  },
  bundleSpace: {
    ...size("how much room bundles may take; those that no open job needs go first"),
    default: "10GiB",
  },
} as const;

/** What a mode that has workers takes. */
export const WORKER_FLAGS = {
  cgroups: {
    kind: "value",
    parse: parseChoice(["auto", "off"]),
    value: "auto|off",
    help: "whether tasks are held in a cgroup where that can be made",
    default: "auto",
  },
  spawner: {
    kind: "value",
    parse: parseChoice(["auto", "plain"]),
    value: "auto|plain",
    help: "how tasks are started: the fast way where it works, or the plain one",
    default: "auto",
  },
  containerEngine: {
    kind: "value",
    parse: parseText,
    value: "auto|none|COMMAND",
    help: "what runs containers: podman or docker, whichever is there, or this command",
    default: "auto",
    env: "IRIS_CONTAINER_ENGINE",
  },
  containerArgs: {
    kind: "value",
    parse: parseWords,
    value: "ARGS",
    help: "more arguments for each run of it, for instance --container-args='--runtime runc'",
    env: "IRIS_CONTAINER_ARGS",
  },
  bundleCache: {
    ...size("how much room unpacked bundles may take on a worker; the longest unused goes first"),
    default: "10GiB",
  },
  outputSpace: {
    ...size(
      "how much of what tasks wrote to IRIS_OUTPUT_DIR a worker keeps; the oldest goes first",
    ),
    default: "10GiB",
  },
} as const;

/** What a mode with workers takes for their logs. */
export const LOG_FLAGS = {
  logLimit: {
    kind: "value",
    parse: parseSize,
    value: "SIZE",
    help: "how much output of a task is kept on each of stdout and stderr, unless its job says so",
    default: "256MiB",
  },
  logSpace: {
    kind: "value",
    parse: parseSize,
    value: "SIZE",
    help: "how much room all logs of a worker may take; a tenth of the disk when left out",
  },
} as const;

const env: RepeatedFlag<readonly [string, string]> = {
  kind: "repeated",
  parse: parsePair,
  value: "NAME=VALUE",
  help: "a variable of each task's environment",
};

/** What a job is made of. */
export const JOB_FLAGS = {
  name: flagText("NAME", "the job's name; made from the command when left out"),
  replicas: {
    kind: "value",
    parse: parseCount(1, MAX_REPLICAS),
    value: "N",
    help: "how many tasks; 1 when left out",
  },
  eachLine: flagText("FILE", "one task for each line of it, in IRIS_ENTRY; - for stdin"),
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
    value: "NAME=N",
    help: "a named resource of each task, for instance licence=0.5",
  },
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
  env,
  cwd: flagText("DIR", "working directory of each task"),
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
  ifExists: {
    kind: "value",
    parse: parseChoice(["error", "keep", "replace"]),
    value: "error|keep|replace",
    help: "what to do when a job of that name exists",
    default: "error",
  },
  ...TASK_FLAGS,
} as const;
