/** A caller that means one job, and not another one that has its name by now, says its generation. */
import type { Context, MiddlewareHandler } from "hono";
import { IrisError } from "../../base/errors.ts";
import type { ControllerApi } from "../../controller/controller_api.ts";
import type { JobView } from "../../wire/api.ts";
import { intQuery } from "../query.ts";

/** Of a path: whether it is that of a job itself, or of the wait for it. These know jobs of before. */
const KNOWS_EARLIER = /^\/api\/v1\/jobs\/[^/]+(?:\/wait)?$/;

/**
 * For routes below `/jobs/:name`: with `?generation=N` only for the job of this generation.
 *
 * @returns what answers `gone` when another job has the name
 */
export function sameJob(api: ControllerApi): MiddlewareHandler {
  return async (c, next) => {
    const generation = generationOf(c);
    const job = generation === 0 ? null : api.job(c.req.param("name") ?? "");
    const isEarlier = job !== null && job.generation !== generation;
    if (isEarlier && !(c.req.method === "GET" && KNOWS_EARLIER.test(c.req.path))) {
      const message = `${job.name} is another job by now: it was submitted again`;
      throw new IrisError("gone", message, { field: "generation" });
    }
    await next();
  };
}

/**
 * The job that a caller means, also when another one has its name by now.
 *
 * @throws {IrisError} `not_found`; `gone` when it is forgotten
 */
export function meantJob(api: ControllerApi, c: Context): JobView {
  const name = c.req.param("name") ?? "";
  const generation = generationOf(c);
  const job = generation === 0 ? api.job(name) : api.jobOf(generation);
  if (job?.name === name) return job;
  if (generation === 0 || api.job(name) === null) {
    throw new IrisError("not_found", `No such job: ${name}`, { field: "name" });
  }
  throw new IrisError("gone", `That job ${name} is forgotten`, { field: "generation" });
}

/** The generation that a caller says, or 0. */
function generationOf(c: Context): number {
  const max = Number.MAX_SAFE_INTEGER;
  return intQuery(c, "generation", { fallback: 0, min: 1, max });
}
