import { assert, assertEquals, assertMatch } from "@std/assert";
import { seededRandom } from "../../src/base/random.ts";
import { Deadline } from "../../src/lifecycle/deadline.ts";
import type {
  EndedVm,
  Fleet,
  FromVmManager,
  ToVmManager,
  VmAnswer,
  VmQuestion,
  WorkerSeen,
} from "../../src/vm/fleet.ts";
import { openVmStore } from "../../src/store/vm_store.ts";
import type { GroupConfig } from "../../src/vm/scale_group.ts";
import {
  type OpenJournal,
  type VmManagerConfig,
  vmManagerLoop,
} from "../../src/vm/vm_manager_loop.ts";
import { AUTOSCALER_CHANNEL } from "../../src/vm/fleet.ts";
import { FakeLoop } from "../fakes/fake_loop.ts";
import { ManualClock } from "../fakes/manual_clock.ts";
import { MemoryJournal } from "../fakes/memory_journal.ts";
import { groupConfig } from "../fakes/scale_groups.ts";
import { ScriptedCloud } from "../fakes/scripted_cloud.ts";
import { inGate, type Need } from "../support/require.ts";

/** One VM manager after another over one cloud and one journal. */
class World {
  readonly clock = new ManualClock();
  readonly cloud = new ScriptedCloud();
  readonly journal = new MemoryJournal();
  readonly ended: EndedVm[] = [];
  readonly answers: VmAnswer[] = [];
  /** Opens a real database instead. */
  disk: (() => OpenJournal) | null = null;
  loop = new FakeLoop<VmManagerConfig>(this.clock);
  #last: Fleet = { type: "fleet", groups: [], ended: [] };
  #questions = 0;

  /** Starts a VM manager. */
  async begin(groups: GroupConfig[], folder = "/nowhere"): Promise<void> {
    this.loop = new FakeLoop<VmManagerConfig>(this.clock);
    this.#far.onMessage((message) => {
      if (message.type === "answer") return void this.answers.push(message);
      this.#last = message;
      this.ended.push(...message.ended);
    });
    this.loop.run(
      vmManagerLoop({
        makers: () => this.cloud.makers(),
        random: seededRandom(1),
        hasJournal: () => Promise.resolve(this.journal.opened > 0),
        journal: () => Promise.resolve(this.disk?.() ?? this.journal),
        main: () => ({
          launch: () => Promise.reject(new Error("nobody asks")),
          onGroups: () => {},
        }),
      }),
      { cluster: "c", hasLocal: true, folder, groups },
    );
    await this.loop.ready;
    await this.clock.advance(50);
  }

  /** It is killed: nothing is asked of its VMs, nothing more is written. */
  async crash(): Promise<void> {
    this.loop.signal.abort({ cause: "crash", deadline: undefined });
    await this.loop.ended;
    await this.loop.unwind(1_000, "crash");
  }

  async end(): Promise<void> {
    this.cloud.obey();
    this.cloud.release();
    if (!this.loop.signal.signal.aborted) await this.loop.stop();
    assertEquals(this.clock.timers, 0);
  }

  /** Every VM in a word or two. */
  get fleet(): string[] {
    return this.#last.groups.flatMap(({ slices }) =>
      slices.flatMap(({ vms }) => vms.map(({ vm, state }) => `${vm} ${state}`))
    );
  }

  get groups(): Fleet["groups"] {
    return this.#last.groups;
  }

  async want(count: number, remove: string[] = [], group = "cpu"): Promise<void> {
    const groups = [{ group, count, reason: "test", remove }];
    this.#far.post({ type: "wanted", groups, workers: [] });
    await this.clock.advance(50);
  }

  async see(state: WorkerSeen["state"], ...vms: string[]): Promise<void> {
    const workers = vms.map((vm) => ({ vm, state, reason: state === "ready" ? "" : "test" }));
    this.#far.post({ type: "wanted", groups: [], workers });
    await this.clock.advance(50);
  }

  async controller(heard: boolean): Promise<void> {
    this.#far.post({ type: "controller", heard });
    await this.clock.advance(50);
  }

  /** Asks, and waits for no longer than this. */
  async ask(
    question: { verb: "logs"; tail: number } | { verb: "stop"; reason: string } | {
      verb: "reload";
    },
    vm: string,
    waitMs = 50,
  ): Promise<VmAnswer["result"] | undefined> {
    const id = ++this.#questions;
    this.#far.post({ type: "question", id, vm, ...question } as VmQuestion);
    await this.clock.advance(waitMs);
    return this.answers.find((answer) => answer.id === id)?.result;
  }

  get #far() {
    return this.loop.far<FromVmManager, ToVmManager>(AUTOSCALER_CHANNEL);
  }
}

/** Tests in which much time passes are for the gate. */
function test(name: string, body: (world: World) => Promise<void>, need: Need = { ignore: false }) {
  Deno.test(name, need, async () => {
    const folder = Deno.makeTempDirSync({ prefix: "iris-vm-" });
    const world = new World();
    const begin = world.begin.bind(world);
    world.begin = (groups) => begin(groups, folder);
    try {
      await body(world);
    } finally {
      await world.end();
      Deno.removeSync(folder, { recursive: true });
    }
  });
}

test("an intent is written before the request, the name after it, and nothing once it is gone", async (world) => {
  world.cloud.fates = ["hang"];
  await world.begin([groupConfig()]);
  assertEquals([world.journal.rows, world.cloud.asked], [["cpu-0 - new"], ["create cpu-0"]]);
  world.cloud.release();
  await world.clock.advance(50);
  assertEquals(world.journal.rows, ["cpu-0 x-0 new"]);
  await world.see("ready", "cpu-0");
  assertEquals([world.journal.rows, world.fleet], [["cpu-0 x-0 ready"], ["cpu-0 READY"]]);
  world.cloud.obeys = false;
  assertEquals((await world.ask({ verb: "stop", reason: "broken disk" }, "cpu-0"))?.ok, true);
  assertEquals(world.journal.rows[0], "cpu-0 x-0 ready broken disk");
  world.cloud.obey();
  await world.clock.advance(50);
  assertEquals(world.journal.rows, ["cpu-1 x-1 new"]);
});

test("a disk that takes no intent lets nothing be made, and what it owes is written later", async (world) => {
  world.journal.full = true;
  await world.begin([groupConfig()]);
  await world.clock.advance(5_000);
  assertEquals(world.cloud.asked, []);
  const { state, reason } = world.groups[0]!.availability;
  assertEquals([state, reason], ["backoff", "It cannot be written down: the disk is full"]);
  world.journal.full = false;
  await world.clock.advance(60_000);
  await world.see("ready", "cpu-0");
  world.journal.full = true;
  world.cloud.end("cpu-0", "failed");
  await world.clock.advance(2_000);
  assertEquals(world.journal.rows, ["cpu-0 x-0 ready"]);
  world.journal.full = false;
  await world.clock.advance(60_000);
  assertEquals(world.journal.rows, ["cpu-1 x-1 new"]);
});

test("a VM that fails or is taken back takes its slice along, and a new one is made", async (world) => {
  await world.begin([groupConfig({ group: { sliceVms: 2 } })]);
  await world.see("ready", "cpu-0-0", "cpu-0-1");
  assertEquals(world.fleet, ["cpu-0-0 READY", "cpu-0-1 READY"]);
  world.cloud.obeys = false;
  world.cloud.end("cpu-0-1", "preempted");
  await world.clock.advance(50);
  assertEquals(world.fleet, ["cpu-0-0 STOPPING", "cpu-0-1 PREEMPTED"]);
  assertEquals(world.cloud.asked.slice(1), ["delete cpu-0 by its name in 5000"]);
  world.cloud.obey();
  await world.clock.advance(1_000);
  assertEquals(world.fleet, ["cpu-1-0 INITIALIZING", "cpu-1-1 INITIALIZING"]);
  assertEquals(world.ended.map(({ vm, state, reason }) => [vm, state, reason]), [
    ["cpu-0-1", "PREEMPTED", "it ended"],
    ["cpu-0-0", "TERMINATED", "cpu-0-1: it ended"],
  ]);
});

test("READY is what the controller says; one that does not become it in time is replaced", async (world) => {
  await world.begin([groupConfig({ pace: { bootTimeoutMs: 10_000 } })]);
  world.cloud.phase("cpu", "cpu-0", "copying");
  await world.clock.advance(9_000);
  assertEquals(world.fleet, ["cpu-0 INITIALIZING"]);
  await world.clock.advance(3_000);
  assertEquals(world.cloud.asked, [
    "create cpu-0",
    "delete cpu-0 by its name in 5000",
    "create cpu-1",
  ]);
  assertEquals(
    world.ended[0]!.reason,
    "not ready within 10000 ms: cpu-0 is INITIALIZING (copying)",
  );
  await world.see("ready", "cpu-1");
  await world.clock.advance(20_000);
  assertEquals(world.fleet, ["cpu-1 READY"]);
});

test("one that is ill for long is replaced, one that gets well is not", async (world) => {
  await world.begin([groupConfig()]);
  await world.see("ready", "cpu-0");
  await world.see("unwell", "cpu-0");
  await world.clock.advance(20_000);
  assertEquals(world.fleet, ["cpu-0 UNHEALTHY"]);
  assertEquals(world.groups[0]!.slices[0]!.vms[0]!.reason, "its worker is unwell: test");
  await world.see("ready", "cpu-0");
  await world.see("lost", "cpu-0");
  await world.clock.advance(29_000);
  assertEquals(world.fleet, ["cpu-0 UNHEALTHY"]);
  await world.clock.advance(3_000);
  assertEquals(world.fleet, ["cpu-1 INITIALIZING"]);
}, inGate());

test(
  "without a controller nobody is judged, none is given back, and only the least is kept",
  async (world) => {
    const pace = { bootTimeoutMs: 10_000 };
    await world.begin([groupConfig({ pace })]);
    await world.see("ready", "cpu-0");
    await world.want(2);
    await world.see("lost", "cpu-0");
    await world.controller(false);
    await world.clock.advance(120_000);
    assertEquals(world.fleet, ["cpu-0 UNHEALTHY", "cpu-1 INITIALIZING"]);
    world.cloud.end("cpu-1", "failed");
    await world.clock.advance(60_000);
    assertEquals(world.fleet, ["cpu-0 UNHEALTHY"]);
    world.cloud.end("cpu-0", "failed");
    await world.clock.advance(60_000);
    assertEquals(world.fleet, ["cpu-2 INITIALIZING"]);
    await world.controller(true);
    await world.clock.advance(5_000);
    assertEquals(world.fleet, ["cpu-2 INITIALIZING", "cpu-3 INITIALIZING"]);
    await world.clock.advance(8_000);
    assert(!world.fleet.includes("cpu-2 INITIALIZING"));
  },
  inGate(),
);

test("the next VM manager goes on: it adopts, ends orphans, finishes deletes, forgets what is gone", async (world) => {
  await world.begin([groupConfig({ group: { min: 3, max: 9 } })]);
  await world.see("ready", "cpu-0", "cpu-1");
  world.cloud.obeys = false;
  await world.ask({ verb: "stop", reason: "broken disk" }, "cpu-1");
  await world.crash();
  world.cloud.slices.delete("cpu-2");
  world.cloud.plant("cpu", "cpu-77");
  world.cloud.asked.length = 0;
  world.cloud.obeys = true;
  await world.begin([groupConfig({ group: { min: 3, max: 9 } })]);
  assertEquals(world.cloud.asked.filter((line) => line.startsWith("delete")).sort(), [
    "delete cpu-1 by its name in 5000",
    "delete cpu-77 by its name in 5000",
  ]);
  assertEquals(world.fleet.slice(0, 1), ["cpu-0 READY"]);
  await world.clock.advance(5_000);
  // Numbers go on after all that were ever seen.
  assertEquals(world.cloud.asked.filter((line) => line.startsWith("create")), ["create cpu-78"]);
  assertEquals(world.fleet, ["cpu-0 READY", "cpu-3 BOOTING", "cpu-78 INITIALIZING"]);
});

test("killed between intent and answer: the next one ends it by its label", async (world) => {
  world.cloud.fates = ["hang", "hang"];
  await world.begin([groupConfig({ group: { min: 2 } })]);
  await world.crash();
  // One of the two requests arrived after all.
  world.cloud.plant("cpu", "cpu-0");
  world.cloud.asked.length = 0;
  await world.begin([groupConfig({ group: { min: 2 } })]);
  await world.clock.advance(2_000);
  assert(world.cloud.asked.includes("delete cpu-1 by its label in 5000"));
  assertEquals(world.fleet, ["cpu-0 BOOTING", "cpu-2 INITIALIZING"]);
  assertEquals(world.journal.rows, ["cpu-0 - new", "cpu-2 x-0 new"]);
});

test("the same over a real database, whose process dies after the intent", async (world) => {
  const folder = Deno.makeTempDirSync({ prefix: "iris-vm-db-" });
  world.disk = () => openVmStore<GroupConfig>(folder);
  world.cloud.fates = ["booted", "hang"];
  try {
    await world.begin([groupConfig({ group: { min: 2 } })]);
    await world.see("ready", "cpu-0");
    await world.crash();
    world.cloud.asked.length = 0;
    await world.begin([groupConfig({ group: { min: 2 } })]);
    await world.clock.advance(2_000);
    assertEquals(world.cloud.asked, ["delete cpu-1 by its label in 5000", "create cpu-2"]);
    assertEquals(world.fleet, ["cpu-0 READY", "cpu-2 INITIALIZING"]);
    await world.loop.stop();
    const store = openVmStore<GroupConfig>(folder);
    assertEquals(store.read().slices, []);
    store.close();
  } finally {
    if (!world.loop.signal.signal.aborted) await world.loop.stop();
    Deno.removeSync(folder, { recursive: true });
  }
});

test("while a provider cannot say what it has, nothing new is made there", async (world) => {
  world.cloud.existing = "unavailable";
  await world.begin([groupConfig()]);
  await world.clock.advance(120_000);
  assertEquals(world.cloud.asked, []);
  assertMatch(
    world.groups[0]!.availability.reason,
    /what there is is not known: no answer from the cloud/,
  );
  world.cloud.plant("cpu", "cpu-5");
  world.cloud.existing = "answers";
  await world.clock.advance(61_000);
  assertEquals(world.cloud.asked.slice(0, 1), ["delete cpu-5 by its name in 5000"]);
  assertEquals(world.fleet, ["cpu-6 INITIALIZING"]);
}, inGate());

test("a group that is configured no more loses its slices as they get idle", async (world) => {
  const old = groupConfig({ group: { name: "old", min: 2 } });
  await world.begin([old]);
  await world.see("ready", "old-0", "old-1");
  await world.crash();
  await world.begin([groupConfig()]);
  await world.clock.advance(1_000);
  assertEquals(world.cloud.asked.slice(2), ["create cpu-0"]);
  await world.want(0, ["old-0", "old-1"], "old");
  await world.clock.advance(1_000);
  assertEquals(world.cloud.asked.slice(2).sort(), [
    "create cpu-0",
    "delete old-0 by its name in 5000",
    "delete old-1 by its name in 5000",
  ]);
  assertEquals(world.fleet, ["cpu-0 INITIALIZING"]);
});

test("slices of before are ended also where nothing lasting is configured any more", async (world) => {
  await world.begin([groupConfig({ group: { name: "old" } })]);
  await world.crash();
  await world.begin([]);
  await world.want(0, ["old-0"], "old");
  assertEquals(world.cloud.asked.slice(1), ["delete old-0 by its name in 5000"]);
  assertEquals([world.fleet, world.journal.rows], [[], []]);
});

test("a request that hangs blocks nobody, is given up in time, and its slice is ended", async (world) => {
  world.cloud.fates = ["hang"];
  await world.begin([groupConfig(), groupConfig({ group: { name: "gpu" } })]);
  assertEquals(world.fleet, ["cpu-0 REQUESTED", "gpu-0 INITIALIZING"]);
  await world.clock.advance(59_000);
  await world.see("ready", "gpu-0");
  await world.clock.advance(70_000);
  assert(world.cloud.asked.includes("delete cpu-0 by its label in 5000"));
  // The answer comes after all, when the slice was forgotten: it is ended by its name.
  const before = world.cloud.asked.length;
  world.cloud.release();
  await world.clock.advance(50);
  assertMatch(world.cloud.asked.slice(before).join(), /delete cpu-0 by its name/);
  assertEquals(world.cloud.slices.has("cpu-0"), false);
});

test("many requests that hang are bounded, and keep no other group from its own", async (world) => {
  world.cloud.fates = Array.from({ length: 16 }, () => "hang" as const);
  const pace = { createsPerMinute: 6_000 };
  await world.begin([
    groupConfig({ group: { min: 40, max: 40 }, pace }),
    groupConfig({ group: { name: "gpu", min: 2 }, pace }),
  ]);
  await world.clock.advance(5_000);
  assertEquals(world.fleet.filter((vm) => vm.endsWith("REQUESTED")).length, 16);
  assertEquals(world.fleet.filter((vm) => vm.startsWith("gpu")), [
    "gpu-0 INITIALIZING",
    "gpu-1 INITIALIZING",
  ]);
});

test("an answer that nobody understands is taken for a slice that may be there", async (world) => {
  world.cloud.fates = ["lost"];
  await world.begin([groupConfig()]);
  assertEquals(world.cloud.asked.slice(0, 2), [
    "create cpu-0",
    "delete cpu-0 by its label in 5000",
  ]);
  await world.clock.advance(1_000);
  assertEquals([...world.cloud.slices.keys()], ["cpu-1"]);
});

test("want of quota blocks the pool from that rank on, and a success frees it", async (world) => {
  const pool = (name: string, quotaRank: number) =>
    groupConfig({ group: { name, quotaPool: "p", quotaRank, min: 0 } });
  await world.begin([pool("spot", 0), pool("plain", 1), pool("dear", 2)]);
  world.cloud.fates = ["quota"];
  await world.want(1, [], "plain");
  const states = () => world.groups.map(({ availability }) => availability.state);
  assertEquals([states(), world.fleet], [["ok", "quota", "quota"], []]);
  assertEquals(
    world.groups[2]!.availability.reason,
    "pool p, group plain: refused: quota",
  );
  await world.clock.advance(299_000);
  assertEquals(world.cloud.asked, ["create plain-0"]);
  await world.clock.advance(2_000);
  assertEquals([states(), world.fleet], [["ok", "ok", "ok"], ["plain-1 INITIALIZING"]]);
}, inGate());

test("a group whose slices do not come up is halted, and says so", async (world) => {
  const pace = { bootTimeoutMs: 5_000 };
  await world.begin([groupConfig({ pace })]);
  await world.clock.advance(60_000);
  const { state, reason } = world.groups[0]!.availability;
  assertEquals([state, reason], ["halted", "3 of the last 3 slices failed or died young"]);
  assertEquals(world.cloud.asked.filter((line) => line.startsWith("create")).length, 3);
}, inGate());

test("a delete that is not answered is asked for again, at once without time for tasks", async (world) => {
  await world.begin([groupConfig({ group: { min: 0 } })]);
  await world.want(1);
  world.cloud.obeys = false;
  await world.want(0, ["cpu-0"]);
  await world.clock.advance(120_000);
  assertEquals(world.cloud.asked.slice(1), [
    "delete cpu-0 by its name in 5000",
    "delete cpu-0 by its name in 0",
    "delete cpu-0 by its name in 0",
  ]);
});

test("at a stop every slice is asked once, with what is left; what is not gone is named and kept", async (world) => {
  world.cloud.fates = ["booted", "hang"];
  await world.begin([groupConfig({ group: { min: 2, sliceVms: 2 } })]);
  world.cloud.obeys = false;
  world.cloud.asked.length = 0;
  const { loop, clock } = world;
  loop.closing.abort("shutdown");
  for (const part of loop.parts) part.close?.("shutdown");
  const deadline = Deadline.in(10_000, clock);
  loop.signal.abort({ cause: "shutdown", deadline });
  await loop.ended;
  const nodes = loop.parts.filter(({ kind, ask }) => kind === "resource" && ask !== undefined);
  assertEquals(nodes.length, 4);
  for (const node of nodes) void node.ask!({ cause: "shutdown", deadline });
  await clock.advance(10);
  assertEquals(world.cloud.asked, [
    "delete cpu-0 by its name in 9000",
    "delete cpu-1 by its label in 9000",
  ]);
  deadline.nearer(2_000);
  assertEquals(world.cloud.asked.length, 4);
  for (const node of nodes) node.force!();
  assertEquals(world.cloud.asked.slice(4), [
    "delete cpu-0 by its name in 0",
    "delete cpu-1 by its label in 0",
  ]);
  const left = Promise.resolve(nodes[0]!.verify!(deadline));
  await clock.advance(1_900);
  assertEquals(await left, [
    "VM cpu-0-0 (fake x-0) is STOPPING: its provider did not say that it is gone; " +
    "the next start of this VM manager ends it",
  ]);
  assertEquals(world.journal.rows, [
    "cpu-0 x-0 new The cluster is stopping",
    "cpu-1 - new The cluster is stopping",
  ]);
  deadline.dispose();
  world.cloud.obey();
  world.cloud.release();
  await clock.advance(10);
  await loop.unwind();
});

test("a detach leaves VMs as they are, for the next VM manager", async (world) => {
  await world.begin([groupConfig()]);
  await world.see("ready", "cpu-0");
  assertEquals(await world.loop.stop(1_000, "detach"), []);
  assertEquals([world.cloud.asked, world.journal.rows], [
    ["create cpu-0"],
    ["cpu-0 x-0 ready"],
  ]);
  await world.begin([groupConfig()]);
  assertEquals(world.fleet, ["cpu-0 READY"]);
});

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

test("what is on its way out keeps its place: never more than max at a time", async (world) => {
  await world.begin([groupConfig({ group: { min: 1, max: 1 } })]);
  await world.see("ready", "cpu-0");
  world.cloud.obeys = false;
  await world.ask({ verb: "stop", reason: "old" }, "cpu-0");
  await world.clock.advance(5_000);
  assertEquals(world.fleet, ["cpu-0 STOPPING"]);
  world.cloud.obey();
  await world.clock.advance(1_000);
  assertEquals(world.fleet, ["cpu-1 INITIALIZING"]);
});

test("what keeps a worker from registering is told of its VM, and in the end why it went", async (world) => {
  await world.begin([groupConfig({ pace: { bootTimeoutMs: 10_000 } })]);
  await world.see("unwell", "cpu-0");
  const vm = () => world.groups[0]!.slices[0]?.vms[0];
  assertEquals([vm()?.state, vm()?.phase], ["INITIALIZING", "its worker is unwell: test"]);
  await world.clock.advance(12_000);
  assertEquals(
    world.ended[0]?.reason,
    "not ready within 10000 ms: cpu-0 is INITIALIZING (its worker is unwell: test)",
  );
});
test("a VM that was ready and whose worker no controller knows is ill, and replaced", async (world) => {
  const pace = { bootTimeoutMs: 60_000, unhealthyMs: 5_000 };
  await world.begin([groupConfig({ pace })]);
  await world.see("ready", "cpu-0");
  await world.crash();
  await world.begin([groupConfig({ pace })]);
  await world.want(1);
  await world.clock.advance(50_000);
  assertEquals(world.fleet, ["cpu-0 READY"]);
  await world.clock.advance(12_000);
  assertEquals(world.fleet, ["cpu-0 UNHEALTHY"]);
  await world.clock.advance(10_000);
  assertEquals(world.fleet, ["cpu-1 INITIALIZING"]);
});

test("that a short wait is over is told, though nothing else happens", async (world) => {
  world.cloud.fates = ["unavailable"];
  await world.begin([groupConfig({ group: { min: 0 } })]);
  await world.want(1);
  assertEquals(world.groups[0]!.availability.state, "backoff");
  await world.want(0);
  await world.clock.advance(2_000);
  assertEquals(world.groups[0]!.availability.state, "ok");
});
