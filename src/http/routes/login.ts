/** Logging in and out with a browser: by a one-time link, or by a token that is pasted. */
import { type Context, Hono } from "hono";
import { getCookie } from "hono/cookie";
import { IrisError } from "../../base/errors.ts";
import type { TokensApi } from "../../controller/tokens_api.ts";
import { loginEntry, note } from "../audit.ts";
import type { Sessions } from "../auth.ts";
import { limitedText } from "../body.ts";
import { nextIn } from "../next_path.ts";
import { fromElsewhere, fromOurPage } from "../origin.ts";
import { loginNeededPage } from "../pages/login_page.ts";
import { cookieName, dropSessionCookie, type Principals, setSessionCookie } from "../principals.ts";
import type { Rates } from "../rates.ts";
import { readingOf, remoteOf } from "../remote.ts";

/** A form has two fields: the largest body, in bytes. */
const MAX_FORM_BYTES = 8 * 1024;

/** What logging in takes. */
export interface LoginOptions {
  readonly principals: Principals;
  readonly sessions: Sessions;
  /** How often somebody may fail, by address. */
  readonly failures: Rates;
  /** Where logins are written down. */
  readonly tokens: TokensApi;
}

/** The routes at the root. */
export function loginRoutes(options: LoginOptions): Hono {
  const { principals, sessions } = options;
  const app = new Hono();
  app.get("/login", (c) => page(c, "Log in.", { status: 200, next: nextIn(c.req.query("next")) }));
  app.post("/login", (c) => login(c, options));
  app.get("/login/:code", async (c) => {
    const session = sessions.redeem(c.req.param("code"));
    if (session === null) return page(c, "This link was used already.", { status: 401 });
    await note(options.tokens, loginEntry(c, principals.bySession(session), "log in by link"));
    setSessionCookie(c, session);
    return c.redirect("/", 303);
  });
  app.post("/logout", (c) => {
    if (!fromOurPage(c)) throw new IrisError("forbidden", "This form is not one of Iris");
    const session = getCookie(c, cookieName(c));
    if (session !== undefined && principals.bySession(session) !== null) sessions.end(session);
    dropSessionCookie(c);
    return c.redirect("/login", 303);
  });
  return app;
}

async function login(c: Context, options: LoginOptions) {
  const { principals, sessions, failures, tokens } = options;
  // Somebody else's page could log a browser in as somebody else.
  if (fromElsewhere(c)) throw new IrisError("forbidden", "This form is not one of Iris");
  const remote = remoteOf(c);
  if (!failures.has(remote)) failures.take(remote);
  const form = new URLSearchParams(
    await limitedText(c.req.raw, MAX_FORM_BYTES, readingOf(c)),
  );
  const next = nextIn(form.get("next") ?? undefined);
  const principal = principals.ofPasted((form.get("token") ?? "").trim());
  if (principal === null) {
    failures.take(remote);
    await note(tokens, loginEntry(c, null, "log in by token"));
    return page(c, "This token is not valid.", { status: 401, next });
  }
  if (!["admin", "user", "viewer"].includes(principal.role)) {
    const why = `This token is of a ${principal.role}: there are no pages for it.`;
    return page(c, why, { status: 403, next });
  }
  await note(tokens, loginEntry(c, principal, "log in by token"));
  setSessionCookie(c, sessions.open(principal.token));
  return c.redirect(next, 303);
}

/** Under `no-referrer` the form would have the origin `null`, which says nothing. */
function page(c: Context, why: string, of: { status: 200 | 401 | 403; next?: string }) {
  return c.html(loginNeededPage(why, of.next), of.status, { "Referrer-Policy": "same-origin" });
}
