/** Endpoints: where tasks can be reached; read by job, said by tasks. */
import { Hono } from "hono";
import { IrisError } from "../../base/errors.ts";
import type { ControllerApi } from "../../controller/controller_api.ts";
import type { JobView } from "../../wire/api.ts";
import { ENDPOINT_REQUEST_SCHEMA, type EndpointView } from "../../wire/endpoints.ts";
import { checked } from "../../wire/invalid_field.ts";
import { jsonBody } from "../body.ts";
import { checkJob } from "../gate.ts";
import { intQuery } from "../query.ts";

/** The longest a call waits for endpoints before the caller has to ask again, in ms. */
const MAX_WAIT_MS = 30_000;

/** The routes under `/api/v1`. */
export function endpointRoutes(api: ControllerApi): Hono {
  const app = new Hono();
  app.get("/jobs/:name/endpoints", async (c) => {
    const job = found(api, c.req.param("name"));
    const name = c.req.query("name") ?? null;
    const max = Number.MAX_SAFE_INTEGER;
    const count = intQuery(c, "count", { fallback: 0, min: 0, max });
    const waitMs = intQuery(c, "waitMs", { fallback: 0, min: 0, max: MAX_WAIT_MS });
    if (waitMs === 0) return c.json(api.endpoints(job.generation, name));
    const signal = AbortSignal.any([c.req.raw.signal, AbortSignal.timeout(waitMs)]);
    return c.json(await waitFor(api, job, { name, count, signal }));
  });
  app.post("/endpoints", async (c) => {
    const request = checked(ENDPOINT_REQUEST_SCHEMA, await jsonBody(c));
    checkJob(c, request.job, "job");
    found(api, request.job);
    return c.json(await api.registerEndpoint(request), 201);
  });
  return app;
}

async function waitFor(
  api: ControllerApi,
  { name: job, generation }: JobView,
  of: { name: string | null; count: number; signal: AbortSignal },
): Promise<EndpointView[]> {
  for (;;) {
    const endpoints = api.endpoints(generation, of.name);
    const over = of.signal.aborted || (api.jobOf(generation)?.done ?? true);
    if (over || endpoints.length >= of.count) return endpoints;
    await api.changed(job, of.signal);
  }
}

function found(api: ControllerApi, name: string): JobView {
  const job = api.job(name);
  if (job === null) throw new IrisError("not_found", `No such job: ${name}`, { field: "name" });
  return job;
}
