/**
 * The application of a process that answers nothing but how it does: a VM manager. Runs in its link's
 * isolate.
 */
import { Hono } from "hono";
import { systemClock } from "../base/clock.ts";
import { IrisError } from "../base/errors.ts";
import type { Figures } from "../base/metrics.ts";
import { bearerOf, sameSecret } from "./auth.ts";
import { errorAnswer, notFoundAnswer } from "./errors.ts";
import { countRequests, metricsAnswer } from "./request_metrics.ts";

/** Builds the application. `token` is read for each question: it may change. */
export function createMetricsApp(
  options: { readonly figures: () => Promise<Figures>; readonly token: () => string | null },
): (request: Request) => Response | Promise<Response> {
  const app = new Hono();
  app.onError(errorAnswer);
  app.notFound(notFoundAnswer);
  app.use(countRequests(systemClock));
  app.get("/metrics", async (c, next) => {
    const bearer = bearerOf(c.req.header("Authorization"));
    const token = options.token();
    if (bearer === null || token === null || !sameSecret(bearer, token)) {
      throw new IrisError("unauthorized", "The token that this VM manager has is needed");
    }
    await next();
  }, metricsAnswer(options.figures));
  return (request) => app.fetch(request);
}
