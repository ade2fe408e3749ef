/** Where a call comes from. */
import type { Context } from "hono";

/** What the server's listener tells of a call beside the call itself. */
export interface CallBindings {
  /** The caller's address; a proxy's, where there is one in between. */
  readonly remote?: string;
}

/** The address that a call comes from; `unknown` where nobody listens, in tests. */
export function remoteOf(c: Context): string {
  return (c.env as CallBindings | undefined)?.remote ?? "unknown";
}
