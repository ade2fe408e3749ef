/**
 * A worker's Hono application: reconcile, logs, health. Runs in the worker's server isolate. Only
 * the controller calls it, with the token that the worker gave it when it registered.
 */
import { checked } from "../wire/checked.ts";
import { Hono, type MiddlewareHandler } from "hono";
import { systemClock } from "../base/clock.ts";
import * as v from "valibot";
import { IrisError } from "../base/errors.ts";
import { parseLogsRequest, parseReconcileRequest } from "../wire/reconcile_schema.ts";
import {
  ARCHIVE_TYPE,
  checkedBody,
  OUTPUT_REQUEST_SCHEMA,
  OUTPUTS_REQUEST_SCHEMA,
} from "../wire/shipping.ts";
import { parseSignalRequest, parseUsageRequest } from "../wire/usage_schema.ts";
import type { WorkerApi, WorkerAppOptions } from "../worker/worker_api.ts";
import { bearerOf, sameSecret } from "./auth.ts";
import { jsonBody } from "./body.ts";
import { errorAnswer, notFoundAnswer } from "./errors.ts";
import { countRequests, metricsAnswer } from "./request_metrics.ts";
import { upgraded } from "./upgrade.ts";

/** The largest body of a reconcile call, in bytes: the whole desired set of a worker. */
export const MAX_RECONCILE_BYTES = 32 * 1024 * 1024;
/** The largest body of a call for logs, in bytes: a cursor and little else. */
export const MAX_LOGS_BYTES = 2 * 1024 * 1024;

const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const progressRequest = v.strictObject({ generation: whole, index: whole, attempt: whole });

/** Builds the application. Tests call `app.request()` on it with no socket. */
export function createWorkerApp(api: WorkerApi, options: WorkerAppOptions): Hono {
  const app = new Hono();
  app.onError(errorAnswer);
  app.notFound(notFoundAnswer);
  app.use(countRequests(systemClock));
  app.get("/healthz", (c) => {
    const health = api.health();
    return c.json(health, health.ok ? 200 : 503);
  });
  const only =
    (tokens: readonly string[], refusal: string): MiddlewareHandler => async (c, next) => {
      const bearer = bearerOf(c.req.header("Authorization"));
      if (bearer === null || !tokens.some((token) => sameSecret(bearer, token))) {
        throw new IrisError("unauthorized", refusal);
      }
      await next();
    };
  const { token, readToken = token } = options;
  app.use("/v1/*", only([token], "Only this worker's controller may call it"));
  const readers = only([token, readToken], "The token that this worker has is needed");
  app.get("/metrics", readers, metricsAnswer(() => api.figures()));
  app.post("/v1/reconcile", async (c) => {
    const request = parseReconcileRequest(await jsonBody(c, MAX_RECONCILE_BYTES));
    return c.json(await api.reconcile(request, c.req.raw.signal));
  });
  app.post("/v1/logs", async (c) => {
    const request = parseLogsRequest(await jsonBody(c, MAX_LOGS_BYTES));
    return c.json(await api.logs(request, c.req.raw.signal));
  });
  app.post(
    "/v1/progress",
    async (c) => c.json(api.progress(checked(progressRequest, await jsonBody(c, MAX_LOGS_BYTES)))),
  );
  app.post("/v1/outputs", async (c) => {
    const request = checkedBody(OUTPUTS_REQUEST_SCHEMA, await jsonBody(c));
    return c.json({ outputs: await api.outputs(request) });
  });
  app.post("/v1/output", async (c) => {
    const request = checkedBody(OUTPUT_REQUEST_SCHEMA, await jsonBody(c));
    return c.body(await api.output(request), 200, { "Content-Type": ARCHIVE_TYPE });
  });
  app.post("/v1/usage", async (c) => c.json(await api.usage(parseUsageRequest(await jsonBody(c)))));
  app.post(
    "/v1/signal",
    async (c) => c.json(await api.signal(parseSignalRequest(await jsonBody(c)))),
  );
  app.post("/v1/tree", async (c) => c.json(await api.tree()));
  app.get("/v1/exec", (c) => upgraded(c, (socket) => api.exec(socket)));
  return app;
}
