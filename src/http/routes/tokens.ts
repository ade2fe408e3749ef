/** `/tokens`: giving tokens out, taking them back, and new ones for those that each cluster has. */
import { Hono } from "hono";
import type { TokensApi } from "../../controller/tokens_api.ts";
import { checked } from "../../wire/invalid_field.ts";
import { ROTATE_SCHEMA, TOKEN_REQUEST_SCHEMA } from "../../wire/tokens.ts";
import { actorOf } from "../audit.ts";
import { jsonBody } from "../body.ts";
import { callerOf } from "../gate.ts";
import type { Streams } from "../streams.ts";

/** The routes under `/api/v1/tokens`. */
export function tokenRoutes(tokens: TokensApi, streams: Streams): Hono {
  const app = new Hono();
  app.get("/", (c) => c.json(tokens.list()));
  app.post("/", async (c) => {
    const request = checked(TOKEN_REQUEST_SCHEMA, await jsonBody(c));
    return c.json(await tokens.create(request, actorOf(c, callerOf(c))), 201);
  });
  app.post("/rotate", async (c) => {
    const { which, graceMs } = checked(ROTATE_SCHEMA, await jsonBody(c));
    const rotated = await tokens.rotate(which, { graceMs });
    if (which === "admin") streams.endOf(which);
    return c.json(rotated);
  });
  app.post("/:id/revoke", async (c) => {
    const revoked = await tokens.revoke(c.req.param("id"), actorOf(c, callerOf(c)));
    streams.endOf(revoked.id);
    return c.json(revoked);
  });
  return app;
}
