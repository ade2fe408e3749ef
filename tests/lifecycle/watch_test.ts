import { assertEquals } from "@std/assert";
import { Owner } from "../../src/lifecycle/owner.ts";
import type { TreeNode } from "../../src/lifecycle/part.ts";
import { stopProgress, unwell } from "../../src/lifecycle/watch.ts";
import { FakeClock } from "../fakes/fake_clock.ts";

Deno.test("a stop names what is still up each second, and is silent once all is down", async () => {
  const clock = new FakeClock();
  const root = Owner.root("iris", { clock });
  const worker = await root.own({ name: "worker w0", kind: "component" });
  let end = () => {};
  await worker.own({
    name: "keeper",
    kind: "process",
    ask: () => new Promise<void>((resolve) => end = resolve),
  });
  const lines: string[] = [];
  const stopped = root.stop(10_000, "shutdown");
  const progress = stopProgress(root, clock, (line) => lines.push(line));
  await clock.advanceAsync(999);
  assertEquals(lines, []);
  await clock.advanceAsync(1001);
  assertEquals(lines.length, 2);
  assertEquals(
    lines.map((line) => line.replace(/\(\d\.\d s left\)/, "(N s left)")),
    [
      "stopping for 1.0 s, still up: iris/worker w0/keeper (N s left)",
      "stopping for 2.0 s, still up: iris/worker w0/keeper (N s left)",
    ],
  );
  end();
  await clock.drive(stopped);
  await clock.advanceAsync(5000);
  assertEquals(lines.length, 2);
  assertEquals(clock.pending, 0, "it ends by itself once all is down");
  progress.cancel();
});

Deno.test("a stop that is quick writes nothing, and a cancelled watch leaves no timer", async () => {
  const clock = new FakeClock();
  const root = Owner.root("iris", { clock });
  const lines: string[] = [];
  const progress = stopProgress(root, clock, (line) => lines.push(line));
  await clock.drive(root.stop(1000, "shutdown"));
  progress.cancel();
  await clock.advanceAsync(5000);
  assertEquals(lines, []);
  assertEquals(clock.pending, 0);
});

Deno.test("more than three that block are named in part and counted", async () => {
  const clock = new FakeClock();
  const lines: string[] = [];
  const blockers = () => ["a", "b", "c", "d", "e"].map((path) => ({ path, remainingMs: 1500 }));
  const progress = stopProgress({ blockers, state: "stopping" }, clock, (l) => lines.push(l));
  await clock.advanceAsync(1000);
  progress.cancel();
  assertEquals(clock.pending, 0, "cancelled, it has no timer");
  assertEquals(lines, [
    "stopping for 1.0 s, still up: a (1.5 s left), b (1.5 s left), c (1.5 s left), and 2 more",
  ]);
});

Deno.test("loops that are stalled are named by path, wherever they are in the tree", () => {
  const node = (name: string, more: Partial<TreeNode> = {}): TreeNode => ({
    name,
    kind: "loop",
    state: "running",
    ageMs: 0,
    children: [],
    ...more,
  });
  const tree = node("iris", {
    children: [
      node("controller", {
        children: [
          node("core", { lastTickMs: 4000.4, stalled: true }),
          node("server", { lastTickMs: 10, stalled: false }),
        ],
      }),
    ],
  });
  assertEquals(unwell(tree), ["iris/controller/core: no sign of life for 4000 ms"]);
  assertEquals(unwell(node("iris")), []);
});
