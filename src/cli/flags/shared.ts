/** Flags that several commands share. */
import {
  parseChoice,
  parseDuration,
  parsePort,
  parseSize,
  parseText,
  parseWords,
} from "./quantities.ts";
import { grouped, type SwitchFlag, type ValueFlag } from "./flag.ts";
import { parseWebhookHost } from "./webhook.ts";
import { LOG_FORMATS, LOG_LEVELS } from "../../base/log.ts";

/** A switch. */
export function flagSwitch(help: string): SwitchFlag {
  return { kind: "switch", help };
}

/** A flag that holds any text. */
export function flagText(value: string, help: string): ValueFlag<string> {
  return { kind: "value", parse: parseText, value, help };
}

/** `--json`, of every command. */
export const JSON_FLAG: SwitchFlag = {
  ...flagSwitch("print JSON for programs"),
  group: "Output",
};

/** `--dry-run`, of every verb that ends or forgets something. */
export const DRY_RUN_FLAG = flagSwitch("only say what would happen");

/** Where the controller is. */
export const TARGET_FLAGS = grouped("Which cluster", {
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
  context: {
    ...flagText("NAME", "a cluster of your config.yaml (iris config show); local: the one here"),
    env: "IRIS_CONTEXT",
  },
});

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
  logFormat: {
    kind: "value",
    parse: parseChoice(LOG_FORMATS),
    value: "FORMAT",
    help: "how they are written: for people (pretty), or each as a JSON object",
    default: "pretty",
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
  webhooks: {
    kind: "repeated",
    parse: parseWebhookHost,
    value: "HOST",
    help:
      "a host that `job run --webhook` may name, *.HOST for all below it, * for every host but " +
      "its own",
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
