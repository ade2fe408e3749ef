/** The part of the SDK that is about tokens. */
import type { BuiltInToken, TokenRole } from "../wire/token_roles.ts";
import type { NewToken, TokenView, WhoAmI } from "../wire/tokens.ts";
import type { CallJson } from "./fleet_client.ts";

/** What a token is to be good for. */
export interface NewTokenOptions {
  readonly user: string;
  readonly role: TokenRole;
  /** Good for so long, in ms; for ever when left out. */
  readonly expiresInMs?: number;
}

/** Tokens of a cluster. Only an admin may do anything here but ask who one is. */
export class TokenClient {
  readonly #call: CallJson;

  /** @param call calls the API */
  constructor(call: CallJson) {
    this.#call = call;
  }

  /** What the token of this client is good for. */
  whoami(): Promise<WhoAmI> {
    return this.#call("GET", "/api/v1/whoami");
  }

  /** Tokens that were given out and not revoked. */
  list(): Promise<TokenView[]> {
    return this.#call("GET", "/api/v1/tokens");
  }

  /** Gives one out; what it is like is told this once. */
  create(options: NewTokenOptions): Promise<NewToken> {
    return this.#call("POST", "/api/v1/tokens", { body: options });
  }

  /** Takes one back: it is good for nothing once this resolves. @throws {IrisError} `not_found` */
  revoke(id: string): Promise<TokenView> {
    return this.#call("POST", `/api/v1/tokens/${encodeURIComponent(id)}/revoke`);
  }

  /** A new token in the place of one that each cluster has. */
  rotate(which: BuiltInToken, of: { readonly graceMs?: number } = {}): Promise<{ token: string }> {
    return this.#call("POST", "/api/v1/tokens/rotate", { body: { which, ...of } });
  }
}
