/** Which boot of the machine this is. */
import { randomHex } from "../base/ids.ts";

/** The same text from one boot of the machine to the next; where nobody knows, a new one each time. */
export function bootId(): string {
  try {
    return Deno.readTextFileSync("/proc/sys/kernel/random/boot_id").trim();
  } catch {
    return randomHex(16);
  }
}
