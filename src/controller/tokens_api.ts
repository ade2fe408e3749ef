/** What the controller's server knows of tokens that were given out, and can ask about them. */
import type { TokenRow } from "../store/token_row.ts";
import type { Actor, AuditEntry } from "../wire/audit.ts";
import type { BuiltInToken } from "../wire/token_roles.ts";
import type { NewToken, TokenRequest, TokenView } from "../wire/tokens.ts";

/** See the head of this file. Every method may throw an `IrisError`. */
export interface TokensApi {
  /** A token as it is stored: of the secret only what it is compared with. Null when there is none. */
  find(id: string): TokenRow | null;
  /** All that were given out and not revoked, oldest first. */
  list(): TokenView[];
  /** Durable before it resolves, with the one time that the secret is shown. @throws `conflict` */
  create(request: TokenRequest, by: Actor): Promise<NewToken>;
  /** It is good for nothing once this resolves. @throws `not_found` */
  revoke(id: string, by: Actor): Promise<TokenView>;
  /** A new token in the place of one that each cluster has. */
  rotate(which: BuiltInToken, of: { graceMs: number }): Promise<{ token: string }>;
  /** A token was shown; noted to a few minutes. */
  used(token: TokenRow): void;
  /** Writes down what somebody did; durable before it resolves. */
  audit(entry: AuditEntry): Promise<void>;
}
