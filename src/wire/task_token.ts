/**
 * The token by which a task speaks for its job: made from the job and a secret of the controller, so
 * that nothing of it is stored. Used by the core, which gives it, and by the server, which checks it.
 */
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

const encoder = new TextEncoder();

/** Which job a token speaks for. */
export interface TokenJob {
  readonly generation: number;
  /** Its full name: a generation alone may mean another job once a backup was restored. */
  readonly job: string;
}

/** The token of a job. @param secret the controller's own */
export function taskToken(secret: string, { generation, job }: TokenJob): string {
  const mac = hmac(sha256, encoder.encode(secret), encoder.encode(`${generation} ${job}`));
  return `task.${generation}.${bytesToHex(mac)}`;
}

/** The generation that a token claims to speak for; null when it is not of this kind. */
export function claimedGeneration(token: string): number | null {
  const match = /^task\.(\d{1,15})\.[0-9a-f]{64}$/.exec(token);
  return match === null ? null : Number(match[1]);
}
