/** Files that pages refer to. They say nothing about a cluster, so anybody may have them. */
import { Hono } from "hono";
import STYLE from "../dashboard/client/style.css" with { type: "text" };

/** The routes under `/assets`. */
export function assetRoutes(): Hono {
  const app = new Hono();
  app.get("/style.css", (c) => {
    return c.body(STYLE, 200, {
      "Content-Type": "text/css; charset=utf-8",
      "Cache-Control": "no-cache",
    });
  });
  return app;
}
