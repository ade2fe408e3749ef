/** `endpoint list|wait|register`: where tasks can be reached. Each answers with its exit code. */
import { IrisError } from "../../base/errors.ts";
import type { IrisClient } from "../../client/iris_client.ts";
import type { EndpointView } from "../../wire/endpoints.ts";
import { type CliContext, connect, fullJobName, note } from "../context.ts";
import { type Command, command } from "../flags/command.ts";
import { parseCount, parseDuration } from "../flags/quantities.ts";
import { flagText, JSON_FLAG, TARGET_FLAGS } from "../flags/shared.ts";
import { formatTable } from "../output/table.ts";

const MAX_COUNT = Number.MAX_SAFE_INTEGER;

const list = command({
  path: ["endpoint", "list"],
  summary: "Show where tasks of a job can be reached.",
  flags: { name: flagText("NAME", "only under this name"), ...TARGET_FLAGS, json: JSON_FLAG },
  operands: ["JOB"],
  example: "iris endpoint list sweep",
  async run(context: CliContext, { values, operands }) {
    const job = fullJobName(context, operands[0] ?? "");
    const { name } = values;
    const found = await (await connect(context, values))
      .endpoints(job, name === undefined ? {} : { name });
    return print(context, found, values.json);
  },
});

const wait = command({
  path: ["endpoint", "wait"],
  summary: "Wait until so many tasks of a job can be reached under a name, and show where.",
  flags: {
    count: {
      kind: "value",
      parse: parseCount(1, MAX_COUNT),
      value: "N",
      help: "how many; all tasks of the job when left out",
    },
    timeout: {
      kind: "value",
      parse: parseDuration,
      value: "TIME",
      help: "how long to wait at most",
      default: "60s",
    },
    ...TARGET_FLAGS,
    json: JSON_FLAG,
  },
  operands: ["JOB", "NAME"],
  example: "iris endpoint wait ring peer --count 3",
  ctrlC: "ends the waiting.",
  async run(context: CliContext, { values, operands }) {
    const job = fullJobName(context, operands[0] ?? "");
    const name = operands[1] ?? "";
    const client = await connect(context, values);
    const count = values.count ?? (await client.job(job)).replicas;
    const found = await waited(client, { job, name, count, timeoutMs: values.timeout });
    return print(context, found, values.json);
  },
});

const register = command({
  path: ["endpoint", "register"],
  summary: "Say where a task can be reached, from inside it, until its attempt is over.",
  flags: { ...TARGET_FLAGS, json: JSON_FLAG },
  operands: ["NAME", "ADDRESS"],
  example: "iris endpoint register web 8080",
  async run(context: CliContext, { values, operands }) {
    const { job, task, attempt } = ownTask(context);
    const [name = "", address = ""] = operands;
    const endpoint = await (await connect(context, values)).registerEndpoint({
      ...{ job, task, attempt, name },
      ...parseAddress(address),
    });
    return print(context, [endpoint], values.json);
  },
});

/** Every command about endpoints. */
export const ENDPOINT_COMMANDS: readonly Command<CliContext>[] = [list, wait, register];

/** @throws {IrisError} `timeout` */
async function waited(
  client: IrisClient,
  of: { job: string; name: string; count: number; timeoutMs: number },
): Promise<EndpointView[]> {
  const signal = AbortSignal.timeout(of.timeoutMs);
  try {
    return await client.waitEndpoints(of.job, { ...of, signal });
  } catch (error) {
    if (!signal.aborted) throw error;
    const message = `Job ${of.job} has no ${of.count} endpoints ${of.name} after ` +
      `${of.timeoutMs} ms: iris job show says how it does`;
    throw new IrisError("timeout", message, { cause: error });
  }
}

/** Who we are, as the environment of a task says. @throws {IrisError} `usage` outside of a task */
function ownTask(context: CliContext): { job: string; task: number; attempt: number } {
  const [job, task, attempt] = ["IRIS_JOB", "IRIS_TASK_INDEX", "IRIS_ATTEMPT"]
    .map((name) => context.env(name));
  if (job === undefined || task === undefined || attempt === undefined) {
    throw new IrisError("usage", "endpoint register is for tasks: IRIS_JOB is not set");
  }
  return { job, task: Number(task), attempt: Number(attempt) };
}

/** `PORT`, or `HOST:PORT`. @throws {IrisError} `usage` */
function parseAddress(address: string): { host: string | null; port: number } {
  const match = /^(?:(.+):)?(\d{1,5})$/.exec(address);
  const port = Number(match?.[2] ?? 0);
  if (port < 1 || port > 65_535) {
    throw new IrisError("usage", `ADDRESS must be PORT or HOST:PORT: it is "${address}"`, {
      field: "ADDRESS",
    });
  }
  return { host: match?.[1] ?? null, port };
}

function print(context: CliContext, found: readonly EndpointView[], json: boolean): number {
  if (json) context.out(JSON.stringify(found));
  else if (context.quiet) { for (const { address } of found) context.out(address); }
  else if (found.length === 0) note(context, "No endpoint");
  else {
    const rows = found.map((
      { name, task, attempt, address },
    ) => [name, String(task), String(attempt), address]);
    const { columns } = context;
    const header = ["NAME", "TASK", "ATTEMPT", "ADDRESS"];
    context.out(formatTable(header, rows, { columns, drop: ["ATTEMPT", "NAME"] }));
  }
  return 0;
}
