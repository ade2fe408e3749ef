import { assertEquals } from "@std/assert";
import { HealthWatch } from "../../src/worker/health_watch.ts";
import { FakeClock } from "../fakes/fake_clock.ts";

Deno.test("a host that becomes unwell is told once, and once more when it is well again", async () => {
  const clock = new FakeClock();
  const told: (string | null)[] = [];
  let state: string | null = null;
  const watch = new HealthWatch(clock, {
    check: () => Promise.resolve(state),
    changed: (problem) => told.push(problem),
  });
  const abort = new AbortController();
  const run = watch.run(abort.signal);
  await clock.advanceAsync(20_000);
  assertEquals([told, watch.problem], [[], null]);
  state = "full";
  await clock.advanceAsync(20_000);
  state = "fuller";
  await clock.advanceAsync(20_000);
  assertEquals([told, watch.problem], [["full"], "fuller"]);
  state = null;
  await clock.advanceAsync(5_000);
  assertEquals([told, watch.problem], [["full", null], null]);
  abort.abort();
  await run;
});

Deno.test("a check that throws means unwell, and a watch without a check says nothing", async () => {
  const clock = new FakeClock();
  const told: (string | null)[] = [];
  const changed = (problem: string | null) => void told.push(problem);
  const abort = new AbortController();
  const check = () => Promise.reject(new Error("cannot look"));
  const run = new HealthWatch(clock, { check, changed }).run(abort.signal);
  await clock.advanceAsync(100);
  await new HealthWatch(clock, { changed }).run(abort.signal);
  assertEquals(told, ["cannot look"]);
  abort.abort();
  await run;
});
