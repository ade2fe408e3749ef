/**
 * The token by which a task speaks for its job: made from the job and a secret of the controller, so
 * that nothing of it is stored. Used by the core, which gives it, and by the server, which checks it.
 */
import { createHmac } from "node:crypto";

/** Which job a token speaks for. */
export interface TokenJob {
  readonly generation: number;
  /** Its full name: a generation alone may mean another job once a backup was restored. */
  readonly job: string;
}

/** The token of a job. @param secret the controller's own */
export function taskToken(secret: string, { generation, job }: TokenJob): string {
  const mac = createHmac("sha256", secret).update(`${generation} ${job}`).digest("hex");
  return `task.${generation}.${mac}`;
}

/** The generation that a token claims to speak for; null when it is not of this kind. */
export function claimedGeneration(token: string): number | null {
  const match = /^task\.(\d{1,15})\.[0-9a-f]{64}$/.exec(token);
  return match === null ? null : Number(match[1]);
}
