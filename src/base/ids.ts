/** Ids and tokens. The one home of ambient identity. */

/** Lower-case hex of `bytes` random bytes from the system's secure source. */
export function randomHex(bytes: number): string {
  const raw = crypto.getRandomValues(new Uint8Array(bytes));
  return Array.from(raw, (b) => b.toString(16).padStart(2, "0")).join("");
}

/** A short id for a cluster: 8 hex digits. */
export function newClusterId(): string {
  return randomHex(4);
}

/** A bearer token: 32 random bytes in hex. */
export function newToken(): string {
  return randomHex(32);
}
