/** What callers may be, and the tokens that each cluster has from its first start. */

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
