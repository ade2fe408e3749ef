/** The SHA-256 of bytes that come bit by bit. */
import type { Hash } from "node:crypto";

/** A sum to be updated. What makes it takes as long to load as an isolate: so when it is needed. */
export async function sha256(): Promise<Hash> {
  const { createHash } = await import("node:crypto");
  return createHash("sha256");
}
