/** What the doctor found: one line each, with what to do about it. Pure. */

/** How bad it is: `warn` is what may surprise later, `fail` what does not work now. */
export type Verdict = "ok" | "warn" | "fail";

/** One thing that was looked at. */
export interface Finding {
  /** What was looked at, in a word or two. */
  readonly check: string;
  readonly verdict: Verdict;
  /** What was seen, and what that means: one line. */
  readonly says: string;
  /** What to do; empty where there is nothing to be done. */
  readonly remedy: string;
}

/** It is well. */
export function ok(check: string, says: string): Finding {
  return { check, verdict: "ok", says, remedy: "" };
}

/** It works, and may surprise. */
export function warn(check: string, of: { says: string; remedy: string }): Finding {
  return { check, verdict: "warn", ...of };
}

/** It does not work. */
export function fail(check: string, of: { says: string; remedy: string }): Finding {
  return { check, verdict: "fail", ...of };
}
