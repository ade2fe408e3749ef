/**
 * `/openapi.json`: what the API takes and gives, as OpenAPI 3.1. Made from the schemas that check
 * requests and that tests hold answers against, and from one row for each route.
 */
import { toJsonSchema } from "@valibot/to-json-schema";
import * as v from "valibot";
import { ENDPOINT_REQUEST_SCHEMA, ENDPOINT_SCHEMA } from "../wire/endpoints.ts";
import { ERROR_TABLE } from "../wire/error_table.ts";
import { JOB_SPEC_SCHEMA } from "../wire/job_spec.ts";
import {
  ERROR_SCHEMA,
  EVENT_PAGE_SCHEMA,
  EXPLANATION_SCHEMA,
  JOB_SCHEMA,
  REGISTER_SCHEMA,
  REGISTERED_SCHEMA,
  SUBMITTED_SCHEMA,
  TASK_DETAIL_SCHEMA,
  TASK_RESULT_SCHEMA,
  TASK_SCHEMA,
  WORKER_SCHEMA,
} from "../wire/view_schemas.ts";
import { BUNDLE_ANSWER_SCHEMA, BUNDLE_OFFER_SCHEMA, JOB_OUTPUTS_SCHEMA } from "../wire/shipping.ts";
import {
  HOST_USAGE_SCHEMA,
  SIGNAL_BODY_SCHEMA,
  SIGNALLED_SCHEMA,
  TASK_USAGE_SCHEMA,
} from "../wire/usage_schema.ts";
import {
  CLUSTER_STOP_SCHEMA,
  DRAIN_SCHEMA,
  FORGOTTEN_SCHEMA,
  PURGE_SCHEMA,
} from "./routes/cluster.ts";
import type { ApiRoute } from "./api_route.ts";
import { TOKEN_ROUTES } from "./openapi_tokens.ts";
import { VM_ROUTES } from "./openapi_vms.ts";

const NAME = "/api/v1/jobs/:name";
const LOGS_QUERY = {
  task: "only this task",
  stream: "stdout or stderr: only this one",
  since: "only what was first seen then or later: RFC 3339, or ms since the Unix epoch",
  tail: "only so many last lines of each stream of each task's latest attempt",
  follow: "true: until the job is done",
};

/** What each call about a job takes. */
export const SAME_JOB_QUERY = {
  generation: "the job's generation: answers tell of it, or `gone` when another has its name now",
};

/** What stands in a path. */
export const PATH_WORDS: Readonly<Record<string, string>> = {
  name: "A full name such as /user/job, percent-encoded.",
  task: "A task's index.",
  index: "The index of a task, from 0.",
  vm: "A VM's name, which is its worker's too.",
  group: "A scale group's name.",
  hash: "64 hex digits.",
  worker: "A worker's name.",
  id: "A token's id.",
};

/** Every route under `/api`, and health. */
export const API_ROUTES: readonly ApiRoute[] = [
  {
    ...{ method: "post", path: "/api/v1/jobs", status: 201 },
    summary: "Submit a job: it is durable when this is answered.",
    body: JOB_SPEC_SCHEMA,
    answer: SUBMITTED_SCHEMA,
  },
  {
    ...{ method: "get", path: "/api/v1/jobs", status: 200 },
    summary: "Jobs, newest first.",
    query: {
      state: "only jobs in this state",
      user: "only jobs of this user",
      since: "only jobs submitted then or later: RFC 3339, or ms since the Unix epoch",
      limit: "at most this many, 1 to 1000",
    },
    answer: v.array(JOB_SCHEMA),
  },
  { method: "get", path: NAME, status: 200, summary: "One job.", answer: JOB_SCHEMA },
  {
    ...{ method: "get", path: `${NAME}/tasks`, status: 200 },
    summary: "Tasks of a job, in index order.",
    query: { offset: "the first task's index", limit: "at most this many, 1 to 1000" },
    answer: v.array(TASK_SCHEMA),
  },
  {
    ...{ method: "get", path: `${NAME}/tasks/:index`, status: 200 },
    summary: "One task, with its result and how far it is.",
    answer: TASK_DETAIL_SCHEMA,
  },
  {
    ...{ method: "get", path: `${NAME}/results`, status: 200 },
    summary:
      "Tasks from an index on that have ended, with what they handed back, in index order, " +
      "up to the first that has not. A page ends early when it has got large.",
    query: {
      offset: "the first task's index",
      limit: "at most this many, 1 to 1000",
      waitMs: "how long to wait for the first of them, at most 30000",
    },
    answer: v.array(TASK_RESULT_SCHEMA),
  },
  {
    ...{ method: "get", path: `${NAME}/wait`, status: 200 },
    summary: "The job, when it is done or the time is over.",
    query: { waitMs: "how long to wait, at most 30000" },
    answer: JOB_SCHEMA,
  },
  {
    ...{ method: "get", path: `${NAME}/logs`, status: 200 },
    summary:
      "What the job wrote, as JSON lines: LogChunk each, and LogMark now and then. As server-sent " +
      "events for who accepts these; Last-Event-ID is the cursor then.",
    query: { ...LOGS_QUERY, cursor: "from a mark: only what came after it" },
    answer: null,
  },
  {
    ...{ method: "post", path: `${NAME}/logs`, status: 200 },
    summary: "The same, with a cursor that may be too long for a URL.",
    query: LOGS_QUERY,
    body: v.object({ cursor: v.string() }),
    answer: null,
  },
  {
    ...{ method: "get", path: `${NAME}/explain`, status: 200 },
    summary: "Why the job is not further than it is.",
    answer: EXPLANATION_SCHEMA,
  },
  {
    ...{ method: "get", path: `${NAME}/outputs`, status: 200 },
    summary: "What workers keep of what the job's tasks wrote into IRIS_OUTPUT_DIR.",
    answer: JOB_OUTPUTS_SCHEMA,
  },
  {
    ...{ method: "get", path: `${NAME}/outputs/:task`, status: 200 },
    summary: "What is kept of one task, as a tar archive.",
    answer: null,
  },
  {
    ...{ method: "post", path: "/api/v1/bundles", status: 200 },
    summary: "Whether the controller has a bundle, and would take it.",
    body: BUNDLE_OFFER_SCHEMA,
    answer: BUNDLE_ANSWER_SCHEMA,
  },
  {
    ...{ method: "put", path: "/api/v1/bundles/:hash", status: 201 },
    summary: "Send a bundle: the tar archive whose SHA-256 is the hash.",
    answer: BUNDLE_ANSWER_SCHEMA,
  },
  {
    ...{ method: "get", path: "/api/v1/bundles/:hash", status: 200 },
    summary: "A bundle, as the archive that was sent; the worker token will do.",
    answer: null,
  },
  {
    ...{ method: "get", path: `${NAME}/tasks/:index/usage`, status: 200 },
    summary: "What the latest attempt of a task uses, or used.",
    answer: TASK_USAGE_SCHEMA,
  },
  {
    ...{ method: "post", path: `${NAME}/tasks/:index/signal`, status: 200 },
    summary: "Send a signal to every process of a running task's group.",
    body: SIGNAL_BODY_SCHEMA,
    answer: SIGNALLED_SCHEMA,
  },
  {
    ...{ method: "post", path: `${NAME}/signal`, status: 200 },
    summary: "The same to every running task of a job.",
    body: SIGNAL_BODY_SCHEMA,
    answer: SIGNALLED_SCHEMA,
  },
  {
    ...{ method: "get", path: `${NAME}/tasks/:index/exec`, status: 101 },
    summary:
      "A command beside a running task: a WebSocket. The first message is an ExecRequest as " +
      "JSON, then frames: their first byte says what they are.",
    answer: null,
  },
  {
    ...{ method: "get", path: `${NAME}/endpoints`, status: 200 },
    summary: "Where tasks of the job can be reached, as far as their attempts live.",
    query: {
      name: "only under this name",
      count: "with waitMs: answered when there are so many, or when the job is done",
      waitMs: "how long to wait for them, at most 30000",
    },
    answer: v.array(ENDPOINT_SCHEMA),
  },
  {
    ...{ method: "post", path: "/api/v1/endpoints", status: 201 },
    summary: "Say where a task can be reached; gone with its attempt. For tasks, by their token.",
    body: ENDPOINT_REQUEST_SCHEMA,
    answer: ENDPOINT_SCHEMA,
  },
  verb("stop", "Stop the job: answered when that is durable, not when its tasks are gone."),
  verb("hold", "Place nothing more of the job."),
  verb("release", "Let a held job be placed."),
  verb("retry", "Run what did not succeed again, as a new job of that name."),
  {
    ...{ method: "get", path: "/api/v1/events", status: 200 },
    summary: "Changes after a cursor, oldest first. With follow=true as JSON lines, with Accept: " +
      "text/event-stream as server-sent events, until the caller leaves.",
    query: {
      after: "the cursor of the last change that was seen; from now on when left out",
      job: "only changes of this job",
      limit: "at most this many, 1 to 1000",
      follow: "true: as they come",
    },
    answer: EVENT_PAGE_SCHEMA,
  },
  {
    ...{ method: "get", path: "/api/v1/workers", status: 200 },
    summary: "Workers that registered.",
    answer: v.array(WORKER_SCHEMA),
  },
  {
    ...{ method: "get", path: "/api/v1/workers/:name", status: 200 },
    summary: "One worker.",
    answer: WORKER_SCHEMA,
  },
  {
    ...{ method: "post", path: "/api/v1/workers/:name/drain", status: 200 },
    summary: "Give a worker no new tasks; what runs there goes on.",
    body: DRAIN_SCHEMA,
    answer: WORKER_SCHEMA,
  },
  {
    ...{ method: "post", path: "/api/v1/workers/:name/release", status: 200 },
    summary: "Give tasks again to a worker that was drained or set aside.",
    answer: WORKER_SCHEMA,
  },
  {
    ...{ method: "post", path: "/api/v1/workers", status: 201 },
    summary: "Register a worker; needs the worker token.",
    body: REGISTER_SCHEMA,
    answer: REGISTERED_SCHEMA,
  },
  {
    ...{ method: "post", path: "/api/v1/workers/forgotten", status: 200 },
    summary: "Which of the jobs that a worker has logs of are forgotten; needs the worker token.",
    body: FORGOTTEN_SCHEMA,
    answer: v.strictObject({ cluster: v.string(), generations: v.array(v.number()) }),
  },
  {
    ...{ method: "get", path: "/api/v1/workers/:name/usage", status: 200 },
    summary: "What a worker's host uses.",
    answer: HOST_USAGE_SCHEMA,
  },
  ...VM_ROUTES,
  ...TOKEN_ROUTES,
  {
    ...{ method: "get", path: "/api/v1/tree", status: 200 },
    summary: "The live ownership tree; ?workers=N: with the trees of so many workers elsewhere.",
    answer: null,
  },
  {
    ...{ method: "post", path: "/api/v1/login-links", status: 201 },
    summary: "A fresh one-time link to the status page.",
    answer: v.strictObject({ url: v.string() }),
  },
  {
    ...{ method: "post", path: "/api/v1/cluster/stop", status: 202 },
    summary: "Begin the stop of the whole cluster.",
    body: CLUSTER_STOP_SCHEMA,
    answer: v.strictObject({ id: v.string(), reportUrl: v.string() }),
  },
  {
    ...{ method: "get", path: "/api/v1/cluster/backup", status: 200 },
    summary: "The whole database as it is now, as a file of SQLite.",
    answer: null,
  },
  {
    ...{ method: "post", path: "/api/v1/purge", status: 200 },
    summary: "Forget jobs that are done: those named, or at most 1000 that ended long enough ago.",
    body: PURGE_SCHEMA,
    answer: v.strictObject({ purged: v.number() }),
  },
  {
    ...{ method: "get", path: "/api/v1/version", status: 200 },
    summary: "The version of the controller.",
    answer: v.strictObject({ version: v.string() }),
  },
  {
    ...{ method: "get", path: "/healthz", status: 200 },
    summary: "200 while every loop is up and ticks, else 503.",
    answer: null,
  },
  {
    ...{ method: "get", path: "/readyz", status: 200 },
    summary: "200 while work is taken in, else 503.",
    answer: null,
  },
];

function verb(word: string, summary: string): ApiRoute {
  return { method: "post", path: `${NAME}/${word}`, status: 202, summary, answer: JOB_SCHEMA };
}

/** The document. @param version of this program */
export function openApiDocument(version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of API_ROUTES) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method]: operation(route) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "Iris", version },
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      responses: { error: { description: errorText(), content: json(ERROR_SCHEMA) } },
    },
  };
}

function operation(route: ApiRoute): Record<string, unknown> {
  const names = [...route.path.matchAll(/:(\w+)/g)].map((match) => match[1]!);
  const inPath = names.map((name) => ({
    ...{ name, in: "path", required: true, schema: { type: "string" } },
    description: PATH_WORDS[name] ?? "",
  }));
  const query = { ...route.query, ...(route.path.startsWith(NAME) ? SAME_JOB_QUERY : {}) };
  const inQuery = Object.entries(query).map(([name, description]) => ({
    ...{ name, in: "query", description, schema: { type: "string" } },
  }));
  const answer = { description: route.summary };
  return {
    summary: route.summary,
    parameters: [...inPath, ...inQuery],
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: true, content: json(route.body) } }),
    responses: {
      [route.status]: route.answer === null ? answer : { ...answer, content: json(route.answer) },
      default: { $ref: "#/components/responses/error" },
    },
  };
}

function json(schema: v.GenericSchema): Record<string, unknown> {
  // Checks that are functions cannot be written down; the rest of the schema can.
  const options = { errorMode: "ignore", typeMode: "input" } as const;
  const { $schema: _, ...plain } = toJsonSchema(schema, options);
  return { "application/json": { schema: plain } };
}

function errorText(): string {
  const rows = Object.entries(ERROR_TABLE).map(([code, { httpStatus }]) =>
    `${code} (${httpStatus})`
  );
  return `An error; its code is one of ${rows.join(", ")}.`;
}
