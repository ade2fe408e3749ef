/** Whether a call that a browser makes comes from a page of this server. */
import type { Context } from "hono";

/**
 * Whether a call comes from a page of ours, as the browser says it. What comes from elsewhere is sent
 * with the cookie as well, where it is of the same host: of another port.
 *
 * A form under `no-referrer` has the origin `null`: then only `Sec-Fetch-Site` tells, which a browser
 * sends to what it trusts (TLS, or this machine).
 */
export function fromOurPage(c: Context): boolean {
  const origin = c.req.header("Origin");
  if (origin !== undefined && origin !== "null") return origin === new URL(c.req.url).origin;
  return c.req.header("Sec-Fetch-Site") === "same-origin";
}

/** Whether a browser makes this call for a page of another site, port or scheme. */
export function fromElsewhere(c: Context): boolean {
  const site = c.req.header("Sec-Fetch-Site");
  const origin = c.req.header("Origin");
  // Following a link is not reading: who asks does not see the answer.
  const follows = c.req.header("Sec-Fetch-Mode") === "navigate" && c.req.method === "GET";
  if (site !== undefined && !follows) return site !== "same-origin" && site !== "none";
  return origin !== undefined && origin !== "null" && origin !== new URL(c.req.url).origin;
}

/** Whether a call changes nothing. A WebSocket begins as a GET, and is no reading. */
export function onlyReads(c: Context): boolean {
  return (c.req.method === "GET" || c.req.method === "HEAD") &&
    c.req.header("Upgrade") === undefined;
}
