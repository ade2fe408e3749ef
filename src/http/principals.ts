/**
 * Who a call comes from: an admin or a worker by the tokens of the cluster, whoever was given a token,
 * a task by that of its job, or a browser by its session. Runs in the controller's server.
 */
import type { Context } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { type Clock, systemClock } from "../base/clock.ts";
import { IrisError } from "../base/errors.ts";
import type { ControllerApi } from "../controller/controller_api.ts";
import type { TokenRow } from "../store/token_row.ts";
import { hashOf } from "../controller/token_secret.ts";
import { claimedGeneration, taskToken } from "../wire/task_token.ts";
import { BUILT_IN_TOKENS } from "../wire/token_roles.ts";
import { claimedTokenId } from "../wire/tokens.ts";
import { type Caller, ownerOf } from "./access.ts";
import { bearerOf, sameSecret, type Sessions, type Tokens, tokensNow } from "./auth.ts";

const COOKIE = "iris_session";
const COOKIE_OPTIONS = { httpOnly: true, sameSite: "Strict", path: "/" } as const;

/** Who a call comes from. */
export interface Principal extends Caller {
  /** The id of the token; `admin` and `worker` for those that each cluster has, `task` for a task's. */
  readonly token: string;
  /** Whether it came with a cookie: what changes something then has to come from our own pages. */
  readonly session: boolean;
  /** When it is good for nothing any more: wall time in ms; null for never. */
  readonly expiresAtMs: number | null;
}

/** What callers are told apart with. */
export interface PrincipalsOptions {
  readonly api: Pick<ControllerApi, "jobOf" | "tokens">;
  readonly tokens: Tokens;
  readonly sessions: Sessions;
  readonly clock?: Clock;
}

const NOBODY = { user: null, job: null, session: false, expiresAtMs: null } as const;

/** See the head of this file. */
export class Principals {
  readonly #options: PrincipalsOptions;
  readonly #clock: Clock;

  /** @param options what callers are told apart with */
  constructor(options: PrincipalsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Who calls. @throws {IrisError} `unauthorized` when nobody can tell */
  of(c: Context): Principal {
    const bearer = bearerOf(c.req.header("Authorization"));
    const cookie = getCookie(c, cookieName(c));
    const principal = bearer !== null
      ? this.#byToken(bearer)
      : cookie === undefined
      ? null
      : this.bySession(cookie);
    if (principal !== null) return principal;
    throw new IrisError(
      "unauthorized",
      "A token is needed: set IRIS_TOKEN_FILE or give --token-file",
    );
  }

  /** Whether the token of a caller is still there, and not expired. */
  isGood({ role, token }: Principal): boolean {
    if (role === "task" || token === role) return true;
    const known = this.#options.api.tokens.find(token);
    return known !== null && this.#isGood(known);
  }

  /** Whose token this is; null when it is nobody's. */
  ofPasted(token: string): Principal | null {
    if (bearerOf(`Bearer ${token}`) === null) return null;
    try {
      return this.#byToken(token);
    } catch (error) {
      if (error instanceof IrisError && error.code === "unauthorized") return null;
      throw error;
    }
  }

  #byToken(bearer: string): Principal | null {
    const generation = claimedGeneration(bearer);
    if (generation !== null) return this.#task(bearer, generation);
    const id = claimedTokenId(bearer);
    if (id !== null) return this.#given(bearer, id);
    const known = tokensNow(this.#options.tokens);
    for (const role of BUILT_IN_TOKENS) {
      if (sameSecret(bearer, known[role])) return { ...NOBODY, role, token: role };
    }
    const { token = "", untilMs = 0 } = known.oldWorker ?? {};
    const isOld = token !== "" && sameSecret(bearer, token) && this.#clock.wall() < untilMs;
    return isOld ? { ...NOBODY, role: "worker", token: "worker" } : null;
  }

  /** @throws {IrisError} `unauthorized`, the same whether there is such a token or not */
  #given(bearer: string, id: string): Principal {
    const known = this.#options.api.tokens.find(id);
    // One that is not there is compared all the same: how long it takes tells nobody which there are.
    const same = sameSecret(hashOf(bearer), known?.hash ?? "0".repeat(64));
    if (known !== null && same && this.#isGood(known)) {
      this.#options.api.tokens.used(known);
      return asPrincipal(known, false);
    }
    throw new IrisError("unauthorized", "This token is not valid (any more)");
  }

  #task(bearer: string, generation: number): Principal {
    const { api, tokens } = this.#options;
    const { task: secret = "" } = tokensNow(tokens);
    const job = api.jobOf(generation);
    // As above: a job that is not there is compared as well.
    const expected = taskToken(secret, { generation, job: job?.name ?? "" });
    if (!sameSecret(bearer, expected) || job === null || secret === "" || job.done) {
      throw new IrisError("unauthorized", "This token of a task is not valid, or its job is over");
    }
    const { name } = job;
    return { ...NOBODY, role: "task", user: ownerOf(name), job: name, token: "task" };
  }

  /** Whose session a cookie is; null when it is nobody's (any more). */
  bySession(cookie: string): Principal | null {
    const id = this.#options.sessions.tokenOf(cookie);
    if (id === null) return null;
    if (id === "admin") return { ...NOBODY, role: "admin", token: id, session: true };
    const known = this.#options.api.tokens.find(id);
    return known !== null && this.#isGood(known) ? asPrincipal(known, true) : null;
  }

  #isGood({ expiresAtMs }: TokenRow): boolean {
    return expiresAtMs === null || this.#clock.wall() < expiresAtMs;
  }
}

/** Sets the session's cookie after a login. */
export function setSessionCookie(c: Context, session: string): void {
  setCookie(c, cookieName(c), session, { ...COOKIE_OPTIONS, secure: isSecure(c) });
}

/** Takes it back. */
export function dropSessionCookie(c: Context): void {
  setCookie(c, cookieName(c), "", { ...COOKIE_OPTIONS, secure: isSecure(c), maxAge: 0 });
}

/** The session's cookie: with TLS a browser takes it from this host alone, and only by TLS. */
export function cookieName(c: Context): string {
  return isSecure(c) ? `__Host-${COOKIE}` : COOKIE;
}

function isSecure(c: Context): boolean {
  return new URL(c.req.url).protocol === "https:";
}

function asPrincipal({ id, role, user, expiresAtMs }: TokenRow, session: boolean): Principal {
  return { role, user, job: null, token: id, session, expiresAtMs };
}
