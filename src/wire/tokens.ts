/** Tokens that an admin gives to users, viewers and machines: what is asked and what is shown. */
import * as v from "valibot";
import { BUILT_IN_TOKENS, type Role, TOKEN_ROLES, type TokenRole } from "./token_roles.ts";

/** The longest that a token may be good for, when it is to end at all: ten years, in ms. */
export const MAX_EXPIRY_MS = 10 * 365 * 24 * 60 * 60_000;
/** The longest that the worker token of before may still be taken, in ms: 30 days. */
export const MAX_GRACE_MS = 30 * 24 * 60 * 60_000;
/** As the first part of a job's name. */
const USER = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/;

/** `GET /api/v1/tokens`: a token that was given out; its secret is nowhere. */
export interface TokenView {
  readonly id: string;
  readonly role: TokenRole;
  /** Whose it is: the first part of the names of the user's jobs. */
  readonly user: string;
  readonly createdAtMs: number;
  /** Who made it. */
  readonly createdBy: string;
  /** Null for never. */
  readonly expiresAtMs: number | null;
  /** To a few minutes; null for never. */
  readonly lastUsedAtMs: number | null;
}

/** `GET /api/v1/whoami`: what the token of a call is good for. */
export interface WhoAmI {
  readonly role: Role;
  /** Whose jobs short names mean; null when any. */
  readonly user: string | null;
  /** The token's id; `admin` and `worker` for those that each cluster has, `task` for a task's. */
  readonly token: string;
}

/** See {@linkcode WhoAmI}. */
export const WHO_AM_I_SCHEMA = v.strictObject({
  role: v.picklist([...TOKEN_ROLES, "task"]),
  user: v.nullable(v.string()),
  token: v.string(),
});

/** The answer to a token's making, and the one time that it is shown. */
export interface NewToken extends TokenView {
  readonly token: string;
}

const USER_RULE = "must have letters, digits, '.', '_' and '-', at most 64 of them";
const EXPIRY_RULE = `must be null or a number from 1000 to ${MAX_EXPIRY_MS}`;
const GRACE_RULE = `must be a number from 0 to ${MAX_GRACE_MS}`;

/** The body of `POST /api/v1/tokens`. */
export const TOKEN_REQUEST_SCHEMA = v.strictObject({
  user: v.pipe(v.string(USER_RULE), v.regex(USER, USER_RULE)),
  role: v.picklist(TOKEN_ROLES, `must be one of ${TOKEN_ROLES.join(", ")}`),
  expiresInMs: v.optional(
    v.nullable(
      v.pipe(
        v.number(EXPIRY_RULE),
        v.minValue(1_000, EXPIRY_RULE),
        v.maxValue(MAX_EXPIRY_MS, EXPIRY_RULE),
      ),
    ),
    null,
  ),
}, "must be an object");

/** See {@linkcode TOKEN_REQUEST_SCHEMA}. */
export type TokenRequest = v.InferOutput<typeof TOKEN_REQUEST_SCHEMA>;

/** The body of `POST /api/v1/tokens/rotate`. */
export const ROTATE_SCHEMA = v.strictObject({
  which: v.picklist(BUILT_IN_TOKENS, `must be one of ${BUILT_IN_TOKENS.join(", ")}`),
  graceMs: v.optional(
    v.pipe(v.number(GRACE_RULE), v.minValue(0, GRACE_RULE), v.maxValue(MAX_GRACE_MS, GRACE_RULE)),
    0,
  ),
}, "must be an object");

const VIEW = {
  id: v.string(),
  role: v.picklist(TOKEN_ROLES),
  user: v.string(),
  createdAtMs: v.number(),
  createdBy: v.string(),
  expiresAtMs: v.nullable(v.number()),
  lastUsedAtMs: v.nullable(v.number()),
};

/** See {@linkcode TokenView}. */
export const TOKEN_SCHEMA = v.strictObject(VIEW);

/** See {@linkcode NewToken}. */
export const NEW_TOKEN_SCHEMA = v.strictObject({ ...VIEW, token: v.string() });

/** The id that a token claims; null when it is none of those that are given out. */
export function claimedTokenId(token: string): string | null {
  return /^iris\.([0-9a-f]{12})\.[0-9a-f]{64}$/.exec(token)?.[1] ?? null;
}
