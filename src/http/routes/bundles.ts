/** `/bundles`: whether one is there, sending one, fetching one. */
import { Hono } from "hono";
import { IrisError } from "../../base/errors.ts";
import type { BundlesApi } from "../../controller/shipping_api.ts";
import {
  ARCHIVE_TYPE,
  BUNDLE_HASH,
  BUNDLE_OFFER_SCHEMA,
  checkedBody,
} from "../../wire/shipping.ts";
import { jsonBody } from "../body.ts";
import { readingOf } from "../remote.ts";

/** The routes under `/api/v1/bundles` for those who submit, and for workers. */
export function bundleRoutes(bundles: BundlesApi): Hono {
  const app = new Hono();
  app.post("/", async (c) => {
    return c.json(bundles.offer(checkedBody(BUNDLE_OFFER_SCHEMA, await jsonBody(c))));
  });
  app.put("/:hash", async (c) => {
    const { raw } = c.req;
    try {
      return c.json(await bundles.put(hashIn(c.req.param("hash")), raw.body, raw.signal), 201);
    } catch (error) {
      readingOf(c).leftUnread?.();
      throw error;
    }
  });
  app.get("/:hash", async (c) => {
    const { bytes, body } = await bundles.get(hashIn(c.req.param("hash")));
    return c.body(body, 200, { "Content-Type": ARCHIVE_TYPE, "Content-Length": String(bytes) });
  });
  return app;
}

function hashIn(text: string): string {
  if (BUNDLE_HASH.test(text)) return text;
  throw new IrisError("invalid", "hash must be 64 hex digits", { field: "hash" });
}
