/** Flags of `--mode=vm-manager` that nothing else has. */
import { SERVER_FLAGS, WORKS_FOR_FLAGS } from "./listen_flags.ts";
import { parseChoice, parseCount } from "./quantities.ts";
import { flagText } from "./shared.ts";

/** What it works for, who it is, and what a stop does. */
export const VM_MANAGER_FLAGS = {
  ...WORKS_FOR_FLAGS,
  name: flagText("NAME", "its name, which no other VM manager may have; the host's when left out"),
  workerTokenFile: flagText(
    "FILE",
    "a file with the token that its VMs' workers get, where --token-file has one of the role " +
      "vm-manager; the same when left out",
  ),
  metricsPort: {
    kind: "value",
    parse: parseCount(1, 65_535),
    value: "PORT",
    help: "answers /metrics on this port of 127.0.0.1, to who shows the token of --token-file",
  },
  onStop: {
    kind: "value",
    parse: parseChoice(["kill", "detach"]),
    value: "kill|detach",
    help: "what a stop does with its VMs: end them, or leave them for the next start",
    default: "kill",
  },
  tlsCa: SERVER_FLAGS.tlsCa,
  insecure: SERVER_FLAGS.insecure,
} as const;
