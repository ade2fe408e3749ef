/** `config check|schema|show` as declarations; what they need is loaded when they are called. */
import type { CliContext } from "../context.ts";
import { command } from "../flags/command.ts";
import { JSON_FLAG, TARGET_FLAGS } from "../flags/shared.ts";

const configCheck = command({
  path: ["config", "check"],
  summary: "Check an iris.yaml: what is wrong, where, and what would be right.",
  flags: { json: JSON_FLAG },
  operands: ["FILE"],
  example: "iris config check iris.yaml",
  async run(context: CliContext, { values, operands }) {
    const { checkConfigFile } = await import("./config_commands.ts");
    return await checkConfigFile(context, operands[0] ?? "", values);
  },
});

const configSchema = command({
  path: ["config", "schema"],
  summary: "Print the JSON schema of iris.yaml, for editors.",
  flags: { json: JSON_FLAG },
  example: "iris config schema > iris.schema.json",
  async run(context: CliContext) {
    const { printSchema } = await import("./config_commands.ts");
    return printSchema(context);
  },
});

const configShow = command({
  path: ["config", "show"],
  summary: "Show which cluster commands talk to here, and where each value comes from.",
  flags: { ...TARGET_FLAGS, json: JSON_FLAG },
  example: "iris config show --context prod",
  async run(context: CliContext, { values }) {
    const { showConfig } = await import("./config_show.ts");
    return await showConfig(context, values);
  },
});

/** What can be done with a configuration file. */
export const CONFIG_COMMANDS = [configCheck, configSchema, configShow] as const;
