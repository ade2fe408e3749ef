/** What the controller's server knows of tokens that were given out. */
import type { TokenRow } from "../store/token_row.ts";

/** See the head of this file. */
export interface TokensApi {
  /** A token as it is stored: of the secret only what it is compared with. Null when there is none. */
  find(id: string): TokenRow | null;
}
