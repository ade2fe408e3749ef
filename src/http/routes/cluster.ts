/** `/workers`, `/tree`, `/cluster`: who works, who owns whom, and the stop of everything. */
import { Hono } from "hono";
import * as v from "valibot";
import { IrisError } from "../../base/errors.ts";
import { checked } from "../../wire/invalid_field.ts";
import { parseRegisterRequest } from "../../wire/reconcile_schema.ts";
import { hashOf } from "../../controller/token_secret.ts";
import { bearerOf, type Sessions } from "../auth.ts";
import { jsonBody } from "../body.ts";
import { callerOf, checkJob, onlyUser } from "../gate.ts";
import { intQuery } from "../query.ts";
import type { ControllerApi } from "../../controller/controller_api.ts";

/** The most workers whose trees are fetched. */
const MAX_TREES = 10_000;
/** The longest budget a stop may be given, in ms: a day. */
const MAX_STOP_MS = 86_400_000;

const ID_RULE = "must be 1 to 64 letters, digits, '_' and '-'";
const STOP_RULE = `must be null or a number from 0 to ${MAX_STOP_MS}`;
const AGE_RULE = "must be a number from 0";
const NAMES_RULE = "must be null or a list of at most 1000 names of jobs";

/** The body of a stop of the whole cluster. */
export const CLUSTER_STOP_SCHEMA = v.strictObject({
  id: v.pipe(v.string(ID_RULE), v.regex(/^[\w-]{1,64}$/, ID_RULE)),
  remainingMs: v.nullable(
    v.pipe(v.number(STOP_RULE), v.minValue(0, STOP_RULE), v.maxValue(MAX_STOP_MS, STOP_RULE)),
  ),
}, "must be an object");

/** The body of a purge. */
export const PURGE_SCHEMA = v.strictObject({
  jobs: v.optional(
    v.nullable(
      v.pipe(v.array(v.string("must be a text"), NAMES_RULE), v.maxLength(1_000, NAMES_RULE)),
    ),
    null,
  ),
  olderThanMs: v.optional(v.pipe(v.number(AGE_RULE), v.minValue(0, AGE_RULE)), 0),
}, "must be an object");

/** The body of a drain. */
export const DRAIN_SCHEMA = v.strictObject({
  why: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(500)), "asked for"),
});

/** The body of a worker's question which jobs are forgotten. */
export const FORGOTTEN_SCHEMA = v.strictObject({
  generations: v.pipe(
    v.array(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
    v.maxLength(10_000),
  ),
});

/** The routes under `/api/v1` about the cluster as a whole. */
export function clusterRoutes(
  api: ControllerApi,
  options: { sessions: Sessions; baseUrl: () => string },
): Hono {
  const app = new Hono();
  app.get("/workers", (c) => c.json(api.workers()));
  app.get("/workers/:name", (c) => {
    const name = c.req.param("name");
    const worker = api.workers().find((one) => one.name === name);
    if (worker !== undefined) return c.json(worker);
    throw new IrisError("not_found", `No such worker: ${name}`, { field: "name" });
  });
  app.post("/workers/:name/drain", async (c) => {
    const { why } = checked(DRAIN_SCHEMA, await jsonBody(c));
    return c.json(await api.drainWorker(c.req.param("name"), why));
  });
  app.post(
    "/workers/:name/release",
    async (c) => c.json(await api.releaseWorker(c.req.param("name"))),
  );
  app.get("/tree", async (c) => {
    const workers = intQuery(c, "workers", { fallback: 0, min: 0, max: MAX_TREES });
    return c.json(workers === 0 ? api.tree() : await api.wholeTree({ workers }));
  });
  app.post("/login-links", (c) => {
    const code = options.sessions.issueCode(callerOf(c).token);
    return c.json({ url: `${options.baseUrl()}/login/${code}` }, 201);
  });
  app.get("/cluster/backup", async (c) => {
    const body = await api.backup();
    return c.body(body, 200, { "Content-Type": "application/vnd.sqlite3" });
  });
  app.post("/purge", async (c) => {
    const request = checked(PURGE_SCHEMA, await jsonBody(c));
    if (request.jobs === null && onlyUser(c) !== null) {
      const message = "A user names the jobs that are to be forgotten";
      throw new IrisError("forbidden", message, { field: "jobs" });
    }
    request.jobs?.forEach((name, i) => {
      checkJob(c, name, `jobs.${i}`);
      if (api.job(name) !== null) return;
      throw new IrisError("not_found", `No such job: ${name}`, { field: `jobs.${i}` });
    });
    return c.json(await api.purge(request));
  });
  app.post("/cluster/stop", async (c) => {
    const request = checked(CLUSTER_STOP_SCHEMA, await jsonBody(c));
    const bearer = bearerOf(c.req.header("Authorization"));
    return c.json(await api.stopCluster(request, bearer === null ? null : hashOf(bearer)), 202);
  });
  return app;
}

/** The routes that workers call. */
export function registerRoute(api: ControllerApi): Hono {
  const app = new Hono();
  app.post("/workers", async (c) => {
    return c.json(await api.register(parseRegisterRequest(await jsonBody(c))), 201);
  });
  app.post("/workers/forgotten", async (c) => {
    const { generations } = checked(FORGOTTEN_SCHEMA, await jsonBody(c));
    return c.json(api.forgotten(generations));
  });
  return app;
}
