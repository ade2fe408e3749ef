/** What runs now, beside `/jobs` and `/workers`: usage, signals, commands beside tasks. */
import { type Context, Hono } from "hono";
import { IrisError } from "../../base/errors.ts";
import type { ControllerApi } from "../../controller/controller_api.ts";
import { parseSignalBody } from "../../wire/usage_schema.ts";
import { jsonBody } from "../body.ts";
import { upgraded } from "../upgrade.ts";

/** The routes under `/api/v1`. */
export function liveRoutes({ live }: ControllerApi): Hono {
  const app = new Hono();
  app.get(
    "/jobs/:name/tasks/:index/usage",
    async (c) => c.json(await live.taskUsage(c.req.param("name"), indexOf(c))),
  );
  app.post("/jobs/:name/tasks/:index/signal", async (c) => {
    const signal = parseSignalBody(await jsonBody(c));
    return c.json(await live.signal(c.req.param("name"), indexOf(c), signal));
  });
  app.post("/jobs/:name/signal", async (c) => {
    const signal = parseSignalBody(await jsonBody(c));
    return c.json(await live.signal(c.req.param("name"), null, signal));
  });
  app.get(
    "/workers/:name/usage",
    async (c) => c.json(await live.hostUsage(c.req.param("name"))),
  );
  return app;
}

/**
 * The one route that becomes a WebSocket. It stands before everything that sets headers of answers:
 * those of an upgrade are fixed.
 */
export function execRoute({ live }: ControllerApi): Hono {
  const app = new Hono();
  app.get("/jobs/:name/tasks/:index/exec", (c) => {
    const index = indexOf(c);
    const name = c.req.param("name");
    return upgraded(c, (socket) => live.exec(socket, name, index));
  });
  return app;
}

function indexOf(c: Context): number {
  const given = c.req.param("index") ?? "";
  if (/^\d{1,15}$/.test(given)) return Number(given);
  throw new IrisError("invalid", `A task's index must be a whole number: it is "${given}"`, {
    field: "index",
  });
}
