/**
 * What callers show: bearer tokens for programs, a session for the browser. Runs in server isolates.
 * A token is never logged and never accepted in a URL; a login link carries a one-time code instead.
 */
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { type Clock, systemClock } from "../base/clock.ts";
import { randomHex } from "../base/ids.ts";
import type { ClusterTokens } from "../controller/messages.ts";

/** The tokens a controller's server knows: as they are, or how to find them as they are now. */
export type Tokens = ClusterTokens | (() => ClusterTokens);

/** As they are now. @throws {IrisError} `unavailable` as long as nobody said */
export function tokensNow(tokens: Tokens): ClusterTokens {
  return typeof tokens === "function" ? tokens() : tokens;
}

/** Login codes kept at most; the oldest goes first. */
const MAX_CODES = 1_000;
/** Sessions that were ended before their time, of which so many are remembered. */
const MAX_ENDED = 10_000;
/** How long a session lasts, in ms. */
const SESSION_MS = 7 * 24 * 60 * 60_000;
/** The token that a login link is for when nobody says otherwise. */
const ADMIN = "admin";

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
  /** Once it is another one, sessions that were signed with the one of before are over. */
  readonly secret?: string | (() => string);
  readonly clock?: Clock;
}

/**
 * One-time login codes, in memory of one server, and the browser sessions they open. A session is no
 * entry anywhere but a signed date and the id of the token that it was opened with, so that a page that
 * is open goes on after a restart of the controller; it opens what that token opens, and ends with it.
 */
export class Sessions {
  /** Codes, each with the id of the token that it opens a session of. */
  readonly #codes = new Map<string, string>();
  /** The signatures of those that were logged out; a new server does not know them. */
  readonly #ended = new Set<string>();
  readonly #secret: string | (() => string);
  readonly #clock: Clock;

  /** @param of what sessions are signed with: the admin token; of this server alone when left out */
  constructor({ secret = randomHex(32), clock = systemClock }: SessionsOptions = {}) {
    this.#secret = secret;
    this.#clock = clock;
  }

  /** A code that opens one session, once. @param token the id of the token that it stands for */
  issueCode(token = ADMIN): string {
    const code = randomHex(16);
    if (this.#codes.size >= MAX_CODES) {
      for (const oldest of this.#codes.keys()) {
        this.#codes.delete(oldest);
        break;
      }
    }
    this.#codes.set(code, token);
    return code;
  }

  /** Trades a code for a session; null when the code was never given or was used. */
  redeem(code: string): string | null {
    const token = this.#codes.get(code);
    if (token === undefined) return null;
    this.#codes.delete(code);
    return this.open(token);
  }

  /** A session of the token with this id. */
  open(token: string): string {
    const what = `${Math.ceil(this.#clock.wall() + SESSION_MS)}.${randomHex(16)}.${token}`;
    return `${what}.${this.#sign(what)}`;
  }

  /** The id of the token that a session stands for; null when it is forged or too old. */
  tokenOf(session: string): string | null {
    const [, what, untilMs, token, signature] =
      /^((\d{1,16})\.[0-9a-f]{32}\.([\w-]{1,32}))\.([0-9a-f]{64})$/.exec(session) ?? [];
    if (what === undefined || token === undefined || signature === undefined) return null;
    const valid = sameSecret(signature, this.#sign(what)) && this.#clock.wall() < Number(untilMs);
    return valid && !this.#ended.has(signature) ? token : null;
  }

  /** Ends a session that is open: it is good for nothing from now on. */
  end(session: string): void {
    if (this.tokenOf(session) === null) return;
    for (const oldest of this.#ended) {
      if (this.#ended.size < MAX_ENDED) break;
      this.#ended.delete(oldest);
    }
    this.#ended.add(session.slice(session.lastIndexOf(".") + 1));
  }

  #sign(what: string): string {
    const secret = typeof this.#secret === "function" ? this.#secret() : this.#secret;
    const encoder = new TextEncoder();
    return bytesToHex(
      hmac(sha256, encoder.encode(secret), encoder.encode(`session ${what}`)),
    );
  }
}
