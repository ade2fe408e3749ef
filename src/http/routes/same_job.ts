/** A caller that means one job, and not another one that has its name by now, says its generation. */
import type { MiddlewareHandler } from "hono";
import { IrisError } from "../../base/errors.ts";
import type { ControllerApi } from "../../controller/controller_api.ts";
import { intQuery } from "../query.ts";

/**
 * For routes below `/jobs/:name`: with `?generation=N` only for the job of this generation.
 *
 * @returns what answers `gone` when another job has the name
 */
export function sameJob(api: ControllerApi): MiddlewareHandler {
  return async (c, next) => {
    const generation = intQuery(c, "generation", {
      fallback: 0,
      min: 1,
      max: Number.MAX_SAFE_INTEGER,
    });
    const job = generation === 0 ? null : api.job(c.req.param("name") ?? "");
    if (job !== null && job.generation !== generation) {
      const message = `${job.name} is another job by now: it was submitted again`;
      throw new IrisError("gone", message, { field: "generation" });
    }
    await next();
  };
}
