/** How often each of those who share a cluster may call. */
import type { MiddlewareHandler } from "hono";
import type { Clock } from "../base/clock.ts";
import { callerIn } from "./gate.ts";
import { Rates } from "./rates.ts";

/** Calls of one user, viewer or job's tasks in a minute; a quarter of it at once. */
const CALLS = 60_000;

/**
 * Bounds the calls of those who share a cluster. Admins, workers and VM managers are what it consists of:
 * they are not bounded.
 */
export function callRates(clock: Clock, perMinute = CALLS): MiddlewareHandler {
  const rates = new Rates({ clock, perMinute, what: "calls" });
  return async (c, next) => {
    const caller = callerIn(c);
    if (caller !== null && ["user", "viewer", "task"].includes(caller.role)) {
      rates.take(caller.job ?? caller.token);
    }
    await next();
  };
}
