import { assertEquals } from "@std/assert";
import { OomKills } from "../../src/host/oom_kills.ts";

/** The kernel's counters, and how often they were read. */
class Vmstat {
  kills = 7;
  reads = 0;
  text = () => {
    this.reads++;
    return `pgfault 1\noom_kill ${this.kills}\nnuma_hit 3\n`;
  };
}

Deno.test("while nothing is killed nobody has to look twice, and the counter is read now and then", () => {
  const vmstat = new Vmstat();
  const kills = new OomKills({ freshMs: 200, lingerMs: 1_000, read: vmstat.text });
  assertEquals(kills.maybeSince(-Infinity, 0), true, "what was before the first look is not known");
  for (let at = 1_000; at < 2_000; at += 10) assertEquals(kills.maybeSince(1_000, at), false);
  assertEquals(vmstat.reads, 6);
});

Deno.test("a kill is told to everyone who looked before it was seen, and once more after", () => {
  const vmstat = new Vmstat();
  const kills = new OomKills({ freshMs: 200, lingerMs: 1_000, read: vmstat.text });
  kills.maybeSince(-Infinity, 0);
  assertEquals(kills.maybeSince(4_000, 5_000), false);
  vmstat.kills++;
  assertEquals(kills.maybeSince(4_000, 5_100), false, "seen with the next reading");
  assertEquals(kills.maybeSince(4_000, 5_200), true);
  assertEquals(kills.maybeSince(5_000, 6_000), true, "however late it asks");
  assertEquals(
    kills.maybeSince(5_250, 6_250),
    true,
    "the cgroup may have counted it after that look",
  );
  assertEquals(kills.maybeSince(6_250, 7_250), false);
});

Deno.test("where the kernel does not count, everyone looks for themselves", () => {
  const silent = new OomKills({ freshMs: 200, lingerMs: 1_000, read: () => "pgfault 1\n" });
  const none = new OomKills({
    ...{ freshMs: 200, lingerMs: 1_000 },
    read: () => Deno.readTextFileSync("/nonexistent/vmstat"),
  });
  for (const kills of [silent, none]) {
    for (const at of [0, 5_000, 10_000]) assertEquals(kills.maybeSince(at, at), true);
  }
});
