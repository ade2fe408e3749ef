/**
 * The one place that lets calls pass: by `access.ts`, before any route reads anything. Runs in the
 * controller's server.
 */
import type { Context, MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import { IrisError, plainLine } from "../base/errors.ts";
import { ACCESS, type Access, mayTouch, ownerOf, type Scope, UNLISTED } from "./access.ts";
import { fromElsewhere, fromOurPage, onlyReads } from "./origin.ts";
import { nextIn } from "./next_path.ts";
import { loginNeededPage } from "./pages/login_page.ts";
import type { Principal, Principals } from "./principals.ts";
import type { Rates } from "./rates.ts";
import { remoteOf } from "./remote.ts";

/** Who calls, and about which jobs it may be. */
interface Passed {
  readonly principal: Principal;
  readonly scope: Scope;
}

/** What people call a token that they put where it must not be. */
const TOKEN_WORDS = ["token", "access_token", "auth_token", "api_key", "apikey"];

const callers = new WeakMap<Request, Principal>();
const passed = new WeakMap<Request, Passed>();

/**
 * Lets a call pass whose row in the table has its caller's role, about jobs that it may be about.
 *
 * @throws {IrisError} `unauthorized`, `forbidden`
 */
export function gate(principals: Principals, failures: Rates): MiddlewareHandler {
  return async (c, next) => {
    refuseTokenInUrl(c);
    const route = routeOf(c);
    const access = route === null ? noRoute(c) : ACCESS[route.key] ?? UNLISTED;
    if (access === "open") return await next();
    try {
      const principal = principals.of(c);
      callers.set(c.req.raw, principal);
      pass(c, { access, path: route?.path ?? "", principal });
    } catch (error) {
      noteFailure(c, { error, failures });
      if (isApi(c) || !(error instanceof IrisError) || error.code !== "unauthorized") throw error;
      // With the path alone: what else stands in the address may be for nobody's eyes.
      const page = loginNeededPage("This page is for who is logged in.", nextIn(pathOf(c)));
      return c.html(page, 401, { "Referrer-Policy": "same-origin" });
    }
    await next();
  };
}

/** Who calls, also when it was refused; null when nobody can tell, or nobody asked. */
export function callerIn(c: Context): Principal | null {
  return callers.get(c.req.raw) ?? null;
}

/** Who calls. */
export function callerOf(c: Context): Principal {
  return passedOf(c).principal;
}

/** Whose jobs and events alone the caller may see in what lists them; null for those of all. */
export function onlyUser(c: Context): string | null {
  const { principal, scope } = passedOf(c);
  if (scope === "any") return null;
  if (principal.user !== null) return principal.user;
  throw new IrisError("forbidden", "This call is for users");
}

/**
 * Looks at a job that stands in a call's body.
 *
 * @throws {IrisError} `forbidden` with this field
 */
export function checkJob(c: Context, job: string, field: string): void {
  look(passedOf(c), job, field);
}

/** A job that another one is to wait for: how it ends is told by that. @throws {IrisError} `forbidden` */
export function checkPeer(c: Context, job: string, field: string): void {
  const { role, user } = callerOf(c);
  if (role === "admin" || ownerOf(job) === user) return;
  throw new IrisError("forbidden", `${field} is a job of another user`, { field });
}

/** Whose job a submit is: an admin says it, others cannot choose. */
export function submitterOf(c: Context): string {
  const { role, user } = callerOf(c);
  if (role !== "admin" && user !== null) return user;
  return c.req.header("X-Iris-User") ?? user ?? "local";
}

/** Whether the caller may call another route, about what it names: for what a page shows. */
export function mayCall(c: Context, route: string): boolean {
  const access = ACCESS[route] ?? UNLISTED;
  return access === "open" || access[callerOf(c).role] !== undefined;
}

function passedOf(c: Context): Passed {
  const found = passed.get(c.req.raw);
  // Only a route that the table has as open comes here without.
  if (found === undefined) throw new IrisError("unauthorized", "A token is needed");
  return found;
}

function pass(
  c: Context,
  of: { access: Exclude<Access, "open">; path: string; principal: Principal },
): void {
  const { access, path, principal } = of;
  const scope = access[principal.role];
  if (scope === undefined) {
    const roles = Object.keys(access).join(" or ");
    const message = principal.role === "task"
      ? "A task may not do this by the token of its job"
      : `This call needs the role ${roles}: this token is of a ${principal.role}`;
    throw new IrisError("forbidden", message);
  }
  if (principal.session && !(onlyReads(c) ? !fromElsewhere(c) : fromOurPage(c))) {
    throw new IrisError("unauthorized", "A browser may ask this from a page of Iris only");
  }
  const found = { principal, scope };
  const job = jobIn(c, path);
  if (job !== null) look(found, job, "name");
  passed.set(c.req.raw, found);
}

function look({ principal, scope }: Passed, job: string, field: string): void {
  if (mayTouch(principal, scope, job)) return;
  const { role, user, job: own } = principal;
  const may = {
    any: "any job",
    own: `jobs of ${user}, /${user}/...`,
    self: `${own} itself`,
    below: `jobs below ${own}`,
    family: `${own} and jobs below it`,
    peers: `jobs of ${user}`,
  }[scope];
  const who = role === "task" ? `A task of ${own}` : `This token is ${user}'s, and`;
  const message = `${who} may do this with ${may} only: not with ${plainLine(job, 200)}`;
  throw new IrisError("forbidden", message, { field });
}

/** The job that the path names; "" for one that cannot be read, which is nobody's. */
export function jobIn(c: Context, pattern: string): string | null {
  const at = /^(?:\/api\/v1)?\/jobs\/:name(?:\/|$)/.test(pattern)
    ? pattern.split("/").indexOf(":name")
    : -1;
  if (at < 0) return null;
  try {
    return decodeURIComponent(c.req.path.split("/")[at] ?? "");
  } catch {
    return "";
  }
}

/** @throws {IrisError} `invalid`: what stands in a URL is in logs and histories */
function refuseTokenInUrl(c: Context): void {
  const field = TOKEN_WORDS.find((word) => c.req.query(word) !== undefined);
  if (field === undefined) return;
  const message = `${field} must not stand in a URL: a token goes into the header Authorization, ` +
    "and one that was in a URL should be replaced";
  throw new IrisError("invalid", message, { field });
}

/**
 * Whoever shows what is no token again and again is told that it is too often. A good one always passes:
 * it cannot be found by trying, and others at the same address must not be kept out.
 */
function noteFailure(c: Context, { error, failures }: { error: unknown; failures: Rates }): void {
  if (!(error instanceof IrisError) || error.code !== "unauthorized") return;
  if (c.req.header("Authorization") !== undefined) failures.take(remoteOf(c));
}

function pathOf(c: Context): string {
  return new URL(c.req.url).pathname;
}

/** The route that will answer: the first one that is no middleware. */
export function routeOf(c: Context): { key: string; path: string } | null {
  const route = matchedRoutes(c).find(({ method }) => method !== "ALL");
  return route === undefined ? null : { key: `${route.method} ${route.path}`, path: route.path };
}

/** What is not there may be known by whoever may see anything of the API. */
function noRoute(c: Context): Access {
  return isApi(c) ? { admin: "any", viewer: "any", user: "any" } : "open";
}

function isApi(c: Context): boolean {
  return c.req.path.startsWith("/api/");
}
