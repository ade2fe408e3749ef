/**
 * What every answer of a controller says to a browser, whatever it is an answer to. A worker's server has
 * no browser: there they only made answers come in two pieces, of which a connection that broke lost one.
 */
import type { MiddlewareHandler } from "hono";

/** Nothing in a page is run or styled but by files of this server; nothing is shown inside others. */
const POLICY = [
  ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:"],
  ...["connect-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"],
].join("; ");

const ALWAYS = {
  "Content-Security-Policy": POLICY,
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
} as const;

/** Only what an answer does not say itself. */
const UNLESS_SAID = { "Referrer-Policy": "no-referrer", "Cache-Control": "no-store" } as const;

/** With TLS: how long a browser may not come without it, a week. Other ports of the host share it. */
const STRICT_TRANSPORT = "max-age=604800";

/** Sets them on every answer but upgrades, whose headers are fixed. */
export function answerHeaders(): MiddlewareHandler {
  return async (c, next) => {
    await next();
    if (c.res.status === 101) return;
    setAnswerHeaders(c.res.headers, { secure: new URL(c.req.url).protocol === "https:" });
  };
}

/** Sets them. @param of.secure whether the answer goes by TLS */
export function setAnswerHeaders(headers: Headers, of: { readonly secure: boolean }): void {
  for (const [name, value] of Object.entries(ALWAYS)) headers.set(name, value);
  for (const [name, value] of Object.entries(UNLESS_SAID)) {
    if (!headers.has(name)) headers.set(name, value);
  }
  if (of.secure) headers.set("Strict-Transport-Security", STRICT_TRANSPORT);
}
