import { assertEquals } from "@std/assert";
import { FleetDesk } from "../../src/autoscaler/fleet_desk.ts";
import type { DeskToServer, ServerToDesk, VmNote } from "../../src/autoscaler/messages.ts";
import { channelPair } from "../../src/lifecycle/channel.ts";
import type { Fleet, FleetVm, FromVmManager, ToVmManager } from "../../src/vm/fleet.ts";
import { ManualClock, settle } from "../fakes/manual_clock.ts";
import { scaleGroup } from "../fakes/scale_groups.ts";

type Shown = Extract<DeskToServer, { type: "fleet" }>;

function fleet(group: string, vms: Record<string, FleetVm["state"]>, more: {
  ended?: Fleet["ended"];
  provider?: string;
  sinceMs?: number;
} = {}): Fleet {
  return {
    type: "fleet",
    ended: more.ended ?? [],
    groups: [{
      ...scaleGroup({ name: group, idleMs: Infinity }),
      provider: more.provider ?? "process",
      availability: { state: "ok", untilMs: null, reason: "" },
      slices: Object.entries(vms).map(([vm, state]) => ({
        ...{ slice: vm, createdMs: 1, externalId: null },
        vms: [{ vm, state, sinceMs: more.sinceMs ?? 2e12, reason: "", phase: "" }],
      })),
    }],
  };
}

/** A desk, with a VM manager beside it and a server. */
class World {
  readonly clock = new ManualClock();
  readonly #vm = channelPair<ToVmManager, FromVmManager>();
  readonly #server = channelPair<DeskToServer, ServerToDesk>();
  readonly told: ToVmManager[] = [];
  readonly served: DeskToServer[] = [];
  readonly notes: VmNote[] = [];
  changes = 0;
  readonly desk: FleetDesk;

  constructor() {
    this.#vm[0].onMessage((message) => this.told.push(message));
    this.#server[0].onMessage((message) => this.served.push(message));
    this.desk = new FleetDesk({
      clock: this.clock,
      local: this.#vm[1],
      server: this.#server[1],
      note: ({ notes }) => void this.notes.push(...notes),
      changed: () => void this.changes++,
    });
  }

  async fromVm(message: FromVmManager): Promise<void> {
    this.#vm[0].post(message);
    await this.#settle();
  }

  async fromServer(message: ServerToDesk): Promise<void> {
    this.#server[0].post(message);
    await this.#settle();
  }

  get shown(): Shown {
    return this.served.filter((message) => message.type === "fleet").at(-1)!;
  }

  /** What a VM manager elsewhere was told. */
  toManager(name: string): ToVmManager[] {
    return this.served.flatMap((message) =>
      message.type === "to_manager" && message.manager === name ? [message.message] : []
    );
  }

  answer(id: number) {
    return this.served.find((message) => message.type === "answered" && message.id === id);
  }

  end(): void {
    this.desk.close();
    for (const channel of [...this.#vm, ...this.#server]) channel.close();
    assertEquals(this.clock.timers, 0);
  }

  async #settle(): Promise<void> {
    await settle();
    await this.clock.advance(60);
  }
}

function test(name: string, body: (world: World) => Promise<void>): void {
  Deno.test(name, async () => {
    const world = new World();
    try {
      await settle();
      await body(world);
    } finally {
      world.end();
    }
  });
}

test("a desk that begins anew asks everybody what there is", async (world) => {
  assertEquals([world.told, world.served.slice(0, 1), world.desk.known], [
    [{ type: "tell" }],
    [{ type: "hello" }],
    false,
  ]);
  await world.fromServer({ type: "attached", manager: "rack" });
  assertEquals(world.toManager("rack"), [{ type: "tell" }]);
});

test("fleets of several VM managers are one, and each is told what concerns it, once", async (world) => {
  await world.fromServer({ type: "attached", manager: "rack" });
  await world.fromVm(fleet("cpu", { "cpu-0": "READY" }));
  const message = fleet("gpu", { "gpu-0": "READY" });
  await world.fromServer({ type: "from_manager", manager: "rack", message });
  assertEquals(world.desk.groups.map(({ name }) => name), ["cpu", "gpu"]);
  const wanted = ["cpu", "gpu"].map((group) => ({ group, count: 2, reason: "r", remove: [] }));
  const seen = ["cpu-0", "gpu-0", "other"].map((
    vm,
  ) => ({ vm, state: "ready", reason: "" } as const));
  assertEquals([world.desk.want(wanted, seen), world.desk.want(wanted, seen)], [true, false]);
  await settle();
  assertEquals(world.told.at(-1), {
    type: "wanted",
    groups: [wanted[0]!],
    workers: [seen[0]!],
  });
  assertEquals(world.toManager("rack").slice(1), [
    { type: "wanted", groups: [wanted[1]!], workers: [seen[1]!] },
  ]);
  // Something moved there: it is told again.
  await world.fromVm(fleet("cpu", { "cpu-0": "READY", "cpu-1": "REQUESTED" }));
  assertEquals(world.desk.want(wanted, seen), true);
  await world.clock.advance(60);
  assertEquals(
    world.shown.groups.map((
      group,
    ) => [group.name, group.manager, group.wanted?.count, group.idleMs]),
    [["cpu", "local", 2, null], ["gpu", "rack", 2, null]],
  );
});

test("what happens to VMs is noted once each, and not of workers inside this process", async (world) => {
  await world.fromVm(fleet("cpu", { "cpu-0": "BOOTING" }));
  await world.fromVm(fleet("cpu", { "cpu-0": "INITIALIZING" }));
  await world.fromVm(fleet("cpu", { "cpu-0": "READY" }));
  await world.fromVm(fleet("cpu", { "cpu-0": "READY" }));
  const ended = [{
    ...{
      vm: "cpu-0",
      slice: "cpu-0",
      group: "cpu",
      state: "FAILED",
      sinceMs: 3,
      phase: "",
    } as const,
    reason: "it burnt",
  }];
  await world.fromVm(fleet("cpu", {}, { ended }));
  assertEquals(world.notes.map(({ vm, state, reason }) => [vm, state, reason]), [
    ["cpu-0", "REQUESTED", ""],
    ["cpu-0", "READY", ""],
    ["cpu-0", "FAILED", "it burnt"],
  ]);
  world.notes.length = 0;
  // What was so before this desk began was told by the one before; what becomes of it is news.
  await world.fromVm(fleet("cpu", { "cpu-1": "READY" }, { sinceMs: 2 }));
  await world.fromVm(fleet("cpu", { "cpu-1": "STOPPING" }));
  assertEquals(world.notes.map(({ vm, state }) => [vm, state]), [["cpu-1", "STOPPING"]]);
  world.notes.length = 0;
  await world.fromVm(fleet("local", { w0: "READY" }, { provider: "local" }));
  assertEquals(world.notes, []);
});

test("a VM that is gone is shown for a while with its reason, and its logs are asked for", async (world) => {
  const sinceMs = world.clock.wall();
  const state = "PREEMPTED" as const;
  const of = { vm: "cpu-0", slice: "cpu-0", group: "cpu", sinceMs, phase: "", reason: "spot" };
  await world.fromVm(fleet("cpu", {}, { ended: [{ ...of, state }] }));
  assertEquals(
    world.shown.vms.map(({ vm, state, reason, createdMs }) => [vm, state, reason, createdMs]),
    [
      ["cpu-0", "PREEMPTED", "spot", null],
    ],
  );
  await world.fromServer({ type: "ask", id: 5, ask: { verb: "logs", vm: "cpu-0", tail: 3 } });
  assertEquals(world.told.at(-1), { type: "question", id: 1, verb: "logs", vm: "cpu-0", tail: 3 });
  await world.fromVm({ type: "answer", id: 1, result: { ok: true, lines: [] } });
  assertEquals(world.answer(5), { type: "answered", id: 5, result: { ok: true, lines: [] } });
  await world.clock.advance(3_700_000);
  await world.fromVm(fleet("cpu", {}));
  assertEquals(world.shown.vms, []);
});

test("questions go to whoever has the VM; one that is not heard any more answers none", async (world) => {
  await world.fromServer({ type: "attached", manager: "rack" });
  const message = fleet("gpu", { "gpu-0": "READY" });
  await world.fromServer({ type: "from_manager", manager: "rack", message });
  const stop = { verb: "stop", vm: "gpu-0", reason: "old" } as const;
  await world.fromServer({ type: "ask", id: 7, ask: stop });
  assertEquals(world.toManager("rack").at(-1), { type: "question", id: 1, ...stop });
  await world.fromServer({ type: "ask", id: 8, ask: { ...stop, vm: "cpu-7" } });
  const none = { ok: false, code: "not_found", message: "There is no VM cpu-7" } as const;
  assertEquals(world.answer(8), { type: "answered", id: 8, result: none });
  await world.fromServer({ type: "detached", manager: "rack" });
  const lost = "The VM manager rack is not heard any more: look, then try again";
  assertEquals(world.answer(7), {
    type: "answered",
    id: 7,
    result: { ok: false, code: "unavailable", message: lost },
  });
  await world.fromServer({ type: "ask", id: 9, ask: stop });
  const away = "The VM manager that has VM gpu-0 is not heard";
  assertEquals(world.answer(9), {
    type: "answered",
    id: 9,
    result: { ok: false, code: "unavailable", message: away },
  });
  assertEquals(world.shown.groups.map(({ heard }) => heard), [false]);
});

test("a server that begins anew hears nobody until they call; who left nothing is forgotten", async (world) => {
  const rack = { manager: "rack" } as const;
  await world.fromServer({ type: "attached", ...rack });
  const message = fleet("gpu", { "gpu-0": "READY" });
  await world.fromServer({ type: "from_manager", ...rack, message });
  await world.fromVm(fleet("cpu", { "cpu-0": "READY" }));
  await world.fromServer({ type: "hello" });
  const heard = () => world.shown.groups.map(({ name, heard }) => [name, heard]);
  assertEquals(heard(), [["cpu", true], ["gpu", false]]);
  // Nothing more is asked of its groups meanwhile.
  assertEquals(world.desk.groups.map(({ availability }) => availability.state), ["ok", "halted"]);
  await world.fromServer({ type: "attached", ...rack });
  assertEquals(heard(), [["cpu", true], ["gpu", true]]);
  await world.fromServer({ type: "from_manager", ...rack, message: fleet("gpu", {}) });
  await world.fromServer({ type: "detached", ...rack });
  assertEquals(heard(), [["cpu", true]]);
});

test("a group that went from a VM manager that is away to another one is there once", async (world) => {
  await world.fromServer({ type: "attached", manager: "old" });
  const message = fleet("gpu", { "gpu-0": "READY" });
  await world.fromServer({ type: "from_manager", manager: "old", message });
  await world.fromServer({ type: "detached", manager: "old" });
  await world.fromServer({ type: "attached", manager: "new" });
  await world.fromServer({ type: "from_manager", manager: "new", message });
  assertEquals(world.desk.groups.map(({ name }) => name), ["gpu"]);
  assertEquals(world.shown.vms.map(({ vm, manager }) => [vm, manager]), [["gpu-0", "new"]]);
});
