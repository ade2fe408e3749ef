import { assertEquals } from "@std/assert";
import { Lease } from "../../src/worker/lease.ts";

Deno.test("a controller is lost when the span passes, once, and looked for each time it passes again", () => {
  const lease = new Lease(100);
  assertEquals(lease.look(1_000_000), "held", "before the first registration nothing is lost");
  lease.renew(1_000);
  assertEquals([lease.look(1_099), lease.look(1_100)], ["held", "lost"]);
  assertEquals([lease.look(1_199), lease.look(1_200), lease.lost], ["held", "again", true]);
  lease.registered(1_210, null);
  assertEquals([lease.look(1_305), lease.lost], ["held", true], "taken in is not yet heard of");
  assertEquals([lease.renew(1_250), lease.lost, lease.look(1_300)], [true, false, "held"]);
});

Deno.test("tasks get no more to end in than the controller waits before it runs them elsewhere", () => {
  const lease = new Lease(30_000);
  assertEquals(lease.stopGraceMs(), null, "nothing is known of an older controller");
  lease.registered(0, 50_000);
  assertEquals([lease.stopGraceMs(), lease.keepsPromise], [11_000, true]);
  lease.registered(0, 39_000);
  assertEquals([lease.stopGraceMs(), lease.keepsPromise], [100, false]);
});
