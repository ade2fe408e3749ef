import { assertEquals } from "@std/assert";
import { seededRandom } from "../../src/base/random.ts";
import { Deadline } from "../../src/lifecycle/deadline.ts";
import type { Channel } from "../../src/lifecycle/loop.ts";
import type { Fleet, FromVmManager, ToVmManager } from "../../src/vm/fleet.ts";
import type { FromLocalOwner, LocalVm, ToLocalOwner } from "../../src/vm/local/local_messages.ts";
import { LOCAL_CHANNEL } from "../../src/vm/local/local_messages.ts";
import { localProviders } from "../../src/vm/local/local_provider.ts";
import type { GroupConfig, ScaleGroup } from "../../src/vm/scale_group.ts";
import { type VmManagerConfig, vmManagerLoop } from "../../src/vm/vm_manager_loop.ts";
import { AUTOSCALER_CHANNEL } from "../../src/vm/fleet.ts";
import { FakeLoop } from "../fakes/fake_loop.ts";
import { ManualClock, settle } from "../fakes/manual_clock.ts";
import { groupConfig } from "../fakes/scale_groups.ts";

/** The one group of a local cluster. */
function group(more: Partial<ScaleGroup> = {}): GroupConfig {
  return groupConfig({
    group: { name: "local", idleMs: Infinity, ...more },
    pace: { createsPerMinute: Infinity, deletesPerMinute: Infinity, bootTimeoutMs: Infinity },
    provider: { kind: "local" },
  });
}

/** Main, which owns the workers: with state, obeying or not. */
class FakeMain {
  readonly asked: string[] = [];
  readonly workers = new Map<string, Omit<LocalVm, "vm">>();
  /** What becomes of the next ones that are asked for. */
  fate: "ready" | "failed" | "nothing" = "ready";
  obeys = true;
  readonly #channel: Channel<ToLocalOwner, FromLocalOwner>;

  constructor(channel: Channel<ToLocalOwner, FromLocalOwner>) {
    this.#channel = channel;
    channel.onMessage((message) => this.#onMessage(message));
  }

  gone(vm: string): void {
    this.workers.delete(vm);
    this.#channel.post({ type: "gone", vm, reason: "it ended" });
  }

  #onMessage(message: ToLocalOwner): void {
    if (message.type === "sync") {
      const vms = [...this.workers].map(([vm, worker]) => ({ ...worker, vm }));
      return this.#channel.post({ type: "existing", vms });
    }
    this.asked.push(`${message.type} ${message.vm}`);
    if (message.type === "delete") {
      if (this.obeys) this.gone(message.vm);
    } else if (this.fate === "failed") {
      this.#channel.post({ type: "failed", vm: message.vm, reason: "no room" });
    } else {
      this.workers.set(message.vm, { ...message, ready: this.fate === "ready" });
      if (this.fate === "ready") this.#channel.post({ type: "ready", vm: message.vm });
    }
  }
}

interface World {
  readonly main: FakeMain;
  readonly loop: FakeLoop<VmManagerConfig>;
  readonly clock: ManualClock;
  /** The states of all VMs, as the autoscaler was told last. */
  fleet(): string[];
  want(count: number, remove?: string[]): Promise<void>;
  /** Other groups, as main tells them when the configuration was read again. */
  regroup(groups: GroupConfig[]): Promise<void>;
}

async function world(
  test: (world: World) => Promise<void>,
  options: { groups?: GroupConfig[]; before?: (main: FakeMain) => void } = {},
): Promise<void> {
  const clock = new ManualClock();
  const loop = new FakeLoop<VmManagerConfig>(clock);
  const main = new FakeMain(loop.far(LOCAL_CHANNEL));
  options.before?.(main);
  const autoscaler = loop.far<FromVmManager, ToVmManager>(AUTOSCALER_CHANNEL);
  let last: Fleet = { type: "fleet", groups: [], ended: [] };
  autoscaler.onMessage((message) => {
    if (message.type === "fleet") last = message;
  });
  let regroup: (groups: readonly GroupConfig[]) => void = () => {};
  loop.run(
    vmManagerLoop({
      makers: (context) => ({ local: localProviders(context.channel(LOCAL_CHANNEL)) }),
      random: seededRandom(1),
      hasJournal: () => Promise.resolve(false),
      journal: () => Promise.reject(new Error("a local cluster writes nothing down")),
      main: () => ({
        launch: () => Promise.reject(new Error("nobody needs to know")),
        onGroups: (handler) => regroup = handler,
      }),
    }),
    { cluster: "c", hasLocal: true, folder: "/nowhere", groups: options.groups ?? [group()] },
  );
  await loop.ready;
  await clock.advance(50);
  try {
    await test({
      main,
      loop,
      clock,
      fleet: () =>
        last.groups.flatMap(({ slices }) =>
          slices.flatMap(({ vms }) => vms.map(({ vm, state }) => `${vm} ${state}`))
        ),
      async want(count, remove = []) {
        autoscaler.post({
          type: "wanted",
          groups: [{ group: "local", count, reason: "test", remove }],
          workers: [],
        });
        await clock.advance(50);
      },
      async regroup(groups) {
        regroup(groups);
        await clock.advance(1_000);
      },
    });
  } finally {
    main.obeys = true;
    if (!loop.signal.signal.aborted) await loop.stop();
    assertEquals(clock.timers, 0);
  }
}

Deno.test("the least number of VMs is asked for at once", async () => {
  await world(async ({ main, fleet }) => {
    assertEquals(main.asked, ["create w0", "create w1"]);
    assertEquals(fleet(), ["w0 READY", "w1 READY"]);
    await Promise.resolve();
  }, { groups: [group({ min: 2 })] });
});

Deno.test("it makes what is wanted, within min and max", async () => {
  await world(async ({ fleet, want }) => {
    await want(9);
    assertEquals(fleet(), ["w0 READY", "w1 READY", "w2 READY"]);
    await want(0, ["w0", "w1", "w2"]);
    assertEquals(fleet(), ["w2 READY"]);
  });
});

Deno.test("only what is named goes, up or not", async () => {
  await world(async ({ main, fleet, want }) => {
    await want(2);
    main.fate = "nothing";
    await want(3);
    assertEquals(fleet(), ["w0 READY", "w1 READY", "w2 BOOTING"]);
    await want(1);
    assertEquals(fleet(), ["w0 READY", "w1 READY", "w2 BOOTING"]);
    await want(2, ["w2"]);
    assertEquals(fleet(), ["w0 READY", "w1 READY"]);
    await want(1, ["w0"]);
    assertEquals(fleet(), ["w1 READY"]);
  });
});

Deno.test("one that ended unasked is replaced after a wait that grows, under a new name", async () => {
  await world(async ({ main, fleet, clock }) => {
    main.fate = "failed";
    main.gone("w0");
    await clock.advance(50);
    assertEquals(fleet(), []);
    await clock.advance(450);
    assertEquals(main.asked, ["create w0", "create w1"]);
    await clock.advance(10_000);
    const soFar = main.asked.length;
    assertEquals(soFar >= 5 && soFar <= 9, true, `${soFar} requests in 10 s`);
    main.fate = "ready";
    await clock.advance(60_000);
    assertEquals(fleet().map((vm) => vm.split(" ")[1]), ["READY"]);
  });
});

Deno.test("a VM manager that begins anew takes over what is there, and makes no second", async () => {
  await world(async ({ main, fleet }) => {
    assertEquals(main.asked, []);
    assertEquals(fleet(), ["w4 READY", "w7 BOOTING"]);
    await Promise.resolve();
  }, {
    groups: [group({ min: 2 })],
    before: (main) => {
      main.workers.set("w4", { slice: "w4", group: "local", ready: true });
      main.workers.set("w7", { slice: "w7", group: "local", ready: false });
    },
  });
});

Deno.test("at a stop every VM is deleted and waited for, and none is made again", async () => {
  await world(async ({ main, loop, fleet, want, clock }) => {
    await want(2);
    assertEquals(loop.parts.map(({ name }) => name), [
      "fleet",
      "book",
      "local",
      "provider local",
      "w0",
      "w1",
    ]);
    loop.closing.abort("shutdown");
    for (const part of loop.parts) part.close?.("shutdown");
    await clock.advance(50);
    assertEquals(fleet(), ["w0 STOPPING", "w1 STOPPING"]);
    main.gone("w0");
    await settle();
    assertEquals(await loop.stop(), []);
    assertEquals(main.asked.slice(2), ["delete w1"]);
  });
});

Deno.test("a VM manager that crashed leaves its VMs to its next run", async () => {
  await world(async ({ main, loop }) => {
    loop.signal.abort({ cause: "crash", deadline: undefined });
    await loop.ended;
    assertEquals(await loop.unwind(1_000, "crash"), []);
    assertEquals([main.asked, main.workers.size], [["create w0"], 1]);
  });
});

Deno.test("a VM that does not go is named as left over, once its time is up", async () => {
  await world(async ({ main, loop, clock }) => {
    main.obeys = false;
    loop.closing.abort("shutdown");
    const part = loop.parts.find(({ name }) => name === "w0")!;
    const deadline = Deadline.in(1_000, clock);
    const asked = Promise.resolve(part.ask!({ cause: "shutdown", deadline }));
    await settle();
    const left = Promise.resolve(part.verify!(deadline));
    await clock.advance(900);
    assertEquals(await left, ["VM w0 is STOPPING: its provider did not say that it is gone"]);
    main.gone("w0");
    await asked;
    deadline.dispose();
  });
});

Deno.test("other groups leave what is there as it is, and take effect at once", async () => {
  await world(async ({ main, fleet, want, regroup }) => {
    assertEquals(fleet(), ["w0 READY"]);
    await regroup([group({ min: 2, max: 2 })]);
    assertEquals([fleet(), main.asked], [["w0 READY", "w1 READY"], ["create w0", "create w1"]]);
    await regroup([group({ min: 0, max: 2 })]);
    await want(0, ["w0"]);
    assertEquals([fleet(), main.asked.slice(2)], [["w1 READY"], ["delete w0"]]);
  });
});

Deno.test("a run that begins anew after a crash has the groups that were told last", async () => {
  const clock = new ManualClock();
  const told: { regroup: (groups: readonly GroupConfig[]) => void } = { regroup: () => {} };
  const body = vmManagerLoop({
    makers: (context) => ({ local: localProviders(context.channel(LOCAL_CHANNEL)) }),
    random: seededRandom(1),
    hasJournal: () => Promise.resolve(false),
    journal: () => Promise.reject(new Error("a local cluster writes nothing down")),
    main: () => ({
      launch: () => Promise.reject(new Error("nobody needs to know")),
      onGroups: (handler) => told.regroup = handler,
    }),
  });
  const config = { cluster: "c", hasLocal: true, folder: "/nowhere", groups: [group()] };
  const run = async (loop: FakeLoop<VmManagerConfig>) => {
    const main = new FakeMain(loop.far(LOCAL_CHANNEL));
    loop.run(body, config);
    await loop.ready;
    await clock.advance(50);
    return main;
  };
  const first = new FakeLoop<VmManagerConfig>(clock);
  await run(first);
  told.regroup([group({ min: 3 })]);
  await clock.advance(1_000);
  first.signal.abort({ cause: "crash", deadline: undefined });
  await first.ended;
  await first.unwind(1_000, "crash");
  const second = new FakeLoop<VmManagerConfig>(clock);
  const main = await run(second);
  assertEquals(main.asked, ["create w0", "create w1", "create w2"]);
  await second.stop();
  assertEquals(clock.timers, 0);
});
