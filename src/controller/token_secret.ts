/** The secret of a token that is given out: shown once, and stored only as what it is compared with. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { newToken, randomHex } from "../base/ids.ts";

/** A new token, its id, and what is stored of it. */
export function newSecret(): { token: string; id: string; hash: string } {
  const id = randomHex(6);
  const token = `iris.${id}.${newToken()}`;
  return { token, id, hash: hashOf(token) };
}

/**
 * What is stored of a token. A token has 256 random bits, so nobody finds it by trying, and nothing
 * slower than a hash is needed.
 */
export function hashOf(token: string): string {
  return bytesToHex(sha256(new TextEncoder().encode(token)));
}
