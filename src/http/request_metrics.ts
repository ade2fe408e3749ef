/** Counts what a server answers, and answers `/metrics`. Runs in server isolates. */
import type { Handler, MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import type { Clock } from "../base/clock.ts";
import { countUp, type Figures, observe } from "../base/metrics.ts";
import { exposition, EXPOSITION_TYPE } from "../wire/exposition.ts";

/** Methods that are told apart: whatever else a client makes up is one. */
const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]);

/** The route that takes jobs in. */
const SUBMIT = "/api/v1/jobs";

/**
 * Counts every request by the pattern of the route that answered it: a path names jobs and workers,
 * of which there is no end.
 */
export function countRequests(clock: Clock): MiddlewareHandler {
  return async (c, next) => {
    const fromMs = clock.now();
    await next();
    const method = METHODS.has(c.req.method) ? c.req.method : "other";
    const pattern = routePath(c, -1);
    // What matched last was a middleware: no route has that path.
    const route = c.res.status === 404 && pattern.endsWith("*") ? "none" : pattern;
    countUp("iris_http_requests_total", 1, method, route, String(c.res.status));
    const seconds = (clock.now() - fromMs) / 1_000;
    observe("iris_http_request_duration_seconds", seconds, { labels: [method, route] });
    if (route === SUBMIT && method === "POST" && c.res.status === 201) {
      observe("iris_submit_seconds", seconds);
    }
  };
}

/** Answers with figures as Prometheus reads them. */
export function metricsAnswer(figures: () => Promise<Figures>): Handler {
  return async (c) => c.body(exposition(await figures()), 200, { "Content-Type": EXPOSITION_TYPE });
}
