/**
 * Tokens that are given out and taken back, and what people did. Nothing of it is kept in the core:
 * whoever checks a token reads the store, so both are effective with the commit. A part of the reactor.
 */
import type { EventRow } from "../store/rows.ts";
import type { AuditCall, CreateTokenCall, RevokeTokenCall, TokensUsed } from "./token_messages.ts";
import type { Turn } from "./turn.ts";

/** From its commit on a token is good for what it is for. */
export function createToken(turn: Turn, { id, row, by }: CreateTokenCall): void {
  const { id: token, role, user, expiresAtMs } = row;
  turn.log.tokens.given.push(row);
  tell(turn, "token_created", { by, token, role, user, expiresAtMs });
  turn.log.answers.push({ type: "done", id });
}

/** From its commit on a token is good for nothing. */
export function revokeToken(turn: Turn, { id, token, by }: RevokeTokenCall): void {
  turn.log.tokens.revoked.push(token.id);
  tell(turn, "token_revoked", { by, token: token.id, role: token.role, user: token.user });
  turn.log.answers.push({ type: "done", id });
}

/** Notes when tokens were used. */
export function noteUses({ log }: Turn, { uses }: TokensUsed): void {
  log.tokens.used.push(...uses);
}

/** Writes down what somebody did. */
export function audit(turn: Turn, { id, entry: { job, worker, ...data } }: AuditCall): void {
  tell(turn, "audit", data, { job, worker });
  turn.log.answers.push({ type: "done", id });
}

function tell(
  { log, now }: Turn,
  kind: EventRow["kind"],
  data: Record<string, unknown>,
  of: { job: string | null; worker: string | null } = { job: null, worker: null },
): void {
  log.events.push({ atMs: now.wallMs, kind, generation: null, ...of, data });
}
