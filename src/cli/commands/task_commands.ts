/** `task show`: one task of a job. */
import { IrisError } from "../../base/errors.ts";
import type { IrisClient } from "../../client/iris_client.ts";
import type { TaskDetail } from "../../wire/api.ts";
import type { TaskProgress } from "../../wire/returned.ts";
import type { AttemptUsage, EndedUsage } from "../../wire/usage.ts";
import { type CliContext, connect, fullJobName } from "../context.ts";
import { command } from "../flags/command.ts";
import { JSON_FLAG, TARGET_FLAGS } from "../flags/shared.ts";
import { formatDuration } from "../output/table.ts";

/** The longest result that is shown in one line, in characters. */
const SHOWN_RESULT_CHARS = 100;

/** A task as it is typed. */
export interface TaskName {
  /** The job's full name. */
  readonly job: string;
  readonly index: number;
}

/**
 * `JOB/3`, or `JOB` for task 0.
 *
 * @throws {IrisError} `usage` for an index that is none
 */
export function taskName(context: CliContext, typed: string): TaskName {
  const [, job = "", digits] = /^(.*?)(?:\/(\d+))?$/.exec(typed) ?? [];
  const index = Number(digits ?? 0);
  if (job !== "" && Number.isSafeInteger(index)) return { job: fullJobName(context, job), index };
  throw new IrisError("usage", `Invalid TASK: "${typed}" is not like JOB/0`, { field: "TASK" });
}

/** Everything about one task, as lines. */
export function taskText(task: TaskDetail): string {
  const facts: [string, string][] = [["task", task.name], ["state", task.state]];
  if (task.attempt !== null) facts.push(["attempts", String(task.attempt + 1)]);
  if (task.worker !== null) facts.push(["worker", task.worker]);
  if (task.startedAtMs !== null) facts.push(["started", new Date(task.startedAtMs).toISOString()]);
  if (task.startedAtMs !== null && task.endedAtMs !== null) {
    facts.push(["took", formatDuration(task.endedAtMs - task.startedAtMs)]);
  }
  if (task.endCause !== null) facts.push(["ended by", task.endCause]);
  if (task.exitCode !== null) facts.push(["exit code", String(task.exitCode)]);
  if (task.detail !== null) facts.push(["why", task.detail]);
  // A controller of an earlier version says neither.
  if (task.usage ?? null) facts.push(["uses", usesText(task.usage!)]);
  if (task.used ?? null) facts.push(["used", usedText(task.used!)]);
  if (task.progress !== null) facts.push(["progress", progressText(task.progress)]);
  if (task.result !== null) facts.push(["result", resultText(task.result)]);
  return facts.map(([name, value]) => `${name.padEnd(10)}${value}`).join("\n");
}

/** `1.5 s of processor time, 3.2 MiB now, 40 MiB at most, 2 processes`. */
function usesText({ cpuMs, memoryBytes, peakBytes, processes }: AttemptUsage): string {
  return `${formatDuration(cpuMs)} of processor time, ${mebibytes(memoryBytes)} now, ` +
    `${mebibytes(peakBytes)} at most, ${processes} ${processes === 1 ? "process" : "processes"}`;
}

/** `1.5 s of processor time, 40 MiB at most`. */
function usedText({ cpuMs, peakBytes }: EndedUsage): string {
  const time = `${formatDuration(cpuMs)} of processor time`;
  return peakBytes === null ? time : `${time}, ${mebibytes(peakBytes)} at most`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}

/** `40 %, 4 of 10, reading`. */
export function progressText({ fraction, done, total, message }: TaskProgress): string {
  const parts = [];
  if (fraction !== null) parts.push(`${Math.round(fraction * 100)} %`);
  if (done !== null) parts.push(total === null ? `${done} done` : `${done} of ${total}`);
  if (message !== null) parts.push(message.replaceAll(/\s+/g, " "));
  return parts.join(", ");
}

/** In one line where that is short. */
function resultText(result: unknown): string {
  const line = JSON.stringify(result);
  return line.length <= SHOWN_RESULT_CHARS ? line : `\n${JSON.stringify(result, null, 2)}`;
}

async function showTask(
  context: CliContext,
  client: IrisClient,
  of: { task: TaskName; json: boolean },
): Promise<number> {
  const detail = await client.task(of.task.job, of.task.index);
  context.out(of.json ? JSON.stringify(detail) : taskText(detail));
  return 0;
}

/** See the head of this file. */
export const taskShow = command({
  path: ["task", "show"],
  summary: "Show a task: its state, what it uses, how far it is, and its result.",
  flags: { ...TARGET_FLAGS, json: JSON_FLAG },
  operands: ["TASK"],
  example: "iris task show sweep/0",
  run: async (context: CliContext, { values, operands }) =>
    showTask(context, await connect(context, values), {
      task: taskName(context, operands[0] ?? ""),
      json: values.json,
    }),
});
