/** The controller's server, as far as tokens go: what is stored of them is read, changes go to the core. */
import type { Clock } from "../base/clock.ts";
import { IrisError } from "../base/errors.ts";
import { newToken } from "../base/ids.ts";
import type { StoreReader } from "../store/reader.ts";
import type { TokenRow } from "../store/token_row.ts";
import type { Actor, AuditEntry } from "../wire/audit.ts";
import type { BuiltInToken } from "../wire/token_roles.ts";
import type { NewToken, TokenRequest, TokenView } from "../wire/tokens.ts";
import type { ServerToCore, ServerToMain } from "./messages.ts";
import { newSecret } from "./token_secret.ts";
import type { TokensApi } from "./tokens_api.ts";

/** When a token was used is noted this often, in ms. */
const USE_NOTED_MS = 5 * 60_000;
/** The most tokens at a time. */
const MAX_TOKENS = 10_000;

/** What they are asked by. */
export interface TokenCallsOptions {
  /** Owned by whoever made it. */
  readonly reader: StoreReader;
  readonly clock: Clock;
  /** Asks the core, or tells it something that is not answered. */
  readonly core: {
    ask(message: (id: number) => ServerToCore): Promise<unknown>;
    tell(message: ServerToCore): void;
  };
  /** Asks main. */
  readonly main: (message: (id: number) => ServerToMain) => Promise<unknown>;
}

/** See the head of this file. */
export class TokenCalls implements TokensApi {
  readonly #options: TokenCallsOptions;
  /** When a use was noted last, by token. */
  readonly #noted = new Map<string, number>();

  /** @param options what they are asked by */
  constructor(options: TokenCallsOptions) {
    this.#options = options;
  }

  find(id: string): TokenRow | null {
    return this.#options.reader.token(id);
  }

  list(): TokenView[] {
    return this.#options.reader.tokens().map(tokenView);
  }

  async create({ role, user, expiresInMs }: TokenRequest, by: Actor): Promise<NewToken> {
    const { reader, clock, core } = this.#options;
    if (reader.tokens().length >= MAX_TOKENS) {
      const message = `There are ${MAX_TOKENS} tokens already: revoke those that nobody uses`;
      throw new IrisError("conflict", message);
    }
    const { id, token, hash } = newSecret();
    const nowMs = clock.wall();
    const row: TokenRow = {
      ...{ id, hash, role, user, createdAtMs: nowMs, createdBy: by.user ?? by.role },
      ...{ expiresAtMs: expiresInMs === null ? null : nowMs + expiresInMs, lastUsedAtMs: null },
    };
    await core.ask((call) => ({ type: "create_token", id: call, row, by }));
    return { ...tokenView(row), token };
  }

  async revoke(id: string, by: Actor): Promise<TokenView> {
    const token = this.find(id);
    if (token === null) {
      throw new IrisError("not_found", `No such token: ${id}`, { field: "id" });
    }
    await this.#options.core.ask((call) => ({ type: "revoke_token", id: call, token, by }));
    this.#noted.delete(id);
    return tokenView(token);
  }

  async rotate(which: BuiltInToken, { graceMs }: { graceMs: number }): Promise<{ token: string }> {
    const token = newToken();
    await this.#options.main((id) => ({ type: "rotate_token", id, which, token, graceMs }));
    return { token };
  }

  used({ id, lastUsedAtMs }: TokenRow): void {
    const nowMs = this.#options.clock.wall();
    const noted = Math.max(this.#noted.get(id) ?? -Infinity, lastUsedAtMs ?? -Infinity);
    if (nowMs - noted < USE_NOTED_MS) return;
    this.#noted.set(id, nowMs);
    this.#options.core.tell({ type: "tokens_used", uses: [[id, nowMs]] });
  }

  async audit(entry: AuditEntry): Promise<void> {
    await this.#options.core.ask((id) => ({ type: "audit", id, entry }));
  }
}

/** What is shown of a token. */
export function tokenView({ hash: _, ...view }: TokenRow): TokenView {
  return view;
}
