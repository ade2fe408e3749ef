/** A token that was given out, as its row has it. */
import type { TokenRole } from "../wire/token_roles.ts";
import type { TokenView } from "../wire/tokens.ts";
import { numberOrNull, type Row } from "./job_row.ts";

/** See the head of this file. */
export interface TokenRow extends TokenView {
  /** The SHA-256 of the whole token, in hex. */
  readonly hash: string;
}

/** A row as it comes from the table. */
export function tokenRowOf(row: Row): TokenRow {
  return {
    id: String(row.id),
    // Written by this program from checked values.
    role: String(row.role) as TokenRole,
    user: String(row.user),
    createdAtMs: Number(row.created_ms),
    createdBy: String(row.created_by),
    expiresAtMs: numberOrNull(row.expires_ms),
    lastUsedAtMs: numberOrNull(row.used_ms),
    hash: String(row.hash),
  };
}
