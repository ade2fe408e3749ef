/** `/events`: every change, as a page, as JSON lines or as server-sent events, from a cursor on. */
import { Hono } from "hono";
import type { ControllerApi } from "../../controller/controller_api.ts";
import { onlyUser } from "../gate.ts";
import { eventStream, jsonLines } from "../json_lines.ts";
import { intQuery } from "../query.ts";

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1_000;

/** The route under `/api/v1/events`. */
export function eventRoutes(api: ControllerApi): Hono {
  const app = new Hono();
  app.get("/", (c) => {
    const job = c.req.query("job");
    const user = onlyUser(c);
    const filter = { ...(job !== undefined && { job }), ...(user !== null && { user }) };
    // A browser that connects again names the last event that it saw.
    const after = c.req.header("Last-Event-ID") ?? c.req.query("after") ?? null;
    const stream = c.req.header("Accept")?.includes("text/event-stream") === true;
    if (stream || c.req.query("follow") === "true") {
      // What is wrong with the cursor is said while there is a status to say it with.
      api.events(after, { ...filter, limit: 1 });
      const source = (signal: AbortSignal) => api.followEvents(after, { ...filter, signal });
      return stream ? eventStream(source) : jsonLines(source, "events");
    }
    const limit = intQuery(c, "limit", { fallback: DEFAULT_PAGE, min: 1, max: MAX_PAGE });
    return c.json(api.events(after, { ...filter, limit }));
  });
  return app;
}
