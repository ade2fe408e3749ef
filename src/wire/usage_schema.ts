/** Usage and signals on the wire, checked. */
import * as v from "valibot";
import { checked } from "./checked.ts";
import { parseSignal, type TaskSignal } from "./signals.ts";
import type { HostUsage, Signalled, SignalRequest, UsageRequest, UsageResponse } from "./usage.ts";

/** Attempts in one question at most. */
export const MAX_USAGE_ATTEMPTS = 100;

const count = v.pipe(v.number(), v.minValue(0));
const processUsage = v.object({ pid: count, cpuMs: count, memoryBytes: count });

/** What a running attempt uses. */
export const ATTEMPT_USAGE_SCHEMA = v.object({
  atMs: count,
  cpuMs: count,
  memoryBytes: count,
  peakBytes: count,
  processes: count,
});

/** What an attempt used that ended. */
export const ENDED_USAGE_SCHEMA = v.object({ cpuMs: count, peakBytes: v.nullable(count) });

/** What a host uses. */
export const HOST_USAGE_SCHEMA = v.object({
  atMs: count,
  cpuMilli: v.nullable(count),
  memoryBytes: count,
  memoryTotalBytes: count,
  diskBytes: count,
  diskTotalBytes: count,
  load: count,
  worker: processUsage,
  keeper: v.nullable(processUsage),
}) satisfies v.GenericSchema<HostUsage, HostUsage>;

const latest = { running: v.nullable(ATTEMPT_USAGE_SCHEMA), ended: v.nullable(ENDED_USAGE_SCHEMA) };

/** A worker's answer. A newer worker may say more. */
export const USAGE_RESPONSE_SCHEMA = v.object({
  host: HOST_USAGE_SCHEMA,
  attempts: v.array(v.object(latest)),
});

/** What a task uses. */
export const TASK_USAGE_SCHEMA = v.strictObject({
  task: v.string(),
  attempt: v.nullable(count),
  worker: v.nullable(v.string()),
  ...latest,
});

/** How many got a signal. */
export const SIGNALLED_SCHEMA = v.object({ signalled: count });

/** What to send to a task. */
export const SIGNAL_BODY_SCHEMA = v.strictObject({ signal: v.string() });

const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const usageRequest = v.strictObject({
  attempts: v.pipe(
    v.array(v.strictObject({ generation: whole, index: whole, attempt: whole })),
    v.maxLength(MAX_USAGE_ATTEMPTS),
  ),
});
const signalRequest = v.strictObject({
  generation: whole,
  attempt: v.nullable(v.strictObject({ index: whole, attempt: whole })),
  signal: v.string(),
});

/** Checks a controller's question. @throws {IrisError} `invalid`, naming the field */
export function parseUsageRequest(value: unknown): UsageRequest {
  return checked(usageRequest, value);
}

/** Checks a controller's order. @throws {IrisError} `invalid`, naming the field */
export function parseSignalRequest(value: unknown): SignalRequest {
  const request = checked(signalRequest, value);
  return { ...request, signal: parseSignal(request.signal) };
}

/** Checks what a user wants to send. @throws {IrisError} `invalid`, naming the field */
export function parseSignalBody(value: unknown): TaskSignal {
  return parseSignal(checked(SIGNAL_BODY_SCHEMA, value).signal);
}

/** Checks a worker's answer. @throws {IrisError} `invalid` */
export function parseUsageResponse(value: unknown): UsageResponse {
  return checked(USAGE_RESPONSE_SCHEMA, value);
}

/** Checks a worker's answer. @throws {IrisError} `invalid` */
export function parseSignalled(value: unknown): Signalled {
  return checked(SIGNALLED_SCHEMA, value);
}
