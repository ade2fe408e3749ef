/** `/jobs/NAME/outputs`: what workers keep of what tasks wrote into their output folders. */
import { Hono } from "hono";
import { IrisError } from "../../base/errors.ts";
import type { OutputsApi } from "../../controller/shipping_api.ts";
import { ARCHIVE_TYPE } from "../../wire/shipping.ts";

/** The routes under `/api/v1/jobs/NAME/outputs`. */
export function outputRoutes(outputs: OutputsApi): Hono {
  const app = new Hono();
  app.get("/:name/outputs", async (c) => c.json(await outputs.list(c.req.param("name"))));
  app.get("/:name/outputs/:task", async (c) => {
    const task = taskIn(c.req.param("task"));
    const body = await outputs.open(c.req.param("name"), task, c.req.raw.signal);
    return c.body(body, 200, { "Content-Type": ARCHIVE_TYPE });
  });
  return app;
}

function taskIn(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new IrisError("invalid", `task must be a task's index: it is "${text}"`, { field: "task" });
}
