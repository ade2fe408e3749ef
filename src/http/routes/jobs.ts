/** `/jobs`: submit, list, show, tasks, logs, stop, wait. */
import { type Context, Hono } from "hono";
import { IrisError } from "../../base/errors.ts";
import { JOB_STATES } from "../../wire/job_states.ts";
import type { JobState, JobView } from "../../wire/api.ts";
import type { SubmitMark } from "../../store/rows.ts";
import { mayCall } from "../../wire/webhook.ts";
import { parseTime } from "../../wire/time.ts";
import { parseJobSpec } from "../../wire/job_spec.ts";
import type { ControllerApi, JobFilter } from "../../controller/controller_api.ts";
import { jsonBody } from "../body.ts";
import { jsonLines, logEvents } from "../json_lines.ts";
import { MAX_JOB_CURSOR_CHARS, parseJobCursor } from "../../wire/log_chunks.ts";
import { actorOf } from "../audit.ts";
import { callerOf, checkJob, checkPeer, onlyUser, submitterOf } from "../gate.ts";
import { withTrace } from "../trace_context.ts";
import { intQuery } from "../query.ts";
import { logsQuery } from "./logs_query.ts";
import { meantJob } from "./same_job.ts";

/** Jobs listed when no limit is given, and at most. */
const DEFAULT_LIST = 100;
const MAX_LIST = 1_000;
/** The longest a `wait` is held before the caller has to ask again, in ms. */
const MAX_WAIT_MS = 30_000;

const VERBS = [
  ["stop", "stop_job"],
  ["hold", "hold_job"],
  ["release", "release_job"],
  ["retry", "retry_job"],
] as const;

/** The routes under `/api/v1/jobs`. A job's name is one path segment, percent-encoded. */
export function jobRoutes(
  api: ControllerApi,
  { webhookHosts }: { readonly webhookHosts: readonly string[] },
): Hono {
  const app = new Hono();
  app.post("/", async (c) => {
    const body = await jsonBody(c);
    const parsed = parseJobSpec(body, { user: submitterOf(c) });
    const spec = withTrace(parsed, c.req.header("traceparent"));
    checkJob(c, spec.name, "name");
    // What a job waits for tells how that ends.
    spec.after.forEach(({ job }, i) => checkPeer(c, job, `after.${i}.job`));
    checkWebhook(spec.webhook, webhookHosts);
    return c.json(await api.submit(spec, await markOf(c, body), actorOf(c, callerOf(c))), 201);
  });
  app.get("/", (c) => {
    const limit = intQuery(c, "limit", { fallback: DEFAULT_LIST, min: 1, max: MAX_LIST });
    const user = onlyUser(c);
    return c.json(api.jobs({ limit, ...listQuery(c), ...(user !== null && { user }) }));
  });
  oneJobRoutes(app, api);
  return app;
}

function oneJobRoutes(app: Hono, api: ControllerApi): void {
  app.get("/:name", (c) => c.json(meantJob(api, c)));
  app.get("/:name/tasks", (c) => {
    const { name } = found(api, c.req.param("name"));
    const offset = intQuery(c, "offset", { fallback: 0, min: 0, max: Number.MAX_SAFE_INTEGER });
    const limit = intQuery(c, "limit", { fallback: DEFAULT_LIST, min: 1, max: MAX_LIST });
    return c.json(api.tasks(name, { offset, limit }));
  });
  app.get("/:name/tasks/:index", async (c) => {
    const { name, replicas } = found(api, c.req.param("name"));
    const given = c.req.param("index");
    const index = /^\d{1,9}$/.test(given) ? Number(given) : NaN;
    if (!(index < replicas)) {
      const message = `No such task: ${name}/${given.slice(0, 20)}: it has ${replicas} from 0`;
      throw new IrisError("not_found", message, { field: "index" });
    }
    return c.json(await api.task(name, { index, signal: c.req.raw.signal }));
  });
  app.get("/:name/explain", async (c) => {
    const { name } = found(api, c.req.param("name"));
    return c.json(await api.explain(name));
  });
  for (const [path, verb] of VERBS) {
    app.post(`/:name/${path}`, async (c) => {
      const { name } = found(api, c.req.param("name"));
      return c.json(await api.change(verb, name), 202);
    });
  }
  app.get("/:name/wait", async (c) => {
    const waitMs = intQuery(c, "waitMs", { fallback: MAX_WAIT_MS, min: 0, max: MAX_WAIT_MS });
    const job = meantJob(api, c);
    const signal = AbortSignal.any([c.req.raw.signal, AbortSignal.timeout(waitMs)]);
    return c.json(await waitDone(api, job, signal));
  });
  logRoutes(app, api);
}

function logRoutes(app: Hono, api: ControllerApi): void {
  app.get("/:name/logs", (c) => {
    // A browser that connects again names the last mark that it saw.
    return logs(api, c, c.req.header("Last-Event-ID") ?? c.req.query("cursor") ?? null);
  });
  // A cursor may be too long for a URL.
  app.post("/:name/logs", async (c) => {
    const body = await jsonBody(c, MAX_JOB_CURSOR_CHARS + 1_024);
    const cursor = (body as { cursor?: unknown } | null)?.cursor;
    if (typeof cursor !== "string") {
      throw new IrisError("invalid", "cursor must be a text", { field: "cursor" });
    }
    return logs(api, c, cursor);
  });
}

/** A job's logs as JSON lines, or as server-sent events for who accepts these; what is wrong with the question is said while there is a status. */
function logs(api: ControllerApi, c: Context, cursor: string | null): Response {
  const { name, replicas } = found(api, c.req.param("name") ?? "");
  const chosen = logsQuery(c, replicas);
  if (cursor !== null) parseJobCursor(cursor);
  const source = (signal: AbortSignal) => api.logs(name, { ...chosen, cursor, signal });
  const events = c.req.header("Accept")?.includes("text/event-stream") === true;
  return events ? logEvents(source) : jsonLines(source, "logs");
}

/** What a submit calls itself, with a digest of what it says. */
async function markOf(c: Context, body: unknown): Promise<SubmitMark | null> {
  const key = c.req.header("Idempotency-Key");
  if (key === undefined) return null;
  if (!/^[\x21-\x7e]{1,128}$/.test(key)) {
    const message = "Idempotency-Key must be 1 to 128 printable characters without spaces";
    throw new IrisError("invalid", message, { field: "Idempotency-Key" });
  }
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return { key, digest: digest.toHex() };
}

/** Waits for a job, also when another one gets its name meanwhile. */
async function waitDone(
  api: ControllerApi,
  { name, generation }: JobView,
  signal: AbortSignal,
): Promise<JobView> {
  for (;;) {
    const job = api.jobOf(generation);
    if (job === null) throw new IrisError("gone", `${name} was forgotten`, { field: "name" });
    if (job.done || signal.aborted) return job;
    await api.changed(name, signal);
  }
}

function found(api: ControllerApi, name: string): JobView {
  const job = api.job(name);
  if (job === null) throw new IrisError("not_found", `No such job: ${name}`, { field: "name" });
  return job;
}

/** @throws {IrisError} `invalid` for what this controller would not call */
function checkWebhook(webhook: string | null, hosts: readonly string[]): void {
  if (webhook === null || mayCall(webhook, hosts)) return;
  const message = hosts.length === 0
    ? "webhook must be null: this controller calls nobody, it was started without --webhooks"
    : `webhook must name a host that this controller calls: ${hosts.join(", ")}`;
  throw new IrisError("invalid", message, { field: "webhook" });
}

/** Which jobs are asked for. @throws {IrisError} `invalid`, naming the parameter */
function listQuery(c: Context): Omit<JobFilter, "limit"> {
  const state = stateQuery(c.req.query("state"));
  const user = c.req.query("user");
  const since = c.req.query("since");
  const sinceMs = since === undefined ? undefined : parseTime(since);
  if (sinceMs === null) {
    const message = "since must be a time such as 2026-01-31T12:00:00Z, or ms";
    throw new IrisError("invalid", message, { field: "since" });
  }
  return {
    ...(state === undefined ? {} : { state }),
    ...(user === undefined ? {} : { user }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
  };
}

function stateQuery(given: string | undefined): JobState | undefined {
  if (given === undefined) return undefined;
  const state = JOB_STATES.find((s) => s === given.toUpperCase());
  if (state === undefined) {
    throw new IrisError(
      "invalid",
      `state must be one of ${JOB_STATES.join(", ")}: it is "${given}"`,
      { field: "state" },
    );
  }
  return state;
}
