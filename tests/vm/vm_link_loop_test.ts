/** A VM manager's end of its link, against the controller's real end, over a network that a test cuts. */
import { assert, assertEquals } from "@std/assert";
import * as v from "valibot";
import type { ServerToDesk } from "../../src/autoscaler/messages.ts";
import { IrisError } from "../../src/base/errors.ts";
import { seededRandom } from "../../src/base/random.ts";
import { LINK_REQUEST_SCHEMA } from "../../src/controller/vm_link_schema.ts";
import { ManagerBook } from "../../src/controller/manager_book.ts";
import { VmLinks } from "../../src/controller/vm_links.ts";
import type { StopReport } from "../../src/lifecycle/part.ts";
import type { Fleet, FromVmManager, ToVmManager } from "../../src/vm/fleet.ts";
import type { LinkAnswer, LinkRequest } from "../../src/vm/vm_link.ts";
import {
  type FromLink,
  MAIN_CHANNEL,
  MANAGER_CHANNEL,
  type ToLink,
  type VmLinkConfig,
  vmLinkLoop,
} from "../../src/vm/vm_link_loop.ts";
import { FakeLoop } from "../fakes/fake_loop.ts";
import { ManualClock, settle } from "../fakes/manual_clock.ts";

const EMPTY: Fleet = { type: "fleet", groups: [], ended: [] };

function ended(vm: string): Fleet {
  const of = { vm, slice: vm, group: "cpu", state: "FAILED", sinceMs: 1, phase: "" } as const;
  return { ...EMPTY, ended: [{ ...of, reason: "test" }] };
}

class World {
  readonly clock = new ManualClock();
  loop = new FakeLoop<VmLinkConfig>(this.clock);
  readonly #body = vmLinkLoop(() =>
    Promise.resolve({
      random: seededRandom(1),
      call: (_url: string, request: LinkRequest, signal: AbortSignal) =>
        this.#call(request, signal),
    })
  );
  /** What VM manager, main and the autoscaler's desk were told. */
  readonly told: ToVmManager[] = [];
  readonly main: FromLink[] = [];
  readonly desk: ServerToDesk[] = [];
  links = this.#controller();
  network: "up" | "down" | "answers lost" = "up";
  refuses: IrisError | null = null;
  calls = 0;
  /** What the last call said of its groups. */
  groups: readonly string[] = [];

  /** The loop crashes and begins anew, in the same isolate. */
  async crash(): Promise<void> {
    this.loop.signal.abort({ cause: "crash", deadline: undefined });
    await this.clock.advance(100);
    await this.loop.ended;
    await this.loop.unwind(1_000, "crash");
    this.loop = new FakeLoop<VmLinkConfig>(this.clock);
    await this.begin();
  }

  async begin(): Promise<void> {
    this.manager.onMessage((message) => this.told.push(message));
    this.loop.far<FromLink, ToLink>(MAIN_CHANNEL).onMessage((message) => this.main.push(message));
    this.loop.run(this.#body, {
      ...{ name: "rack", session: "s1", controllerUrls: ["http://c"], groups: ["cpu"] },
      ...{ version: "0.1.0", protocol: 2, trust: null, tokenFile: "t" },
    });
    await this.loop.ready;
    await this.clock.advance(100);
  }

  get manager() {
    return this.loop.far<ToVmManager, FromVmManager>(MANAGER_CHANNEL);
  }

  async say(message: FromVmManager, waitMs = 200): Promise<void> {
    this.manager.post(message);
    await this.clock.advance(waitMs);
  }

  /** The controller's process ends, and another one begins. */
  restart(): void {
    this.links.close();
    this.links = this.#controller();
  }

  /** The VMs whose ends the desk heard of. */
  get ends(): string[] {
    return this.desk.flatMap((message) =>
      message.type === "from_manager" && message.message.type === "fleet"
        ? message.message.ended.map(({ vm }) => vm)
        : []
    );
  }

  async end(): Promise<void> {
    this.network = "up";
    if (!this.loop.signal.signal.aborted) await this.#stop();
    this.links.close();
    await settle();
    assertEquals(this.clock.timers, 0);
  }

  async #stop(): Promise<void> {
    const stopped = this.loop.stop();
    await this.clock.advance(3_000);
    await stopped;
  }

  #controller(): VmLinks {
    return new VmLinks({
      clock: this.clock,
      cluster: "c0",
      desk: (message) => void this.desk.push(message),
      localGroups: () => [],
      book: new ManagerBook(null, this.clock),
    });
  }

  async #call(request: LinkRequest, signal: AbortSignal): Promise<LinkAnswer> {
    this.calls++;
    this.groups = request.groups;
    if (this.refuses !== null) throw this.refuses;
    if (this.network === "down") throw new IrisError("unavailable", "no route");
    const lost = this.network === "answers lost";
    const aborted = Promise.withResolvers<never>();
    aborted.promise.catch(() => {});
    signal.addEventListener("abort", () => aborted.reject(new IrisError("unavailable", "gone")));
    // By structured clone, as JSON would: nothing is shared.
    assert(v.is(LINK_REQUEST_SCHEMA, request), JSON.stringify(request));
    const call = this.links.call("rack", structuredClone(request), signal);
    const answer = await Promise.race([call, aborted.promise]);
    if (lost) throw new IrisError("unavailable", "the connection broke");
    return structuredClone(answer);
  }
}

function test(name: string, body: (world: World) => Promise<void>): void {
  Deno.test(name, async () => {
    const world = new World();
    try {
      await body(world);
    } finally {
      await world.end();
    }
  });
}

test("it attaches, tells what there is at once, and is told at once", async (world) => {
  await world.begin();
  assertEquals(world.main, [{ type: "attached", cluster: "c0" }]);
  assertEquals(world.told, [
    { type: "controller", heard: false },
    { type: "controller", heard: true },
  ]);
  await world.say(EMPTY);
  assertEquals(world.desk, [
    { type: "attached", manager: "rack" },
    { type: "from_manager", manager: "rack", message: EMPTY },
  ]);
  world.links.post("rack", { type: "tell" });
  await settle();
  assertEquals(world.told.at(-1), { type: "tell" });
  // It hears of nothing new: calls are held.
  const { calls } = world;
  await world.clock.advance(60_000);
  assert(world.calls - calls <= 4, `${world.calls - calls} calls in a minute`);
});

test("while answers are lost nothing is, and nothing comes twice", async (world) => {
  await world.begin();
  world.network = "answers lost";
  for (const vm of ["a", "b", "c"]) await world.say(ended(vm), 2_000);
  world.network = "down";
  await world.say(ended("d"), 2_000);
  world.network = "up";
  await world.clock.advance(30_000);
  assertEquals(world.ends, ["a", "b", "c", "d"]);
});

test("a controller that begins anew is told everything, and a long absence changes nothing else", async (world) => {
  await world.begin();
  await world.say(ended("a"));
  world.network = "down";
  world.restart();
  await world.say(ended("b"), 40_000);
  assertEquals(world.told.at(-1), { type: "controller", heard: true });
  await world.clock.advance(30_000);
  assertEquals(world.told.at(-1), { type: "controller", heard: false });
  await world.clock.advance(120_000);
  world.told.length = 0;
  world.network = "up";
  await world.clock.advance(10_000);
  assertEquals(world.told, [{ type: "tell" }, { type: "controller", heard: true }]);
  assertEquals(world.ends, ["a", "b"]);
  assertEquals(world.main.length, 1);
});

test("what does not heal is told once; a conflict only after it had time to heal", async (world) => {
  world.refuses = new IrisError("conflict", "another one has cpu");
  await world.begin();
  await world.clock.advance(20_000);
  assertEquals(world.main, []);
  await world.clock.advance(20_000);
  assertEquals(world.main, [{ type: "refused", code: "conflict", message: "another one has cpu" }]);
  world.refuses = new IrisError("unauthorized", "wrong token");
  await world.clock.advance(20_000);
  assertEquals(world.main.length, 1);
});

test("a stop that the controller asks for is passed on, and its report is brought before the end", async (world) => {
  await world.begin();
  const stopping = world.links.stopAll(8_000);
  await world.clock.advance(50);
  const stop = world.main.at(-1)!;
  assert(stop.type === "stop" && stop.remainingMs === 8_000);
  const report = { outcome: "clean", name: "vm-manager", children: [] } as unknown as StopReport;
  world.loop.far<FromLink, ToLink>(MAIN_CHANNEL).post({ type: "stopped", report });
  await world.clock.advance(200);
  assertEquals(await stopping, [{ manager: "rack", report, vms: null, silentSinceMs: null }]);
  assertEquals(world.main.at(-1), { type: "delivered", ok: true });
});

test("other groups are another link of the same VM manager, and a refusal leaves the earlier ones", async (world) => {
  await world.begin();
  const main = world.loop.far<FromLink, ToLink>(MAIN_CHANNEL);
  main.post({ type: "groups", groups: ["cpu", "gpu"] });
  await world.clock.advance(200);
  assertEquals(world.main.at(-1), { type: "regrouped", problem: null });
  await world.say(ended("a"));
  assertEquals(world.ends, ["a"]);
  world.refuses = new IrisError("conflict", "another one has tpu");
  main.post({ type: "groups", groups: ["tpu"] });
  await world.clock.advance(200);
  assertEquals(world.main.at(-1), { type: "regrouped", problem: "another one has tpu" });
  world.refuses = null;
  await world.crash();
  assertEquals(world.groups, ["cpu", "gpu"]);
});
