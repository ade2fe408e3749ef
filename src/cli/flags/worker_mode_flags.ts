/** Flags of `--mode=worker` that nothing else has. */
import {
  parseAmount,
  parseChoice,
  parseCores,
  parseDuration,
  parseGpu,
  parsePair,
  parsePort,
  parseSize,
  parseWorkerName,
} from "./quantities.ts";
import { parsePortRange, SERVER_FLAGS, WORKER_HOST_FLAG, WORKS_FOR_FLAGS } from "./listen_flags.ts";
import { flagText } from "./shared.ts";

/** What it works for, who it is, where it is reached, and what it offers. */
export const WORKER_MODE_FLAGS = {
  ...WORKS_FOR_FLAGS,
  name: {
    kind: "value",
    parse: parseWorkerName,
    value: "NAME",
    help: "the worker's name, which its state folder keeps; the host's at first",
  },
  onStop: {
    kind: "value",
    parse: parseChoice(["kill", "detach"]),
    value: "kill|detach",
    help: "what a stop does with its tasks: end them, or let them go on for the next start",
    default: "kill",
  },
  runAs: flagText("USER[:GROUP]", "run tasks as this user; only for a worker that is root"),
  host: WORKER_HOST_FLAG,
  port: {
    kind: "value",
    parse: parsePort,
    value: "PORT",
    help: "the port it listens on; 0 for any free one",
    default: "0",
  },
  ...SERVER_FLAGS,
  onControllerLost: {
    kind: "value",
    parse: parseChoice(["finish", "stop", "wait"]),
    value: "finish|stop|wait",
    help: "its tasks without a controller: go on, are stopped, or go on and none begins",
    default: "finish",
  },
  controllerLostAfter: {
    kind: "value",
    parse: parseDuration,
    value: "TIME",
    help: "the controller counts as lost after this long without a call",
    default: "30s",
  },
  endAfterLost: {
    kind: "value",
    parse: parseDuration,
    value: "TIME",
    help: "the worker ends itself after this long without its controller; never when left out",
  },
  portRange: {
    kind: "value",
    parse: parsePortRange,
    value: "A-B",
    help: "TCP ports that tasks may be given; 20000-29999 when left out",
  },
  cpu: {
    kind: "value",
    parse: parseCores,
    value: "CORES",
    help: "what it has; all when left out",
  },
  memory: {
    kind: "value",
    parse: parseSize,
    value: "SIZE",
    help: "what it has; all when left out",
  },
  resource: {
    kind: "repeated",
    parse: parseAmount,
    value: "NAME=N",
    help: "a named resource it has, for instance gpu=2 or licence=0.5",
  },
  attr: {
    kind: "repeated",
    parse: parsePair,
    value: "KEY=VALUE",
    help: "an attribute that constraints of jobs look at",
  },
  disk: { kind: "value", parse: parseSize, value: "SIZE", help: "disk that tasks may ask for" },
  gpu: {
    kind: "repeated",
    parse: parseGpu,
    value: "[KIND=]N",
    help: "GPUs it has, for instance h100=4",
  },
} as const;
