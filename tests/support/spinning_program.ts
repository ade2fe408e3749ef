/**
 * A program with an isolate that never yields, which no call can end: it stops its tree, prints what
 * was seen as JSON, and must end the process itself. Its argument names the isolate's module.
 */
import { systemClock } from "../../src/base/clock.ts";
import { messageOf } from "../../src/base/errors.ts";
import { isolatePart } from "../../src/lifecycle/isolate.ts";
import { Owner } from "../../src/lifecycle/owner.ts";

const module = Deno.args[0] ?? "spins";
const root = Owner.root("root", { clock: systemClock });
const spinner = isolatePart({
  name: "spinner",
  module: new URL(`./isolates/${module}.ts`, import.meta.url),
  config: undefined,
  startTimeoutMs: module === "spins_at_load" ? 1500 : 5000,
  stallMs: 300,
  restart: { limit: 0, windowMs: 1000, minBackoffMs: 1, maxBackoffMs: 1 },
});
try {
  await root.own(spinner);
} catch (failure) {
  console.log(JSON.stringify({ failure: messageOf(failure) }));
  Deno.exit(0);
}
const end = performance.now() + 3000;
while (root.tree().children[0]?.stalled !== true && performance.now() < end) {
  await new Promise((resolve) => setTimeout(resolve, 20));
}
const stalled = root.tree().children[0]?.stalled;
const report = await root.stop(500, "shutdown");
const { outcome, rung, leftovers } = report.children[0] ?? report;
console.log(JSON.stringify({ stalled, outcome, rung, leftovers, tookMs: report.tookMs }));
Deno.exit(0);
