/** Tokens in memory. */
import { newSecret } from "../../src/controller/token_secret.ts";
import type { TokenRow } from "../../src/store/token_row.ts";
import type { TokensApi } from "../../src/controller/tokens_api.ts";
import type { TokenRole } from "../../src/wire/tokens.ts";

/** Gives out tokens, and knows them again. */
export class FakeTokens implements TokensApi {
  readonly rows = new Map<string, TokenRow>();

  find(id: string): TokenRow | null {
    return this.rows.get(id) ?? null;
  }

  /** A new token, as its user has it. */
  give(role: TokenRole, user: string, more: Partial<TokenRow> = {}): string {
    const { token, id, hash } = newSecret();
    this.rows.set(id, {
      ...{ id, hash, role, user, createdAtMs: 1_000, createdBy: "admin" },
      ...{ expiresAtMs: null, lastUsedAtMs: null, ...more },
    });
    return token;
  }
}
