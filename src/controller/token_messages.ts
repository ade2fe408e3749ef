/** Calls about tokens, and about what people did, as the core gets them. Plain data. */
import type { TokenRow } from "../store/token_row.ts";
import type { Actor, AuditEntry } from "../wire/audit.ts";

/** A call to give a token out. */
export interface CreateTokenCall {
  readonly id: number;
  readonly row: TokenRow;
  readonly by: Actor;
}

/** A call to take one back that there is. */
export interface RevokeTokenCall {
  readonly id: number;
  readonly token: TokenRow;
  readonly by: Actor;
}

/** When tokens were used last. */
export interface TokensUsed {
  readonly uses: readonly (readonly [token: string, atMs: number])[];
}

/** Something to be written down, and told to nobody but those who read events. */
export interface AuditCall {
  readonly id: number;
  readonly entry: AuditEntry;
}
