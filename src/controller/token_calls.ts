/** The controller's server, as far as tokens go: what is stored of them is read, changes go to the core. */
import type { StoreReader } from "../store/reader.ts";
import type { TokenRow } from "../store/token_row.ts";
import type { TokensApi } from "./tokens_api.ts";

/** See the head of this file. */
export class TokenCalls implements TokensApi {
  readonly #reader: StoreReader;

  /** @param reader owned by whoever made it */
  constructor(reader: StoreReader) {
    this.#reader = reader;
  }

  find(id: string): TokenRow | null {
    return this.#reader.token(id);
  }
}
