/** Every command of the command line, as declarations. Modes stand in `../modes/all.ts`. */
import { IrisError } from "../../base/errors.ts";
import { type CliContext, connect } from "../context.ts";
import { type Command, command } from "../flags/command.ts";
import { DRY_RUN_FLAG, flagSwitch, flagText, JSON_FLAG, TARGET_FLAGS } from "../flags/shared.ts";
import { parseCount, parseDuration } from "../flags/quantities.ts";
import { interruptible } from "../interrupt.ts";
import { ENDPOINT_COMMANDS } from "./endpoint_commands.ts";
import { VM_COMMANDS } from "./vm_declarations.ts";
import { TOKEN_COMMANDS } from "./token_declarations.ts";
import { WORKER_COMMANDS } from "./worker_commands.ts";
import { taskShow } from "./task_commands.ts";
import { JOB_COMMANDS } from "./job_declarations.ts";
import { MANUAL_COMMANDS } from "./manual_declarations.ts";
import { LIVE_COMMANDS } from "./live_declarations.ts";
import { DOCTOR_COMMAND } from "../doctor/doctor_declaration.ts";
import { CONFIG_COMMANDS } from "./config_declarations.ts";

type IrisCommand = Command<CliContext>;

// What commands do is loaded when one is called: a short command loads little.
const clusters = () => import("./cluster_commands.ts");
const backups = () => import("./backup_commands.ts");

const events = command({
  path: ["events"],
  summary: "Print what changed: jobs, tasks that end badly, workers; oldest first.",
  flags: {
    follow: flagSwitch("go on as changes come"),
    after: flagText("CURSOR", "only what came after; with --follow from now on when left out"),
    job: flagText("JOB", "only changes of this job"),
    limit: {
      kind: "value",
      parse: parseCount(1, 1_000),
      value: "N",
      help: "without --follow: at most this many",
      default: "100",
    },
    ...TARGET_FLAGS,
    json: JSON_FLAG,
  },
  example: "iris events --follow --job sweep",
  ctrlC: "ends the printing.",
  run: (context: CliContext, { values }) =>
    interruptible(async (interrupted) =>
      (await clusters()).showEvents(context, await connect(context, values), {
        ...values,
        interrupted,
      })
    ),
});

const watch = command({
  path: ["watch"],
  summary: "Watch a cluster: its jobs and workers as they are now, on a screen of their own.",
  flags: {
    interval: {
      kind: "value",
      parse: parseDuration,
      value: "TIME",
      help: "between two looks",
      default: "1s",
    },
    count: {
      kind: "value",
      parse: parseCount(1, Number.MAX_SAFE_INTEGER),
      value: "N",
      help: "so many looks, a line each; without end when left out",
    },
    ...TARGET_FLAGS,
    json: { ...JSON_FLAG, help: "print a line of JSON at each look" },
  },
  example: "iris watch --interval 5s",
  ctrlC: "ends it, and q does; what is watched goes on.",
  async run(context: CliContext, { values }) {
    const { watchCluster } = await import("./watch.ts");
    const client = await connect(context, values);
    const intervalMs = Math.max(100, values.interval);
    return await watchCluster(context, client, { ...values, intervalMs });
  },
});

const tree = command({
  path: ["tree"],
  summary: "Show the live ownership tree: who owns whom, state, age, last tick.",
  flags: {
    workers: {
      kind: "value",
      parse: parseCount(0, 10_000),
      value: "N",
      default: "50",
      help: "of so many workers on other hosts show their own trees",
    },
    ...TARGET_FLAGS,
    json: JSON_FLAG,
  },
  example: "iris tree",
  run: async (context: CliContext, { values }) =>
    (await clusters()).showTree(context, await connect(context, values), values),
});

const status = command({
  path: ["cluster", "status"],
  summary: "Show how a cluster does, and a fresh link to its status page.",
  flags: { ...TARGET_FLAGS, json: JSON_FLAG },
  example: "iris cluster status",
  run: async (context: CliContext, { values }) =>
    (await clusters()).clusterStatus(context, await connect(context, values), values),
});

const stop = command({
  path: ["cluster", "stop"],
  summary: "Stop a cluster with everything in it, and print its report.",
  flags: {
    timeout: {
      kind: "value",
      parse: parseDuration,
      value: "TIME",
      help: "the whole budget; the cluster's own when left out",
    },
    dryRun: DRY_RUN_FLAG,
    ...TARGET_FLAGS,
    json: JSON_FLAG,
  },
  example: "iris cluster stop --timeout 5s",
  ctrlC: "ends the waiting; the cluster stops all the same.",
  async run(context: CliContext, { values }) {
    const { json, timeout: timeoutMs = null, dryRun } = values;
    const client = await connect(context, values);
    if (!dryRun) return await (await clusters()).stopCluster(context, client, { timeoutMs, json });
    return await (await import("./would.ts")).wouldStopCluster(context, client, { json });
  },
});

const backup = command({
  path: ["cluster", "backup"],
  summary: "Save the database of a running cluster to a file, and check it.",
  flags: { force: flagSwitch("replace the file"), ...TARGET_FLAGS, json: JSON_FLAG },
  operands: ["FILE"],
  example: "iris cluster backup monday.db",
  ctrlC: "ends it; no file is left.",
  run: (context: CliContext, { values, operands }) =>
    interruptible(async (signal) =>
      (await backups()).backupCluster(context, await connect(context, values), {
        ...{ file: operands[0] ?? "", force: values.force, json: values.json, signal },
      })
    ),
});

const restore = command({
  path: ["cluster", "restore"],
  summary: "Put a backup in the place of the database of a cluster that does not run.",
  flags: {
    stateDir: flagText("DIR", "the cluster's state folder"),
    force: flagSwitch("though there is a database; it is kept beside the new one"),
    dryRun: DRY_RUN_FLAG,
    json: JSON_FLAG,
  },
  operands: ["FILE"],
  example: "iris cluster restore monday.db --state-dir /var/lib/iris",
  async run(context: CliContext, { values, operands }) {
    const { stateDir, force, json, dryRun } = values;
    if (stateDir === undefined) {
      throw new IrisError("usage", "cluster restore needs --state-dir", { field: "--state-dir" });
    }
    const of = { file: operands[0] ?? "", stateDir, force, json, dryRun };
    return await (await backups()).restoreCluster(context, of);
  },
});

const version = command({
  path: ["version"],
  summary: "Print the version, the commit, the kind of this program, and its Deno.",
  flags: { json: JSON_FLAG },
  example: "iris version",
  async run(context: CliContext, { values }) {
    const { printVersion } = await import("./version_command.ts");
    return await printVersion(context, values.json);
  },
});

/** Every command. */
export const COMMANDS: readonly IrisCommand[] = [
  ...JOB_COMMANDS,
  taskShow,
  ...LIVE_COMMANDS,
  ...CONFIG_COMMANDS,
  ...ENDPOINT_COMMANDS,
  events,
  ...WORKER_COMMANDS,
  ...VM_COMMANDS,
  ...TOKEN_COMMANDS,
  watch,
  tree,
  status,
  stop,
  backup,
  restore,
  DOCTOR_COMMAND,
  ...MANUAL_COMMANDS,
  version,
];
