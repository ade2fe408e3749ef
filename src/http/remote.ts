/** What the listener knows of a call. */
import type { Context } from "hono";
import type { CallFacts } from "../host/http_server.ts";

/** What the server's listener tells of a call beside the call itself; nothing where nobody listens. */
export interface CallBindings extends Partial<CallFacts> {
  /** Aborts when the server stops: nothing is waited for then. */
  readonly closing?: AbortSignal;
}

/** What ends the reading of a body, and who is told then. */
export function readingOf(c: Context): Pick<CallBindings, "closing" | "leftUnread"> {
  return (c.env as CallBindings | undefined) ?? {};
}

/** The address that a call comes from; `unknown` where nobody listens, in tests. */
export function remoteOf(c: Context): string {
  return (c.env as CallBindings | undefined)?.remote ?? "unknown";
}
