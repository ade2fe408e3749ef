/**
 * Who calls: bearer tokens for programs, a session cookie for the browser. Runs in server isolates.
 * A token is never logged and never accepted in a URL; a login link carries a one-time code instead.
 */
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Context, MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { IrisError } from "../base/errors.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { randomHex } from "../base/ids.ts";

/** What a caller may do: an admin everything, a worker only what workers call. */
export type Role = "admin" | "worker";

/** The tokens a controller's server knows. */
export interface Tokens {
  readonly admin: string;
  readonly worker: string;
  /** What tokens of tasks are made with; without it no task has one. */
  readonly task?: string;
}

/** Login codes kept at most; the oldest goes first. */
const MAX_CODES = 1_000;
/** How long a session lasts, in ms. */
const SESSION_MS = 7 * 24 * 60 * 60_000;
const COOKIE = "iris_session";

/** True when both strings are equal, in a time that does not tell where they differ. */
export function sameSecret(given: string, expected: string): boolean {
  const a = new TextEncoder().encode(given);
  const b = new TextEncoder().encode(expected);
  // Every byte is looked at, whatever differs before it. A length is not a secret.
  let differs = a.length ^ b.length;
  for (let at = 0; at < b.length; at++) differs |= (a[at] ?? 0) ^ b[at]!;
  return differs === 0;
}

/** The token of an `Authorization: Bearer` header, or null. */
export function bearerOf(header: string | undefined | null): string | null {
  const match = /^Bearer ([\w.~+/=-]{1,512})$/.exec(header ?? "");
  return match?.[1] ?? null;
}

/** What sessions are made of. */
export interface SessionsOptions {
  readonly secret?: string;
  readonly clock?: Clock;
}

/**
 * One-time login codes, in memory of one server, and the browser sessions they open. A session is no
 * entry anywhere but a signed date, so that a page that is open goes on after a restart of the
 * controller; a new admin token ends all of them.
 */
export class Sessions {
  readonly #codes = new Set<string>();
  readonly #secret: string;
  readonly #clock: Clock;

  /** @param of what sessions are signed with: the admin token; of this server alone when left out */
  constructor({ secret = randomHex(32), clock = systemClock }: SessionsOptions = {}) {
    this.#secret = secret;
    this.#clock = clock;
  }

  /** A code that opens one session, once. */
  issueCode(): string {
    const code = randomHex(16);
    if (this.#codes.size >= MAX_CODES) {
      for (const oldest of this.#codes) {
        this.#codes.delete(oldest);
        break;
      }
    }
    this.#codes.add(code);
    return code;
  }

  /** Trades a code for a session id; null when the code was never given or was used. */
  redeem(code: string): string | null {
    if (!this.#codes.delete(code)) return null;
    const what = `${Math.ceil(this.#clock.wall() + SESSION_MS)}.${randomHex(16)}`;
    return `${what}.${this.#sign(what)}`;
  }

  /** True for the id of an open session. */
  has(session: string): boolean {
    const [, what, untilMs, signature] = /^((\d{1,16})\.[0-9a-f]{32})\.([0-9a-f]{64})$/
      .exec(session) ?? [];
    if (what === undefined || untilMs === undefined || signature === undefined) return false;
    return sameSecret(signature, this.#sign(what)) && this.#clock.wall() < Number(untilMs);
  }

  #sign(what: string): string {
    const encoder = new TextEncoder();
    return bytesToHex(
      hmac(sha256, encoder.encode(this.#secret), encoder.encode(`session ${what}`)),
    );
  }
}

/** Sets the session cookie after a login link was followed. */
export function setSessionCookie(c: Context, session: string): void {
  const secure = new URL(c.req.url).protocol === "https:";
  setCookie(c, COOKIE, session, { httpOnly: true, sameSite: "Strict", path: "/", secure });
}

/**
 * Lets only callers of one of the roles pass. A browser session counts as admin for reading; to
 * change something it must come from our own origin.
 *
 * @throws {IrisError} `unauthorized` without valid credentials, `forbidden` for the wrong role
 */
export function requireRole(
  roles: readonly Role[],
  known: { tokens: Tokens; sessions: Sessions },
): MiddlewareHandler {
  return async (c, next) => {
    const role = roleOf(c, known);
    if (role === null) {
      throw new IrisError(
        "unauthorized",
        "A token is needed: set IRIS_TOKEN_FILE or give --token-file",
      );
    }
    if (!roles.includes(role)) {
      throw new IrisError("forbidden", `This call needs the role ${roles.join(" or ")}`);
    }
    await next();
  };
}

function roleOf(c: Context, known: { tokens: Tokens; sessions: Sessions }): Role | null {
  const bearer = bearerOf(c.req.header("Authorization"));
  if (bearer !== null) {
    if (sameSecret(bearer, known.tokens.admin)) return "admin";
    return sameSecret(bearer, known.tokens.worker) ? "worker" : null;
  }
  const session = getCookie(c, COOKIE);
  if (session === undefined || !known.sessions.has(session)) return null;
  // A WebSocket begins as a GET, and is no reading.
  const reads = (c.req.method === "GET" || c.req.method === "HEAD") &&
    c.req.header("Upgrade") === undefined;
  if (!reads && c.req.header("Origin") !== new URL(c.req.url).origin) return null;
  return "admin";
}
