import { assert, assertEquals } from "@std/assert";
import type { VmAnswer, VmLogPlace } from "../../src/vm/fleet.ts";
import { groupConfig } from "../fakes/scale_groups.ts";
import { groupsTest as test } from "../support/vm_groups_world.ts";

test("what a VM said can be read, also after it is gone and after a restart", async (world) => {
  await world.begin([groupConfig()]);
  world.cloud.say("cpu", "cpu-0", "one");
  world.cloud.say("cpu", "cpu-0", "two\u001b[31m");
  world.cloud.phase("cpu", "cpu-0", "starting");
  const texts = async (vm: string, tail: number) => {
    const result = await world.ask({ verb: "logs", tail }, vm);
    return result?.ok ? result.lines.map(({ text }) => text) : result?.code;
  };
  const all = ["one", "two\\u001b[31m", "[starting]"];
  assertEquals(await texts("cpu-0", 2), all.slice(1));
  await world.ask({ verb: "stop", reason: "test" }, "cpu-0");
  assertEquals(await texts("cpu-0", 10), all);
  assertEquals(await texts("cpu-9", 10), "not_found");
  await world.crash();
  await world.begin([groupConfig()]);
  assertEquals(await texts("cpu-0", 10), all);
});

test("a reload that hangs is given up, and only one that works is reloaded", async (world) => {
  await world.begin([groupConfig()]);
  const reload = (waitMs?: number) => world.ask({ verb: "reload" }, "cpu-0", waitMs);
  const early = await reload();
  assertEquals(early?.ok === false && early.code, "conflict");
  await world.see("ready", "cpu-0");
  assertEquals((await reload())?.ok, true);
  world.cloud.reload = "hangs";
  assertEquals(await reload(), undefined);
  const second = await reload();
  assertEquals(second?.ok === false && second.message, "VM cpu-0 is being reloaded already");
  await world.clock.advance(121_000);
  const third = world.answers.find(({ result }) => !result.ok && result.code === "timeout");
  assertEquals(third?.result, {
    ok: false,
    code: "timeout",
    message: "The reload of cpu-0 was not answered within 120000 ms",
  });
});

test("who asks for more of a log is answered when there is more, when the VM is gone, or in time", async (world) => {
  await world.begin([groupConfig()]);
  world.cloud.say("cpu", "cpu-0", "one");
  const first = await world.ask({ verb: "logs", tail: 9 }, "cpu-0");
  assert(first?.ok);
  assertEquals(first.place?.over, false);
  const more = async (after: number, waitMs = 50) => {
    const result = await world.ask(
      { verb: "logs", tail: 9, after, waitMs: 10_000 },
      "cpu-0",
      waitMs,
    );
    return result?.ok ? result : undefined;
  };
  const asked = world.answers.length;
  const after = first.place!.next;
  assertEquals(await more(after, 9_000), undefined);
  world.cloud.say("cpu", "cpu-0", "two");
  world.cloud.say("cpu", "cpu-0", "three");
  await world.clock.advance(60);
  const [second] = world.answers.slice(asked).map(({ result }) => result);
  assert(second?.ok);
  assertEquals(second.lines.map(({ text }) => text), ["two", "three"]);
  assertEquals((await more(second.place!.next, 10_100))?.lines, []);
  assertEquals(await more(second.place!.next), undefined);
  await world.ask({ verb: "stop", reason: "test" }, "cpu-0");
  await world.clock.advance(100);
  const last = world.answers.at(-1)!.result;
  assertEquals(last.ok && [last.lines, last.place?.over], [[], true]);
  // The next VM manager knows that it is gone by asking its provider.
  await world.crash();
  world.cloud.existing = "hangs";
  await world.begin([groupConfig()]);
  assertEquals((await more(0))?.place?.over, false);
  world.cloud.release();
  await world.clock.advance(100);
  const texts = (await more(0))!.lines.map(({ text }) => text);
  assertEquals([texts, (await more(0))?.place?.over], [["one", "two", "three"], true]);
});

test("whoever waits for a log is answered at a stop", async (world) => {
  await world.begin([groupConfig()]);
  world.cloud.say("cpu", "cpu-0", "one");
  const { place } = await world.ask({ verb: "logs", tail: 9 }, "cpu-0") as VmAnswer["result"] & {
    place: VmLogPlace;
  };
  const question = { verb: "logs", tail: 9, after: place.next, waitMs: 10_000 } as const;
  assertEquals(await world.ask(question, "cpu-0"), undefined);
  await world.loop.stop();
  await world.clock.advance(1);
  assertEquals(world.answers.length, 2);
});
