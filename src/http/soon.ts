/** Waiting for something, but not for long. */
import { sleep, systemClock } from "../base/clock.ts";

/** What a promise resolves to, or null when that takes longer than `ms`; it goes on then. */
export async function soon<T>(promise: Promise<T>, ms: number): Promise<T | null> {
  const enough = new AbortController();
  const late = sleep(systemClock, ms, enough.signal).then(() => null);
  try {
    return await Promise.race([promise, late]);
  } finally {
    enough.abort();
    await late;
  }
}
