/** Tokens that an admin gives to users, viewers and machines: what is asked and what is shown. */
import * as v from "valibot";

/** What a token that is given out can be good for. */
export const TOKEN_ROLES = ["admin", "user", "viewer", "worker", "vm-manager"] as const;

/** See {@linkcode TOKEN_ROLES}. */
export type TokenRole = (typeof TOKEN_ROLES)[number];

/** What a caller may be; tasks have tokens that nobody gives out. */
export type Role = TokenRole | "task";

/** The two tokens that each cluster has from its first start. */
export const BUILT_IN_TOKENS = ["admin", "worker"] as const;

/** See {@linkcode BUILT_IN_TOKENS}. */
export type BuiltInToken = (typeof BUILT_IN_TOKENS)[number];

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

/** The id that a token claims; null when it is none of those that are given out. */
export function claimedTokenId(token: string): string | null {
  return /^iris\.([0-9a-f]{12})\.[0-9a-f]{64}$/.exec(token)?.[1] ?? null;
}
