/**
 * Writes down what people did: who, what, about what, from where, and how it was answered. It is durable
 * before the answer leaves, unless the disk takes nothing. What machines do (tasks, workers, VM managers)
 * is told by the events of what changed. Runs in the controller's server.
 */
import type { Context, MiddlewareHandler } from "hono";
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { TokensApi } from "../controller/tokens_api.ts";
import type { Actor, AuditEntry } from "../wire/audit.ts";
import { callerIn, jobIn, routeOf } from "./gate.ts";
import type { Principal } from "./principals.ts";
import { Rates } from "./rates.ts";
import { remoteOf } from "./remote.ts";
import { soon } from "./soon.ts";

/** An answer waits for its entry for so long, in ms. */
const WAIT_MS = 2_000;
/** Refusals of one caller that are written down in a minute; a quarter of it at once. */
const REFUSALS = 60;

const JOB = "/api/v1/jobs/:name";

/** What is written down, by its route. */
export const ACTIONS: Readonly<Record<string, string>> = {
  [`POST ${JOB}/stop`]: "stop job",
  [`POST ${JOB}/hold`]: "hold job",
  [`POST ${JOB}/release`]: "release job",
  [`POST ${JOB}/retry`]: "retry job",
  [`POST ${JOB}/signal`]: "signal job",
  [`POST ${JOB}/tasks/:index/signal`]: "signal task",
  [`GET ${JOB}/tasks/:index/exec`]: "run command beside task",
  "POST /api/v1/purge": "forget jobs",
  "PUT /api/v1/bundles/:hash": "send bundle",
  "POST /api/v1/workers/:name/drain": "drain worker",
  "POST /api/v1/workers/:name/release": "release worker",
  "POST /api/v1/vms/:vm/stop": "stop VM",
  "POST /api/v1/vms/:vm/reload": "reload VM",
  "POST /api/v1/login-links": "make login link",
  "POST /api/v1/tokens/rotate": "rotate token",
  "POST /api/v1/cluster/stop": "stop cluster",
  "GET /api/v1/cluster/backup": "fetch backup",
  // The same by forms of pages.
  "POST /jobs/:name/stop": "stop job",
  "POST /jobs/:name/hold": "hold job",
  "POST /jobs/:name/release": "release job",
  "POST /jobs/:name/retry": "retry job",
  "POST /workers/:name/drain": "drain worker",
  "POST /workers/:name/release": "release worker",
  "POST /vms/:vm/stop": "stop VM",
  "POST /vms/:vm/reload": "reload VM",
  "POST /cluster/stop": "stop cluster",
};

/** What changes something and is told otherwise: by an event of its own, or not by people. */
export const TOLD_OTHERWISE: readonly string[] = [
  "POST /api/v1/jobs",
  "POST /api/v1/endpoints",
  "POST /api/v1/tokens",
  "POST /api/v1/tokens/:id/revoke",
  "POST /login",
  "POST /logout",
  "POST /dashboard/theme",
  // They change nothing.
  `POST ${JOB}/logs`,
  "POST /api/v1/bundles",
  // Of machines.
  "POST /api/v1/workers",
  "POST /api/v1/workers/forgotten",
  "POST /api/v1/vm-managers/:name/link",
];

/** Writes down what passes through it. */
export function audited(api: { tokens: TokensApi }, clock: Clock): MiddlewareHandler {
  const refusals = new Rates({ clock, perMinute: REFUSALS, what: "refusals" });
  return async (c, next) => {
    await next();
    const caller = callerIn(c);
    if (caller === null || !["admin", "user", "viewer"].includes(caller.role)) return;
    const route = routeOf(c);
    const status = c.res.status;
    const action = ACTIONS[route?.key ?? ""] ??
      (status === 403 ? `call ${c.req.method} ${route?.path ?? ""}` : undefined);
    if (action === undefined) return;
    if (status === 403) {
      if (!refusals.has(caller.token)) return;
      refusals.take(caller.token);
    }
    const path = route?.path ?? "";
    await note(api.tokens, {
      ...{ by: actorOf(c, caller), action, status, job: jobIn(c, path) },
      worker: path.includes("/workers/:name") ? segment(c, path, ":name") : null,
      about: /:(vm|index|hash|id)/.test(path) ? segment(c, path, /:(vm|index|hash|id)/) : null,
    });
  };
}

/** Writes down a login with a token or a link, and one that failed. */
export function loginEntry(c: Context, caller: Principal | null, how: string): AuditEntry {
  return {
    by: caller === null ? { role: null, from: remoteOf(c) } : actorOf(c, caller),
    action: how,
    status: caller === null ? 401 : 303,
    ...{ job: null, worker: null, about: null },
  };
}

/** Who calls, as it is written down. */
export function actorOf(c: Context, { role, user, token }: Principal): Actor {
  return { role, user, token, from: remoteOf(c) };
}

/** Writes an entry down; what the caller asked for is done either way. */
export async function note(tokens: TokensApi, entry: AuditEntry): Promise<void> {
  const written = tokens.audit(entry).then(() => true, (error) => {
    logger("http").warn("{action} could not be written down: {error}", {
      action: entry.action,
      error: messageOf(error),
    });
    return false;
  });
  await soon(written, WAIT_MS);
}

function segment(c: Context, path: string, part: string | RegExp): string | null {
  const at = path.split("/").findIndex((one) => one.match(part) !== null);
  try {
    return decodeURIComponent(c.req.path.split("/")[at] ?? "").slice(0, 200);
  } catch {
    return null;
  }
}
