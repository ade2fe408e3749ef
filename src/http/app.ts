/** The controller's Hono application: the API, health, and the status page. Runs in `server`. */
import { Hono } from "hono";
import { type Clock, systemClock } from "../base/clock.ts";
import { type Figures, ownFigures } from "../base/metrics.ts";
import { answerHeaders } from "./answer_headers.ts";
import { audited } from "./audit.ts";
import type { Sessions, Tokens } from "./auth.ts";
import { allowOrigins } from "./cors.ts";
import { countRequests, metricsAnswer } from "./request_metrics.ts";
import { dashboard } from "./dashboard/dashboard.ts";
import type { ControllerApi } from "../controller/controller_api.ts";
import { errorAnswer, notFoundAnswer } from "./errors.ts";
import { callerOf, gate } from "./gate.ts";
import { knownHost } from "./hosts.ts";
import { loginRoutes } from "./routes/login.ts";
import { callRates } from "./call_rates.ts";
import { Rates } from "./rates.ts";
import { Principals } from "./principals.ts";
import { assetRoutes } from "./routes/assets.ts";
import { bundleRoutes } from "./routes/bundles.ts";
import { clusterRoutes, registerRoute } from "./routes/cluster.ts";
import { endpointRoutes } from "./routes/endpoints.ts";
import { eventRoutes } from "./routes/events.ts";
import { jobRoutes } from "./routes/jobs.ts";
import { outputRoutes } from "./routes/outputs.ts";
import { resultRoutes } from "./routes/results.ts";
import { sameJob } from "./routes/same_job.ts";
import { execRoute, liveRoutes } from "./routes/live.ts";
import { Streams } from "./streams.ts";
import { tokenRoutes } from "./routes/tokens.ts";
import { linkRoute, vmRoutes } from "./routes/vms.ts";
import type { WhoAmI } from "../wire/tokens.ts";

/** What the application needs beside the controller itself. */
export interface AppOptions {
  readonly tokens: Tokens;
  readonly sessions: Sessions;
  /** Where the server can be reached, once it listens. */
  readonly baseUrl: () => string;
  readonly version: string;
  /** Origins whose pages may call the API, beside the controller's own. */
  readonly allowOrigins?: readonly string[];
  /** Whether a `Host` header names this server; any does when left out. */
  readonly knowsHost?: (host: string) => boolean;
  readonly clock?: Clock;
  /** Hosts that webhooks of jobs may name; none when left out. */
  readonly webhookHosts?: readonly string[];
  /** What the whole process counted; left out where nobody asks. */
  readonly figures?: () => Promise<Figures>;
}

/** How often logging in may fail from one address, in a minute; a quarter of it at once. */
const FAILED_LOGINS = 40;
/** How often a call may show what is no token from one address, in a minute; a quarter at once. */
const WRONG_TOKENS = 400;

/** Builds the application. Tests call `app.request()` on it with no socket. */
export function createApp(api: ControllerApi, options: AppOptions): Hono {
  const { tokens, sessions, clock = systemClock } = options;
  const principals = new Principals({ api, tokens, sessions, clock });
  const app = new Hono();
  app.onError(errorAnswer);
  app.notFound(notFoundAnswer);
  app.use(countRequests(clock));
  const failures = new Rates({ clock, perMinute: FAILED_LOGINS, what: "failed logins" });
  app.use(answerHeaders());
  app.use(knownHost(options.knowsHost ?? (() => true)));
  // Before the gate: a browser asks whether it may without showing a token.
  if ((options.allowOrigins ?? []).length > 0) {
    app.use("/api/v1/*", allowOrigins(options.allowOrigins ?? []));
  }
  const guesses = new Rates({ clock, perMinute: WRONG_TOKENS, what: "calls with a wrong token" });
  const streams = new Streams(clock, (caller) => principals.isGood(caller));
  app.use(streams.middleware);
  app.use(audited(api, clock));
  app.use(gate(principals, guesses));
  app.use(callRates(clock));
  app.route("/api/v1", execRoute(api));

  app.get("/healthz", (c) => {
    const health = api.health();
    return c.json(health, health.ok ? 200 : 503);
  });
  app.get("/readyz", (c) => {
    const health = api.health();
    return c.json(health, health.ok && !health.closing ? 200 : 503);
  });
  app.get("/openapi.json", async (c) => {
    // Hardly ever asked for, and what it needs takes time to load.
    const { openApiDocument } = await import("./openapi.ts");
    return c.json(openApiDocument(options.version));
  });
  app.route("/", loginRoutes({ principals, sessions, failures, tokens: api.tokens }));
  app.get("/metrics", metricsAnswer(options.figures ?? (() => Promise.resolve(ownFigures()))));
  app.get("/api/v1/version", (c) => c.json({ version: options.version }));
  app.get("/api/v1/whoami", (c) => {
    const { role, user, token } = callerOf(c);
    return c.json({ role, user, token } satisfies WhoAmI);
  });
  app.route("/api/v1/tokens", tokenRoutes(api.tokens, streams));
  app.route("/api/v1", registerRoute(api));
  app.route("/api/v1", linkRoute(api.fleet));
  app.use("/api/v1/jobs/:name/*", sameJob(api));
  app.route("/api/v1", endpointRoutes(api));
  app.route("/api/v1/jobs", jobRoutes(api, { webhookHosts: options.webhookHosts ?? [] }));
  app.route("/api/v1/jobs", outputRoutes(api.outputs));
  app.route("/api/v1/jobs", resultRoutes(api));
  app.route("/api/v1/bundles", bundleRoutes(api.bundles));
  app.route("/api/v1/events", eventRoutes(api));
  app.route("/api/v1", liveRoutes(api));
  app.route("/api/v1", vmRoutes(api.fleet));
  app.route("/api/v1", clusterRoutes(api, options));

  app.route("/assets", assetRoutes());
  app.route("/", dashboard(api, options));
  return app;
}
