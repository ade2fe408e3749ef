import { assertEquals } from "@std/assert";
import { fromBase64, toBase64 } from "../../src/base/base64.ts";

/** Takes away what an older engine does not have. */
function without<T>(body: () => T): T {
  const from = Uint8Array.fromBase64;
  const to = Uint8Array.prototype.toBase64;
  Object.assign(Uint8Array, { fromBase64: undefined });
  Object.assign(Uint8Array.prototype, { toBase64: undefined });
  try {
    return body();
  } finally {
    Object.assign(Uint8Array, { fromBase64: from });
    Object.assign(Uint8Array.prototype, { toBase64: to });
  }
}

Deno.test("bytes survive base64 in engines that have it built in and in those that do not", () => {
  const bytes = Uint8Array.from({ length: 300 }, (_, i) => i % 256);
  const built = toBase64(bytes);
  const made = without(() => toBase64(bytes));
  assertEquals(made, built);
  assertEquals(fromBase64(built), bytes);
  assertEquals(without(() => fromBase64(built)), bytes);
});
