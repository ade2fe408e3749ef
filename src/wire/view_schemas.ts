/**
 * The views of the API as schemas: what `/openapi.json` describes, and what tests hold real answers
 * against. Each is checked by the compiler to fit its type in `api.ts`.
 */
import * as v from "valibot";
import { JOB_STATES } from "./job_states.ts";
import { TASK_STATES } from "../model/task_state.ts";
import {
  BANDS,
  CONSTRAINT_OPS,
  type ErrorBody,
  EVENT_KINDS,
  type EventPage,
  type JobExplanation,
  type JobSpec,
  type JobView,
  type SubmittedJob,
  type TaskDetail,
  type TaskResult,
  type TaskView,
  type WorkerView,
} from "./api.ts";
import type { TaskProgress } from "./returned.ts";
import { WARN_SIGNALS } from "./limits.ts";
import { ATTEMPT_USAGE_SCHEMA, ENDED_USAGE_SCHEMA } from "./usage_schema.ts";
import { END_CAUSES, type RegisterRequest, type RegisterResponse } from "./reconcile.ts";

/** A schema that gives a type, whatever it takes in. */
type SchemaOf<T> = v.GenericSchema<unknown, T> | v.GenericSchema<T, T>;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const time = v.pipe(v.number(), v.minValue(0));
const text = v.string();
const orNull = <T extends v.GenericSchema>(schema: T) => v.nullable(schema);
const texts = v.record(text, text);
const amounts = v.record(text, count);

const dependency = v.strictObject({ job: text, on: v.picklist(["success", "end"]) });

const spec = v.strictObject({
  name: text,
  argv: v.array(text),
  replicas: count,
  entries: orNull(v.array(text)),
  cpuMilli: count,
  memoryBytes: count,
  resources: amounts,
  constraints: v.array(v.strictObject({
    key: text,
    op: v.picklist(CONSTRAINT_OPS),
    values: v.array(text),
    required: v.boolean(),
  })),
  env: texts,
  secrets: v.exactOptional(v.array(text)),
  cwd: orNull(text),
  graceMs: count,
  timeoutMs: orNull(count),
  startTimeoutMs: orNull(count),
  retries: count,
  lossRetries: count,
  crashRetries: count,
  backoffMs: count,
  maxTaskFailures: count,
  maxRunning: orNull(count),
  hold: v.boolean(),
  band: v.picklist(BANDS),
  preemptible: v.boolean(),
  preempts: v.boolean(),
  gang: orNull(v.strictObject({ groupBy: text })),
  after: v.array(dependency),
  ifExists: v.picklist(["error", "keep", "replace"]),
  webhook: orNull(text),
  module: orNull(v.strictObject({
    ...{ file: text, export: text, args: v.unknown() },
    entryAsArgs: v.exactOptional(v.boolean()),
  })),
  container: orNull(v.strictObject({ image: text })),
  bundle: orNull(text),
  ports: v.array(text),
  warn: orNull(v.strictObject({ signal: v.picklist(WARN_SIGNALS), beforeMs: count })),
  cpuLimitMilli: orNull(count),
  pidsLimit: orNull(count),
  logBytes: orNull(count),
  outputBytes: orNull(count),
  result: v.boolean(),
}) satisfies SchemaOf<JobSpec>;

// A state with no task in it is left out.
const mayBe = v.exactOptional(count);
const counts = v.strictObject(
  Object.fromEntries(TASK_STATES.map((state) => [state, mayBe])) as Record<
    (typeof TASK_STATES)[number],
    typeof mayBe
  >,
);

const jobEntries = {
  name: text,
  generation: count,
  state: v.picklist(JOB_STATES),
  replicas: count,
  counts,
  done: v.boolean(),
  submittedAtMs: time,
  startedAtMs: orNull(time),
  endedAtMs: orNull(time),
  reason: orNull(text),
  held: v.boolean(),
  parent: orNull(count),
  retryOf: orNull(count),
  spec,
};

/** A job. */
export const JOB_SCHEMA = v.strictObject(jobEntries) satisfies SchemaOf<JobView>;

/** A job as a submit answers it. */
export const SUBMITTED_SCHEMA = v.strictObject({
  ...jobEntries,
  warnings: v.array(text),
}) satisfies SchemaOf<SubmittedJob>;

const taskEntries = {
  name: text,
  index: count,
  state: v.picklist(TASK_STATES),
  attempt: orNull(count),
  worker: orNull(text),
  startedAtMs: orNull(time),
  endedAtMs: orNull(time),
  exitCode: orNull(v.number()),
  endCause: orNull(v.picklist(END_CAUSES)),
  detail: orNull(text),
};

/** A task. */
export const TASK_SCHEMA = v.strictObject(taskEntries) satisfies SchemaOf<TaskView>;

/** A task that has ended, with what it handed back. */
export const TASK_RESULT_SCHEMA = v.strictObject({
  ...taskEntries,
  result: v.unknown(),
}) satisfies SchemaOf<TaskResult>;

/** How far a task is. */
export const PROGRESS_SCHEMA = v.strictObject({
  fraction: orNull(v.number()),
  done: orNull(v.number()),
  total: orNull(v.number()),
  message: orNull(text),
  atMs: time,
}) satisfies SchemaOf<TaskProgress>;

/** A task, with what it handed back. */
export const TASK_DETAIL_SCHEMA = v.strictObject({
  ...taskEntries,
  generation: count,
  result: v.unknown(),
  progress: orNull(PROGRESS_SCHEMA),
  usage: orNull(ATTEMPT_USAGE_SCHEMA),
  used: orNull(ENDED_USAGE_SCHEMA),
}) satisfies SchemaOf<TaskDetail>;

/** A worker. */
export const WORKER_SCHEMA = v.strictObject({
  name: text,
  url: text,
  state: v.picklist(["alive", "suspect", "lost", "stopping", "refused"]),
  hostname: text,
  version: text,
  pid: count,
  reason: orNull(text),
  drained: orNull(text),
  setAside: orNull(v.strictObject({ why: text, untilMs: time })),
  cpuMilli: count,
  memoryBytes: count,
  resources: amounts,
  attributes: texts,
  running: count,
  backlog: count,
  lastSeenMs: time,
}) satisfies SchemaOf<WorkerView>;

/** Why a job is not further than it is. */
export const EXPLANATION_SCHEMA = v.strictObject({
  name: text,
  generation: count,
  state: v.picklist(JOB_STATES),
  reason: text,
  waitsFor: v.array(dependency),
  held: v.boolean(),
  resting: orNull(v.strictObject({ tasks: count, untilMs: time })),
  ready: count,
  allowance: orNull(count),
  placement: orNull(v.strictObject({
    line: text,
    place: count,
    workers: count,
    ruledOut: v.array(v.strictObject({ reason: text, what: text, count })),
    nearest: orNull(v.strictObject({
      worker: text,
      missing: v.array(v.strictObject({
        what: text,
        needs: v.union([v.number(), text]),
        has: v.union([v.number(), text]),
      })),
    })),
    impossible: v.boolean(),
    unblock: text,
  })),
  scaling: orNull(text),
}) satisfies SchemaOf<JobExplanation>;

/** A page of changes. */
export const EVENT_PAGE_SCHEMA = v.strictObject({
  events: v.array(v.strictObject({
    cursor: text,
    atMs: time,
    kind: v.picklist(EVENT_KINDS),
    job: orNull(text),
    generation: orNull(count),
    worker: orNull(text),
    data: v.record(text, v.unknown()),
  })),
  cursor: text,
}) satisfies SchemaOf<EventPage>;

/** A worker that registers. */
export const REGISTER_SCHEMA = v.strictObject({
  worker: text,
  url: text,
  token: text,
  cpuMilli: count,
  memoryBytes: count,
  resources: amounts,
  attributes: texts,
  hostname: text,
  version: text,
  protocol: v.exactOptional(count),
  pid: count,
  certificate: v.exactOptional(orNull(text)),
}) satisfies SchemaOf<RegisterRequest>;

/** The answer to it. */
export const REGISTERED_SCHEMA = v.strictObject({
  cluster: text,
  epoch: count,
  version: v.exactOptional(text),
  protocol: v.exactOptional(count),
  graceMs: v.exactOptional(time),
}) satisfies SchemaOf<RegisterResponse>;

/** Every error answer. */
export const ERROR_SCHEMA = v.strictObject({
  error: v.strictObject({ code: text, message: text, field: v.exactOptional(text) }),
}) satisfies SchemaOf<ErrorBody>;
