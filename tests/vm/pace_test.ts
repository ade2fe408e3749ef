import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { seededRandom } from "../../src/base/random.ts";
import { Pace, QUOTA_MS, WINDOW_MS } from "../../src/vm/pace.ts";
import { TokenBucket } from "../../src/base/token_bucket.ts";

const MINUTE = 60_000;

function pace(more: { createsPerMinute?: number; health?: boolean; seed?: number } = {}): Pace {
  const { createsPerMinute = 60, health = true, seed = 1 } = more;
  return new Pace({
    limits: { createsPerMinute, deletesPerMinute: 4 },
    random: seededRandom(seed),
    nowMs: 0,
    health,
  });
}

/** How many may be asked for between two times, looked at each second. */
function taken(of: Pace, fromMs: number, toMs: number): number {
  let count = 0;
  for (let now = fromMs; now < toMs; now += 1_000) while (of.takeCreate(now, null)) count++;
  return count;
}

/** Outcomes, the bad ones first, all at one time. */
function fared(of: Pace, outcomes: { bad: number; good: number }, nowMs = 0): void {
  for (let i = 0; i < outcomes.bad; i++) of.outcome(true, { nowMs, reason: "no boot" });
  for (let i = 0; i < outcomes.good; i++) of.outcome(false, { nowMs, reason: "" });
}

Deno.test("a bucket gives a quarter of a minute's at once, then as many as time brings", () => {
  const bucket = new TokenBucket(60, 0);
  let count = 0;
  while (bucket.take(0)) count++;
  assertEquals(count, 15);
  assertEquals([bucket.take(999), bucket.take(1_000), bucket.take(1_000)], [false, true, false]);
  const rare = new TokenBucket(1, 0);
  assertEquals([rare.take(0), rare.take(0), rare.take(MINUTE)], [true, false, true]);
  const free = new TokenBucket(Infinity, 0);
  for (let i = 0; i < 10_000; i++) assert(free.take(0));
});

Deno.test("however it is asked, a bucket gives no more than its burst and its rate", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 600 }),
    fc.array(fc.nat({ max: 5_000 }), { maxLength: 200 }),
    (perMinute, gaps) => {
      const bucket = new TokenBucket(perMinute, 0);
      let [now, count] = [0, 0];
      for (const gap of gaps) {
        now += gap;
        while (bucket.take(now)) count++;
        assert(count <= Math.max(1, perMinute / 4) + now * perMinute / MINUTE + 1e-6);
      }
    },
  ));
});

Deno.test("groups share one bucket as well, and one that is refused there loses nothing", () => {
  const [one, two, shared] = [pace(), pace(), new TokenBucket(8, 0)];
  assertEquals([one.takeCreate(0, shared), two.takeCreate(0, shared)], [true, true]);
  assertEquals([one.takeCreate(0, shared), two.takeCreate(0, shared)], [false, false]);
  let left = 0;
  while (one.takeCreate(0, null)) left++;
  assertEquals(left, 14);
});

Deno.test("a failure makes the next wait, longer each time, until one is ready", () => {
  const one = pace({ health: false });
  const waits = [0, 1, 2, 3].map((at) => {
    one.outcome(true, { nowMs: at * MINUTE, reason: `failure ${at}` });
    const { state, untilMs, reason } = one.availability(at * MINUTE, at * MINUTE);
    assertEquals([state, reason], ["backoff", `failure ${at}`]);
    assertEquals(one.takeCreate(at * MINUTE, null), false);
    return untilMs! - at * MINUTE;
  });
  for (const [at, wait] of waits.entries()) assert(wait >= 125 * 2 ** at && wait <= 250 * 2 ** at);
  one.ready();
  assertEquals(one.availability(4 * MINUTE, 0), { state: "ok", untilMs: null, reason: "" });
  one.outcome(true, { nowMs: 5 * MINUTE, reason: "again" });
  assert(one.availability(5 * MINUTE, 0).untilMs! <= 250);
});

Deno.test("without quota nothing is asked for a while; a success ends that at once", () => {
  const one = pace();
  one.noQuota(0, "no more h100");
  assertEquals(one.availability(0, 7), {
    state: "quota",
    untilMs: 7 + QUOTA_MS,
    reason: "no more h100",
  });
  assertEquals(one.takeCreate(QUOTA_MS - 1, null), false);
  assertEquals(one.takeCreate(QUOTA_MS, null), true);
  one.noQuota(QUOTA_MS, "again");
  one.accepted();
  assertEquals(one.availability(QUOTA_MS, 0).state, "ok");
});

Deno.test("fewer than three outcomes say nothing, whatever they are", () => {
  const one = pace();
  fared(one, { bad: 2, good: 0 });
  assertEquals([one.availability(MINUTE, 0).state, one.mayShrink(MINUTE)], ["ok", true]);
});

Deno.test("the share of bad outcomes slows a group down, in bands, and halts it", () => {
  const rates = [[1, 9], [2, 8], [5, 5], [8, 2]].map(([bad, good]) => {
    const one = pace();
    taken(one, 0, 1_000);
    fared(one, { bad: bad!, good: good! });
    one.ready();
    const { state } = one.availability(MINUTE, 0);
    // The first minute takes what had gathered before.
    taken(one, MINUTE, 2 * MINUTE);
    return [state, taken(one, 2 * MINUTE, 4 * MINUTE), one.mayShrink(2 * MINUTE)];
  });
  assertEquals(rates, [
    ["ok", 120, true],
    ["slowed", 60, true],
    ["slowed", 12, true],
    ["halted", 0, false],
  ]);
});

Deno.test("after a halt one slice is tried; when it fails as well the halt is twice as long", () => {
  const one = pace();
  fared(one, { bad: 3, good: 0 });
  assertEquals(one.availability(0, 0), {
    state: "halted",
    untilMs: 5 * MINUTE,
    reason: "3 of the last 3 slices failed or died young",
  });
  assertEquals(taken(one, 0, 5 * MINUTE), 0);
  assertEquals(taken(one, 5 * MINUTE, 7 * MINUTE), 1);
  one.outcome(true, { nowMs: 7 * MINUTE, reason: "no boot" });
  assertEquals(one.availability(7 * MINUTE, 0).untilMs, 10 * MINUTE);
  assertEquals(taken(one, 7 * MINUTE, 17 * MINUTE), 0);
  assertEquals(taken(one, 17 * MINUTE, 20 * MINUTE), 1);
  // It is withdrawn before anybody knows: another may be tried.
  one.withdrawn();
  assertEquals(taken(one, 20 * MINUTE, 21 * MINUTE), 1);
  fared(one, { bad: 0, good: 2 }, 21 * MINUTE);
  assertEquals(one.availability(21 * MINUTE, 0).state, "slowed");
});

Deno.test("what is older than half an hour is forgotten", () => {
  const one = pace();
  fared(one, { bad: 9, good: 0 });
  assertEquals(one.availability(WINDOW_MS + 1, 0).state, "ok");
});

Deno.test("a refusal that is not for want of quota only makes the next wait", () => {
  const one = pace();
  for (let i = 0; i < 9; i++) one.refused(0, "the API is down");
  assertEquals(one.availability(0, 0).state, "backoff");
  assertEquals(one.availability(MINUTE, 0).state, "ok");
});
