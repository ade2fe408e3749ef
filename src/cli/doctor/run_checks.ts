/** Runs checks side by side, each within its time; none of them can spoil the others. */
import type { Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { fail, type Finding } from "./finding.ts";

/** Something to look at. Its signal aborts when its time is over. */
export interface Check {
  /** What is said of it when it gives no finding. */
  readonly name: string;
  run(signal: AbortSignal): Promise<readonly Finding[]> | readonly Finding[];
}

/** How long one check may take, in ms. */
export const CHECK_MS = 10_000;

/** All findings, in the order of the checks. */
export async function runChecks(checks: readonly Check[], clock: Clock): Promise<Finding[]> {
  return (await Promise.all(checks.map((check) => runOne(check, clock)))).flat();
}

async function runOne({ name, run }: Check, clock: Clock): Promise<readonly Finding[]> {
  const abort = new AbortController();
  const late = Promise.withResolvers<readonly Finding[]>();
  const timer = clock.setTimer(CHECK_MS, () => {
    abort.abort();
    late.resolve([
      fail(name, {
        says: `nothing was found out within ${CHECK_MS / 1_000} s`,
        remedy: "look why it hangs",
      }),
    ]);
  });
  try {
    return await Promise.race([late.promise, run(abort.signal)]);
  } catch (error) {
    return [
      fail(name, {
        says: `it could not be looked at: ${messageOf(error)}`,
        remedy: "look for yourself",
      }),
    ];
  } finally {
    timer.cancel();
  }
}
