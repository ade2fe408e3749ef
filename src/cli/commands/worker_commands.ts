/** `worker list|show|drain|release`. Each answers with its exit code. */
import { sleep, systemClock } from "../../base/clock.ts";
import type { IrisClient } from "../../client/iris_client.ts";
import { IrisError } from "../../base/errors.ts";
import type { WorkerView } from "../../wire/api.ts";
import type { HostUsage } from "../../wire/usage.ts";
import { type CliContext, connect, note } from "../context.ts";
import { command } from "../flags/command.ts";
import { parseText } from "../flags/quantities.ts";
import { DRY_RUN_FLAG, flagSwitch, JSON_FLAG, TARGET_FLAGS } from "../flags/shared.ts";
import { interruptible } from "../interrupt.ts";
import { formatDuration } from "../output/table.ts";
import { gibibytes, workerState, workerTable } from "./worker_text.ts";
import { workerClear } from "./worker_clear.ts";

/** How often a worker that is waited for is looked at, in ms. */
const LOOK_MS = 500;
/** What an interrupted wait ends with. */
const INTERRUPTED = 130;

/** `worker list`. */
export async function listWorkers(
  context: CliContext,
  client: IrisClient,
  options: { json: boolean },
): Promise<number> {
  const workers = await client.workers();
  if (options.json) {
    context.out(JSON.stringify(workers));
    return 0;
  }
  if (context.quiet) {
    for (const { name } of workers) context.out(name);
    return 0;
  }
  const { columns, color } = context;
  context.out(workerTable(workers, { columns, color }));
  return 0;
}

const workerList = command({
  path: ["worker", "list"],
  summary: "List workers.",
  flags: { ...TARGET_FLAGS, json: JSON_FLAG },
  example: "iris worker list",
  run: async (context: CliContext, { values }) =>
    listWorkers(context, await connect(context, values), values),
});

const workerShow = command({
  path: ["worker", "show"],
  summary: "Show a worker: where it is, what it has and uses, and why it gets nothing new, if so.",
  flags: { ...TARGET_FLAGS, json: JSON_FLAG },
  operands: ["WORKER"],
  example: "iris worker show w1",
  async run(context: CliContext, { values, operands }) {
    const client = await connect(context, values);
    const worker = await client.worker(operands[0] ?? "");
    const usage = await usageOf(client, worker);
    context.out(values.json ? JSON.stringify({ ...worker, usage }) : workerText(worker, usage));
    return 0;
  },
});

const workerDrain = command({
  path: ["worker", "drain"],
  summary: "Give a worker no new tasks; what runs there goes on. It outlives restarts.",
  flags: {
    undo: flagSwitch("let it get tasks again"),
    wait: flagSwitch("wait until nothing runs there any more"),
    why: { kind: "value", parse: parseText, value: "TEXT", help: "for whoever looks at it later" },
    dryRun: DRY_RUN_FLAG,
    ...TARGET_FLAGS,
    json: JSON_FLAG,
  },
  operands: ["WORKER"],
  example: "iris worker drain w1 --wait",
  ctrlC: "ends the waiting; the worker stays drained.",
  run: (context: CliContext, { values, operands }) =>
    interruptible(async (interrupted) => {
      const client = await connect(context, values);
      const name = operands[0] ?? "";
      const { undo, wait, why, json, dryRun } = values;
      if (dryRun) {
        const { wouldDrain } = await import("./would.ts");
        return await wouldDrain(context, client, { name, undo, json });
      }
      if (undo) {
        return say(context, await client.releaseWorker(name), { json, does: "works again" });
      }
      const worker = await client.drainWorker(name, why);
      if (!wait) return say(context, worker, { json, does: "gets no new tasks" });
      const empty = await untilEmpty(client, worker, interrupted);
      return empty === null
        ? INTERRUPTED
        : say(context, empty, { json, does: "gets no new tasks, and nothing runs there" });
    }),
});

const workerRelease = command({
  path: ["worker", "release"],
  summary: "Give tasks again to a worker that was drained or set aside.",
  flags: { ...TARGET_FLAGS, json: JSON_FLAG },
  operands: ["WORKER"],
  example: "iris worker release w1",
  async run(context: CliContext, { values, operands }) {
    const worker = await (await connect(context, values)).releaseWorker(operands[0] ?? "");
    return say(context, worker, { json: values.json, does: "works again" });
  },
});

/** What can be done about workers. */
export const WORKER_COMMANDS = [
  workerList,
  workerShow,
  workerDrain,
  workerRelease,
  workerClear,
] as const;

function say(
  context: CliContext,
  worker: WorkerView,
  { json, does }: { json: boolean; does: string },
): number {
  if (json) context.out(JSON.stringify(worker));
  else note(context, `${worker.name} ${does}`);
  return 0;
}

/** Until nothing runs or waits on a worker, or nothing of it is left; null when interrupted. */
async function untilEmpty(
  client: IrisClient,
  first: WorkerView,
  signal: AbortSignal,
): Promise<WorkerView | null> {
  for (let worker = first; !signal.aborted;) {
    if (worker.state === "lost" || worker.running + worker.backlog === 0) return worker;
    await sleep(systemClock, LOOK_MS, signal);
    worker = await client.worker(worker.name);
  }
  return null;
}

/** What its host uses; null when the worker does not answer: it is shown all the same. */
async function usageOf(client: IrisClient, { name }: WorkerView): Promise<HostUsage | null> {
  try {
    return await client.hostUsage(name);
  } catch (error) {
    if (error instanceof IrisError && error.code === "unavailable") return null;
    throw error;
  }
}

function usageLines(usage: HostUsage): (readonly [string, string])[] {
  const { worker, keeper } = usage;
  const own = [worker, ...(keeper === null ? [] : [keeper])].map(({ pid, cpuMs, memoryBytes }) =>
    `pid ${pid}: ${mebibytes(memoryBytes)}, ${formatDuration(cpuMs)} of processor time`
  );
  const cores = usage.cpuMilli === null ? "not known yet" : `${usage.cpuMilli / 1000} cores`;
  return [
    ["busy", `${cores}, load ${usage.load}`],
    ["memory", `${gibibytes(usage.memoryBytes)} of ${gibibytes(usage.memoryTotalBytes)}`],
    ["disk", `${gibibytes(usage.diskBytes)} of ${gibibytes(usage.diskTotalBytes)}`],
    ["iris itself", own.join("; ")],
  ];
}

function workerText(worker: WorkerView, usage: HostUsage | null): string {
  const named = (of: Readonly<Record<string, unknown>>) =>
    Object.entries(of).map(([key, value]) => `${key}=${value}`).join(" ");
  const resources = Object.entries(worker.resources).map(([name, milli]) =>
    [name, name === "disk" ? gibibytes(milli) : milli / 1000] as const
  );
  const lines: (readonly [string, string])[] = [
    ["worker", worker.name],
    ["state", workerState(worker)],
    ["why", worker.reason ?? ""],
    [
      "tried again",
      worker.setAside === null ? "" : new Date(worker.setAside.untilMs).toISOString(),
    ],
    ["address", worker.url],
    ["host", `${worker.hostname}, process ${worker.pid}, version ${worker.version}`],
    ["has", `${worker.cpuMilli / 1000} cores, ${gibibytes(worker.memoryBytes)}`],
    ["resources", named(Object.fromEntries(resources))],
    ["attributes", named(worker.attributes)],
    ["tasks", `${worker.running} running, ${worker.backlog} waiting`],
    ["seen", `${formatDuration(worker.lastSeenMs)} ago`],
    ...(usage === null ? [] : usageLines(usage)),
  ];
  return lines.filter(([, text]) => text !== "").map(([key, text]) => `${key.padEnd(12)}${text}`)
    .join("\n");
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MiB`;
}
