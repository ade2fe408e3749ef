import { assertEquals, assertRejects } from "@std/assert";
import type { ServerToDesk } from "../../src/autoscaler/messages.ts";
import { IrisError } from "../../src/base/errors.ts";
import { ManagerBook } from "../../src/controller/manager_book.ts";
import { VmLinks } from "../../src/controller/vm_links.ts";
import type { StopReport, TreeNode } from "../../src/lifecycle/part.ts";
import type { FromLinked, LinkAnswer, LinkRequest } from "../../src/vm/vm_link.ts";
import { ManualClock, settle } from "../fakes/manual_clock.ts";
import { scaleGroup } from "../fakes/scale_groups.ts";

const FLEET: FromLinked = { type: "fleet", groups: [], ended: [] };

/** The links of one controller. */
class World {
  readonly clock = new ManualClock();
  readonly desk: string[] = [];
  readonly book = new ManagerBook(null, this.clock);
  readonly links = new VmLinks({
    clock: this.clock,
    cluster: "c0",
    desk: (message: ServerToDesk) => void this.desk.push(textOf(message)),
    localGroups: () => ["here"],
    book: this.book,
  });

  call(
    name: string,
    more: Partial<LinkRequest> = {},
    signal = new AbortController().signal,
  ): Promise<LinkAnswer> {
    return this.links.call(name, {
      ...{ session: "s1", link: null, groups: ["cpu"], waitMs: 0, ack: 0, from: 1, messages: [] },
      ...{ version: "0.1.0", protocol: 2 },
      ...more,
    }, signal);
  }

  async refused(name: string, more: Partial<LinkRequest>): Promise<string> {
    const error = await assertRejects(() => this.call(name, more), IrisError);
    return `${error.code}: ${error.message}`;
  }
}

function textOf(message: ServerToDesk): string {
  if (message.type === "hello" || message.type === "ask") return message.type;
  const more = message.type === "from_manager" ? ` ${message.message.type}` : "";
  return `${message.type} ${message.manager}${more}`;
}

function test(name: string, body: (world: World) => Promise<void>): void {
  Deno.test(name, async () => {
    const world = new World();
    await body(world);
    world.links.close();
    await settle();
    assertEquals(world.clock.timers, 0);
  });
}

test("a VM manager gets what there is for it at once, and is held while there is nothing", async (world) => {
  const { link, cluster } = await world.call("rack");
  assertEquals([cluster, world.desk], ["c0", ["attached rack"]]);
  let answer: LinkAnswer | null = null;
  void world.call("rack", { link, messages: [FLEET], waitMs: 20_000 }).then((one) => answer = one);
  await world.clock.advance(5_000);
  assertEquals([answer, world.desk.at(-1)], [null, "from_manager rack fleet"]);
  world.links.post("rack", { type: "tell" });
  await settle();
  assertEquals(answer, { link, cluster: "c0", ack: 1, from: 1, messages: [{ type: "tell" }] });
  // It did not arrive: the next answer has it again, and this one's message is not passed on twice.
  const next = await world.call("rack", { link, messages: [FLEET], waitMs: 20_000 });
  assertEquals([next.messages, world.desk.length], [[{ type: "tell" }], 2]);
  const last = world.call("rack", { link, from: 2, ack: 1, waitMs: 20_000 });
  await world.clock.advance(20_000);
  assertEquals((await last).messages, []);
});

test("a name or a group that a live one has is refused; of one whose call broke it is not", async (world) => {
  const { link } = await world.call("rack");
  assertEquals(
    await world.refused("rack", { session: "s2" }),
    "conflict: A VM manager named rack is here already: give another --name",
  );
  assertEquals(
    await world.refused("other", { session: "s2", groups: ["gpu", "cpu"] }),
    "conflict: The VM manager rack has a group cpu already",
  );
  assertEquals(
    await world.refused("other", { session: "s2", groups: ["here"] }),
    "conflict: The VM manager local has a group here already",
  );
  await world.call("other", { session: "s2", groups: ["gpu"] });
  const gone = new AbortController();
  const held = world.call("rack", { link, waitMs: 20_000 }, gone.signal);
  await settle();
  gone.abort();
  await held;
  // Its next call may be on its way: news of its own breaks calls as well.
  assertEquals(
    await world.refused("rack", { session: "s3" }),
    "conflict: A VM manager named rack is here already: give another --name",
  );
  await world.clock.advance(2_000);
  await world.call("rack", { session: "s3" });
  assertEquals(world.desk, ["attached rack", "attached other", "detached rack", "attached rack"]);
});

test("one without a call for a while is not heard any more, and comes back as a new link", async (world) => {
  const { link } = await world.call("rack");
  await world.clock.advance(14_000);
  await world.call("rack", { link });
  await world.clock.advance(14_000);
  assertEquals(world.desk, ["attached rack"]);
  await world.clock.advance(2_000);
  assertEquals(world.desk, ["attached rack", "detached rack"]);
  // What it says was meant for the link of before.
  const again = await world.call("rack", { link, from: 7, messages: [FLEET] });
  assertEquals([again.link === link, again.ack, world.desk.at(-1)], [false, 0, "attached rack"]);
});

test("a newer call of one that is held answers the older one", async (world) => {
  const { link } = await world.call("rack");
  const older = world.call("rack", { link, waitMs: 20_000 });
  await settle();
  const newer = world.call("rack", { link, waitMs: 20_000 });
  assertEquals((await older).messages, []);
  world.links.post("rack", { type: "tell" });
  assertEquals((await newer).messages.length, 1);
});

test("trees are asked for and taken by their number; who is silent gives none in time", async (world) => {
  const { link } = await world.call("rack");
  await world.call("mute", { groups: ["gpu"] });
  const trees = world.links.trees(2_000);
  const { messages } = await world.call("rack", { link });
  assertEquals(messages, [{ type: "tree", id: 1 }]);
  const tree = { name: "iris", children: [] } as unknown as TreeNode;
  await world.call("rack", { link, ack: 1, messages: [{ type: "tree", id: 1, tree }] });
  await world.clock.advance(2_000);
  assertEquals(await trees, [
    { manager: "rack", tree, silentSinceMs: null },
    { manager: "mute", tree: null, silentSinceMs: null },
  ]);
});

test("a stop waits for the reports as long as they have, and says who gave none", async (world) => {
  const { link } = await world.call("rack");
  await world.call("mute", { groups: ["gpu"] });
  const stopped = world.links.stopAll(5_000);
  const { messages } = await world.call("rack", { link });
  const [stop] = messages;
  assertEquals([stop!.type, messages.length], ["stop", 1]);
  const id = stop!.type === "stop" ? stop!.id : "";
  const report = { outcome: "clean" } as unknown as StopReport;
  await world.call("rack", { link, ack: 1, messages: [{ type: "stopped", id, report }] });
  await world.clock.advance(5_000);
  assertEquals(await stopped, [
    { manager: "rack", report, vms: null, silentSinceMs: null },
    { manager: "mute", report: null, vms: null, silentSinceMs: null },
  ]);
});

test("one that left nothing is forgotten; one that is silent and had VMs is named at a stop", async (world) => {
  const vms = [{ vm: "gpu-0", state: "READY", sinceMs: 1, reason: "", phase: "" } as const];
  const fleet = (has: boolean): FromLinked => ({
    ...{ type: "fleet", ended: [] },
    groups: [{
      ...scaleGroup({ name: "gpu" }),
      provider: "process",
      availability: { state: "ok", untilMs: null, reason: "" },
      slices: has ? [{ slice: "gpu-0", createdMs: 1, externalId: null, vms }] : [],
    }],
  });
  const { link } = await world.call("rack");
  await world.call("rack", { link, messages: [fleet(true), fleet(false), { type: "bye" }] });
  assertEquals(world.desk.at(-1), "detached rack");
  const other = await world.call("attic", { groups: ["gpu"] });
  await world.call("attic", { link: other.link, groups: ["gpu"], messages: [fleet(true)] });
  await world.clock.advance(16_000);
  const silentSinceMs = world.clock.wall() - 16_000;
  const left = { manager: "attic", vms: [{ vm: "gpu-0", where: "process" }], silentSinceMs };
  assertEquals(await world.links.stopAll(1_000), [{ ...left, report: null }]);
  assertEquals(await world.links.trees(1_000), [{ manager: "attic", tree: null, silentSinceMs }]);
  // It came back: it is asked itself.
  await world.call("attic", { groups: ["gpu"] });
  const stopped = world.links.stopAll(1_000);
  await world.clock.advance(1_000);
  assertEquals((await stopped).length, 1);
});
