/** What tests of owners begin with. */
import { Owner } from "../../src/lifecycle/owner.ts";
import type { StopReport } from "../../src/lifecycle/part.ts";
import { FakeClock } from "../fakes/fake_clock.ts";
import { StepLog } from "../fakes/fake_part.ts";

/** A root on a fake clock, a log for fake parts, and what the root was told. */
export function setUp() {
  const clock = new FakeClock();
  const failures: { error: unknown; path: string }[] = [];
  const late: unknown[] = [];
  const root = Owner.root("root", {
    clock,
    onFailure: (error, path) => failures.push({ error, path }),
    onLate: (error) => late.push(error),
  });
  return { clock, root, failures, late, log: new StepLog(clock) };
}

/** Outcome and rung of each node, by name. */
export function outcomes(report: StopReport): Record<string, string> {
  const below = report.children.map((child) => outcomes(child));
  return Object.assign({ [report.name]: `${report.outcome} ${report.rung}` }, ...below);
}
