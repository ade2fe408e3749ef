/** `iris doctor` as a declaration. */
import type { CliContext } from "../context.ts";
import { command } from "../flags/command.ts";
import { flagSwitch, flagText, JSON_FLAG, LISTEN_FLAGS, TARGET_FLAGS } from "../flags/shared.ts";

/** See the head of this file. */
export const DOCTOR_COMMAND = command({
  path: ["doctor"],
  summary: "Say what is wrong with this host or a cluster, and what to do.",
  flags: {
    cluster: flagSwitch("look at a running cluster instead of this host"),
    stateDir: flagText("DIR", "where state lies or is to lie; the XDG state folder when left out"),
    port: { ...LISTEN_FLAGS.port, help: "the port that a cluster is to listen on" },
    ...TARGET_FLAGS,
    json: JSON_FLAG,
  },
  example: "iris doctor --cluster",
  run: async (context: CliContext, { values }) =>
    (await import("./doctor_command.ts")).runDoctor(context, values),
});
