/** Tokens in memory. */
import { newSecret } from "../../src/controller/token_secret.ts";
import type { TokenRow } from "../../src/store/token_row.ts";
import { tokenView } from "../../src/controller/token_calls.ts";
import type { TokensApi } from "../../src/controller/tokens_api.ts";
import { IrisError } from "../../src/base/errors.ts";
import type { Actor, AuditEntry } from "../../src/wire/audit.ts";
import type { BuiltInToken, TokenRole } from "../../src/wire/token_roles.ts";
import type { NewToken, TokenRequest, TokenView } from "../../src/wire/tokens.ts";

/** Gives out tokens, and knows them again. */
export class FakeTokens implements TokensApi {
  readonly rows = new Map<string, TokenRow>();
  /** What was written down. */
  readonly audited: AuditEntry[] = [];
  /** What was rotated. */
  readonly rotated: BuiltInToken[] = [];

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

  list(): TokenView[] {
    return [...this.rows.values()].map(tokenView);
  }

  create({ role, user, expiresInMs }: TokenRequest, by: Actor): Promise<NewToken> {
    const expiresAtMs = expiresInMs === null ? null : 1_700_000_000_000 + expiresInMs;
    const token = this.give(role, user, { createdBy: by.user ?? by.role, expiresAtMs });
    return Promise.resolve({ ...tokenView(this.rows.get(token.split(".")[1]!)!), token });
  }

  revoke(id: string): Promise<TokenView> {
    const row = this.rows.get(id);
    if (row === undefined) {
      return Promise.reject(new IrisError("not_found", `No such token: ${id}`, { field: "id" }));
    }
    this.rows.delete(id);
    return Promise.resolve(tokenView(row));
  }

  rotate(which: BuiltInToken): Promise<{ token: string }> {
    this.rotated.push(which);
    return Promise.resolve({ token: "n".repeat(64) });
  }

  used(token: TokenRow): void {
    this.rows.set(token.id, { ...token, lastUsedAtMs: 2_000 });
  }

  audit(entry: AuditEntry): Promise<void> {
    this.audited.push(entry);
    return Promise.resolve();
  }
}
