/** Files that pages refer to. They say nothing about a cluster, so anybody may have them. */
import { Hono } from "hono";

/** The routes under `/assets`. */
export function assetRoutes(): Hono {
  const app = new Hono();
  app.get("/style.css", async (c) => {
    // Asked for by the first browser: a cluster without one does without.
    const { STYLE } = await import("../dashboard/style.ts");
    return c.body(STYLE, 200, {
      "Content-Type": "text/css; charset=utf-8",
      "Cache-Control": "no-cache",
    });
  });
  return app;
}
