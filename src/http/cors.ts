/**
 * Which pages of other origins may call the API from a browser: none, unless an origin was named when
 * the controller was started (`--allow-origin`). Such a page shows a token of its own; a session's
 * cookie is never of use to it. Runs in the controller's server.
 */
import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";

/** How long a browser remembers what it may do, in seconds. */
const REMEMBER_S = 600;

/** Lets pages of these origins call. Comes before whatever asks for a token: a browser asks without. */
export function allowOrigins(origins: readonly string[]): MiddlewareHandler {
  const named = new Set(origins);
  return cors({
    origin: (origin) => named.has(origin) ? origin : null,
    allowMethods: ["GET", "POST", "PUT"],
    allowHeaders: [
      "Authorization",
      "Content-Type",
      "Idempotency-Key",
      "Last-Event-ID",
      "X-Iris-User",
    ],
    maxAge: REMEMBER_S,
  });
}
