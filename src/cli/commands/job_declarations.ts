/** The commands about jobs, as declarations. All that is loaded of the command line for one of them. */
import { systemClock } from "../../base/clock.ts";
import type { IrisClient } from "../../client/iris_client.ts";
import type { JobView } from "../../wire/api.ts";
import { type CliContext, connect, fullJobName, note } from "../context.ts";
import { type Command, command } from "../flags/command.ts";
import { JOB_RUN_FLAGS } from "../flags/job_run_flags.ts";
import { LOGS_FLAGS, logsRequest } from "../flags/logs_flags.ts";
import { JOB_STATES } from "../../wire/job_states.ts";
import { parseSince, sinceTime } from "../flags/since.ts";
import { parseChoice, parseCount, parseDuration, parseText } from "../flags/quantities.ts";
import { DRY_RUN_FLAG, flagSwitch, flagText, JSON_FLAG, TARGET_FLAGS } from "../flags/shared.ts";
import { interruptible } from "../interrupt.ts";

type IrisCommand = Command<CliContext>;

// What commands do is loaded when one is called: a short command loads little.
const jobs = () => import("./job_commands.ts");
const would = () => import("./would.ts");

const jobRun = command({
  path: ["job", "run"],
  summary: "Submit a job, stream its output, and end as it ends.",
  flags: JOB_RUN_FLAGS,
  takesArgv: true,
  insteadOfArgv: ["file", "module", "image"],
  example: "iris job run --local --replicas 4 -- sh -c 'echo task $IRIS_TASK_INDEX'",
  ctrlC: "on a running cluster asks at a terminal whether to stop the job or to detach from it " +
    "(once more: stop), and stops it elsewhere. With --local it stops job and cluster; once more " +
    "forces it, a third time leaves at once.",
  async run(context: CliContext, invocation) {
    const { submitAndRun } = await import("./job_run.ts");
    return await submitAndRun(context, invocation);
  },
});

const jobAttach = command({
  path: ["job", "attach"],
  summary: "Follow a job that runs: stream its output, and end as it ends.",
  flags: {
    tail: {
      kind: "value",
      parse: parseCount(0, 1_000_000),
      value: "N",
      help: "of what was written before, so many last lines of each stream of each task",
      default: "10",
    },
    notifyCommand: JOB_RUN_FLAGS.notifyCommand,
    ...TARGET_FLAGS,
    json: JSON_FLAG,
  },
  operands: ["JOB"],
  example: "iris job attach sweep",
  ctrlC: "asks at a terminal whether to stop the job or to detach from it, and detaches elsewhere.",
  async run(context: CliContext, { values, operands }) {
    const { attachJob } = await import("./run_jobs.ts");
    const client = await connect(context, values);
    const quiet = context.quiet === true;
    return await attachJob(context, client, { ...values, name: operands[0] ?? "", quiet });
  },
});

const jobSchema = command({
  path: ["job", "schema"],
  summary: "Print the JSON schema of job files, for editors.",
  flags: { json: JSON_FLAG },
  example: "iris job schema > job.schema.json",
  async run(context: CliContext) {
    const { jobJsonSchema } = await import("../config/job_schema.ts");
    context.out(JSON.stringify(jobJsonSchema(), null, 2));
    return 0;
  },
});

const jobList = command({
  path: ["job", "list"],
  summary: "List jobs, newest first.",
  flags: {
    state: {
      kind: "value",
      parse: parseChoice(JOB_STATES),
      value: "STATE",
      help: "only jobs in this state, for instance pending, running, failed",
    },
    user: flagText("USER", "only jobs of this user"),
    since: {
      kind: "value",
      parse: parseSince,
      value: "TIME",
      help: "only jobs submitted since: 10m, or 2026-01-31T12:00:00Z",
    },
    limit: {
      kind: "value",
      parse: parseCount(1, 1_000),
      value: "N",
      help: "at most this many",
      default: "100",
    },
    ...TARGET_FLAGS,
    json: JSON_FLAG,
  },
  example: "iris job list --state running --since 1d",
  run: async (context: CliContext, { values }) =>
    (await jobs()).listJobs(context, await connect(context, values), {
      ...values,
      sinceMs: values.since === undefined ? undefined : sinceTime(values.since, systemClock.wall()),
    }),
});

const jobShow = command({
  path: ["job", "show"],
  summary: "Show a job and its tasks.",
  flags: { ...TARGET_FLAGS, json: JSON_FLAG },
  operands: ["JOB"],
  example: "iris job show sweep",
  run: async (context: CliContext, { values, operands }) =>
    (await jobs()).showJob(context, await connect(context, values), {
      name: operands[0] ?? "",
      json: values.json,
    }),
});

const jobLogs = command({
  path: ["job", "logs"],
  summary: "Print what a job wrote, each line prefixed with its task.",
  flags: { ...LOGS_FLAGS, ...TARGET_FLAGS, json: JSON_FLAG },
  operands: ["JOB"],
  example: "iris job logs --follow --since 10m sweep",
  ctrlC: "ends the printing; the job goes on.",
  run: (context: CliContext, { values, operands }) =>
    interruptible(async (interrupted) =>
      (await jobs()).showLogs(context, await connect(context, values), {
        ...logsRequest(values, systemClock.wall()),
        ...{ name: operands[0] ?? "", json: values.json, interrupted },
      })
    ),
});

const jobDownload = command({
  path: ["job", "download"],
  summary: "Fetch what a job's tasks wrote into IRIS_OUTPUT_DIR, a folder for each task.",
  flags: {
    task: {
      kind: "value",
      parse: parseCount(0, Number.MAX_SAFE_INTEGER),
      value: "INDEX",
      help: "only this task",
    },
    to: flagText("DIR", "where to; a folder of the job's name when left out"),
    force: flagSwitch("replace what is there of these tasks"),
    ...TARGET_FLAGS,
    json: JSON_FLAG,
  },
  operands: ["JOB"],
  example: "iris job download sweep --to results",
  ctrlC: "ends it; tasks are there whole or not at all.",
  run: (context: CliContext, { values, operands }) =>
    interruptible(async (signal) => {
      const { downloadOutputs } = await import("./download.ts");
      return await downloadOutputs(context, await connect(context, values), {
        ...values,
        name: fullJobName(context, operands[0] ?? ""),
        signal,
      });
    }),
});

const jobWait = command({
  path: ["job", "wait"],
  summary: "Wait until jobs are done, and end as they ended.",
  flags: {
    any: flagSwitch("of several jobs only until the first is done"),
    timeout: {
      kind: "value",
      parse: parseDuration,
      value: "TIME",
      help: "how long to wait at most; for ever when left out",
    },
    ...TARGET_FLAGS,
    json: { ...JSON_FLAG, help: "print each job as a line of JSON, as it ends" },
  },
  operands: ["JOB..."],
  example: "iris job wait sweep train --any",
  ctrlC: "ends the waiting; the jobs go on.",
  run: (context: CliContext, { values, operands }) =>
    interruptible(async (interrupted) =>
      (await import("./job_wait.ts")).waitJobs(context, await connect(context, values), {
        ...values,
        names: operands,
        timeoutMs: values.timeout,
        interrupted,
      })
    ),
});

const jobStop = command({
  path: ["job", "stop"],
  summary: "Stop a job, and wait until the last process of it is gone.",
  flags: {
    noWait: flagSwitch("only ask"),
    dryRun: DRY_RUN_FLAG,
    ...TARGET_FLAGS,
    json: JSON_FLAG,
  },
  operands: ["JOB"],
  example: "iris job stop sweep",
  ctrlC: "ends the waiting; the job is stopped all the same.",
  run: (context: CliContext, { values, operands }) =>
    interruptible(async (interrupted) => {
      const client = await connect(context, values);
      const { json, dryRun } = values;
      const name = operands[0] ?? "";
      if (dryRun) return await (await would()).wouldStopJob(context, client, { name, json });
      const wait = !values.noWait;
      return await (await jobs()).stopJob(context, client, { name, wait, json, interrupted });
    }),
});

/** A verb on one job that answers at once. */
function jobVerb(
  path: readonly [string, string],
  of: {
    summary: string;
    does: string;
    act: (client: IrisClient, name: string) => Promise<JobView>;
  },
): IrisCommand {
  return command({
    path,
    summary: of.summary,
    flags: { ...TARGET_FLAGS, json: JSON_FLAG },
    operands: ["JOB"],
    example: `iris ${path.join(" ")} sweep`,
    async run(context: CliContext, { values, operands }) {
      const name = fullJobName(context, operands[0] ?? "");
      const job = await of.act(await connect(context, values), name);
      if (values.json) context.out(JSON.stringify(job));
      else note(context, `${job.name} ${of.does}`);
      return 0;
    },
  });
}

const jobPurge = command({
  path: ["job", "purge"],
  summary: "Forget jobs that are done, with everything stored about them.",
  flags: {
    job: {
      kind: "repeated",
      parse: parseText,
      value: "JOB",
      help: "this job, every generation of it",
    },
    olderThan: {
      kind: "value",
      parse: parseDuration,
      value: "TIME",
      help: "every job that ended longer ago",
    },
    allDone: flagSwitch("every job that is done"),
    dryRun: DRY_RUN_FLAG,
    ...TARGET_FLAGS,
    json: JSON_FLAG,
  },
  example: "iris job purge --older-than 3d",
  run: async (context: CliContext, { values }) =>
    (await jobs()).purgeJobs(context, await connect(context, values), {
      ...values,
      jobs: values.job,
      olderThanMs: values.allDone ? 0 : values.olderThan,
    }),
});

const jobHold = jobVerb(["job", "hold"], {
  summary: "Place nothing more of a job; what runs of it goes on.",
  does: "is held",
  act: (client, name) => client.holdJob(name),
});

const jobExplain = command({
  path: ["job", "explain"],
  summary: "Show why a job is not further than it is, and what would help.",
  flags: { ...TARGET_FLAGS, json: JSON_FLAG },
  operands: ["JOB"],
  example: "iris job explain sweep",
  run: async (context: CliContext, { values, operands }) =>
    (await jobs()).explainJob(context, await connect(context, values), {
      name: operands[0] ?? "",
      json: values.json,
    }),
});

const jobRelease = jobVerb(["job", "release"], {
  summary: "Let a held job be placed.",
  does: "is released",
  act: (client, name) => client.releaseJob(name),
});

const jobRetry = jobVerb(["job", "retry"], {
  summary: "Run the tasks of a job again that did not succeed, and only those.",
  does: "runs again, with what did not succeed",
  act: (client, name) => client.retryJob(name),
});

/** Every one of them. */
export const JOB_COMMANDS: readonly IrisCommand[] = [
  jobRun,
  jobAttach,
  jobList,
  jobShow,
  jobLogs,
  jobDownload,
  jobWait,
  jobStop,
  jobExplain,
  jobHold,
  jobRelease,
  jobRetry,
  jobPurge,
  jobSchema,
];
