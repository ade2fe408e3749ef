/** The commands that reach into running tasks, as declarations. */
import { type CliContext, connect, fullJobName } from "../context.ts";
import { type Command, command } from "../flags/command.ts";
import { parseChoice } from "../flags/quantities.ts";
import { flagSwitch, JSON_FLAG, TARGET_FLAGS } from "../flags/shared.ts";
import { taskName } from "./task_commands.ts";

// What they do is loaded when one is called.
const live = () => import("./live_commands.ts");

const TERMINAL = {
  kind: "value",
  parse: parseChoice(["auto", "always", "never"]),
  value: "auto|always|never",
  help: "give it a terminal; auto: when stdin and stdout are one",
  default: "auto",
} as const;

const taskExec = command({
  path: ["task", "exec"],
  summary: "Run a command beside a running task, with its environment and in its folder.",
  flags: {
    terminal: TERMINAL,
    noStdin: flagSwitch("give it no input"),
    ...TARGET_FLAGS,
    json: flagSwitch("print how it ended as JSON, to stderr"),
  },
  operands: ["TASK"],
  takesArgv: true,
  example: "iris task exec sweep/3 -- sh",
  ctrlC: "goes to the command; without a terminal the second one hangs up on it.",
  async run(context: CliContext, { values, operands, argv }) {
    const task = taskName(context, operands[0] ?? "");
    const { terminal, noStdin, json } = values;
    const client = await connect(context, values);
    return await (await live()).execTask(context, client, { task, argv, terminal, noStdin, json });
  },
});

const taskSignal = command({
  path: ["task", "signal"],
  summary: "Send a signal to a running task: to every process of its group.",
  flags: { ...TARGET_FLAGS, json: JSON_FLAG },
  operands: ["TASK", "SIGNAL"],
  example: "iris task signal sweep/3 USR1",
  async run(context: CliContext, { values, operands }) {
    const task = taskName(context, operands[0] ?? "");
    const client = await connect(context, values);
    return await (await live()).sendSignal(context, client, {
      ...task,
      signal: operands[1] ?? "",
      json: values.json,
    });
  },
});

const jobSignal = command({
  path: ["job", "signal"],
  summary: "Send a signal to every running task of a job.",
  flags: { ...TARGET_FLAGS, json: JSON_FLAG },
  operands: ["JOB", "SIGNAL"],
  example: "iris job signal sweep USR1",
  run: async (context: CliContext, { values, operands }) =>
    (await live()).sendSignal(context, await connect(context, values), {
      job: fullJobName(context, operands[0] ?? ""),
      ...{ index: null, signal: operands[1] ?? "", json: values.json },
    }),
});

/** Every one of them. */
export const LIVE_COMMANDS: readonly Command<CliContext>[] = [
  taskExec,
  taskSignal,
  jobSignal,
];
