/** Flags of `job logs`, and what they mean. Pure. */
import type { Flag, ValuesOf } from "./flag.ts";
import { parseChoice, parseCount } from "./quantities.ts";
import { parseSince, sinceTime } from "./since.ts";

/** See the head of this file. */
export const LOGS_FLAGS = {
  task: {
    kind: "value",
    parse: parseCount(0, Number.MAX_SAFE_INTEGER),
    value: "INDEX",
    help: "only this task",
  },
  stream: {
    kind: "value",
    parse: parseChoice(["stdout", "stderr"]),
    value: "stdout|stderr",
    help: "only this stream",
  },
  since: {
    kind: "value",
    parse: parseSince,
    value: "TIME",
    help: "only what was written since: 10m, or 2026-01-31T12:00:00Z",
  },
  tail: {
    kind: "value",
    parse: parseCount(0, 1_000_000),
    value: "N",
    help: "only the last lines: so many of each stream of each task's latest attempt",
  },
  timestamps: { kind: "switch", help: "the time before each line, within 100 ms" },
  raw: { kind: "switch", help: "the bytes as they were written, without a prefix; of one task" },
  follow: { kind: "switch", help: "go on until the job is done" },
} as const satisfies Record<string, Flag>;

/** Which logs, and how they are printed. @param nowMs wall ms */
export function logsRequest(values: ValuesOf<typeof LOGS_FLAGS>, nowMs: number) {
  const { task, stream, since, tail, timestamps, raw, follow } = values;
  const sinceMs = since === undefined ? undefined : sinceTime(since, nowMs);
  return {
    ...{ timestamps, raw, follow },
    ...(task === undefined ? {} : { task }),
    ...(stream === undefined ? {} : { stream }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(tail === undefined ? {} : { tail }),
  };
}
