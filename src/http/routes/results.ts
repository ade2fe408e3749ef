/** `/jobs/NAME/results`: what tasks handed back, in the order of their index, as they end. */
import { Hono } from "hono";
import { IrisError } from "../../base/errors.ts";
import type { ControllerApi } from "../../controller/controller_api.ts";
import type { JobView, TaskResult } from "../../wire/api.ts";
import { intQuery } from "../query.ts";

/** Results in an answer when no limit is given, and at most. */
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;
/** The longest a call waits for a result before the caller has to ask again, in ms. */
const MAX_WAIT_MS = 30_000;

/** The route under `/api/v1/jobs`. */
export function resultRoutes(api: ControllerApi): Hono {
  const app = new Hono();
  app.get("/:name/results", async (c) => {
    const offset = intQuery(c, "offset", { fallback: 0, min: 0, max: Number.MAX_SAFE_INTEGER });
    const limit = intQuery(c, "limit", { fallback: DEFAULT_LIMIT, min: 1, max: MAX_LIMIT });
    const waitMs = intQuery(c, "waitMs", { fallback: 0, min: 0, max: MAX_WAIT_MS });
    const job = found(api, c.req.param("name"));
    const page = { offset, limit };
    if (waitMs === 0) return c.json(api.outputs.results(job.name, page));
    const signal = AbortSignal.any([c.req.raw.signal, AbortSignal.timeout(waitMs)]);
    return c.json(await waitFor(api, job, { ...page, signal }));
  });
  return app;
}

/** The results there are as soon as there is one, or the job is done, or another has its name. */
async function waitFor(
  api: ControllerApi,
  { name, generation }: JobView,
  of: { offset: number; limit: number; signal: AbortSignal },
): Promise<TaskResult[]> {
  for (;;) {
    const job = found(api, name);
    if (job.generation !== generation) return [];
    // A job changes often: no more is looked at than the one that is waited for.
    const [first] = api.outputs.results(name, { offset: of.offset, limit: 1 });
    if (first !== undefined || job.done || of.signal.aborted) {
      return api.outputs.results(name, of);
    }
    await api.changed(name, of.signal);
  }
}

function found(api: ControllerApi, name: string): JobView {
  const job = api.job(name);
  if (job === null) throw new IrisError("not_found", `No such job: ${name}`, { field: "name" });
  return job;
}
