/** Counts decisions that change how many slices a group is to have. Owned by the autoscaler's loop. */
import { countUp } from "../base/metrics.ts";
import type { GroupDecision } from "./group_plan.ts";

/** What a decision comes from. */
type DecisionReason = "pending" | "reserve" | "surplus" | "enough";

/** See the head of this file. */
export class CountedDecisions {
  readonly #counts = new Map<string, number>();

  /** Takes in what was decided; the same again is no decision. */
  see(decisions: readonly GroupDecision[]): void {
    for (const decision of decisions) {
      const { group, count } = decision;
      if (this.#counts.get(group) === count) continue;
      this.#counts.set(group, count);
      const reason = reasonOf(decision);
      // A group that is heard of for the first time and has what it needs.
      if (reason !== "enough") countUp("iris_autoscaler_decisions_total", 1, group, reason);
    }
  }
}

/** The text of a decision is for people: what it comes from follows from its figures. */
function reasonOf({ asked, have, count, remove }: GroupDecision): DecisionReason {
  if (remove.length > 0 || count < have) return "surplus";
  if (asked > 0) return "pending";
  return count > have ? "reserve" : "enough";
}
