import { assertEquals } from "@std/assert";
import { autoscalerLoop } from "../../src/autoscaler/autoscaler_loop.ts";
import {
  CORE_CHANNEL,
  type Demand,
  type FromAutoscaler,
  VM_CHANNEL,
} from "../../src/autoscaler/messages.ts";
import type { Fleet, ToVmManager } from "../../src/vm/fleet.ts";
import type { VmStateName } from "../../src/wire/vms.ts";
import { FakeLoop } from "../fakes/fake_loop.ts";
import { ManualClock, settle } from "../fakes/manual_clock.ts";
import { scaleGroup } from "../fakes/scale_groups.ts";
import { job, room } from "../support/pass_samples.ts";

Deno.test("it asks for VMs when work fits nowhere, and gives idle ones up after their time", async () => {
  const clock = new ManualClock();
  const loop = new FakeLoop<unknown>(clock);
  const core = loop.far<FromAutoscaler, Demand>(CORE_CHANNEL);
  const retired: string[][] = [];
  core.onMessage((message) => {
    if (message.type === "retire") retired.push([...message.workers]);
  });
  const vm = loop.far<ToVmManager, Fleet>(VM_CHANNEL);
  const told: string[] = [];
  vm.onMessage((message) => {
    if (message.type !== "wanted") return;
    told.push(message.groups.map(({ count, remove }) => [count, ...remove].join(" ")).join("; "));
  });
  const tell = async (message: Demand | Fleet) => {
    if (message.type === "fleet") vm.post(message);
    else core.post(message);
    await settle();
    await clock.advance(20);
  };
  const fleet = (...vms: { vm: string; state: VmStateName }[]): Fleet => ({
    type: "fleet",
    groups: [{
      ...scaleGroup({ name: "g", min: 1, max: 4, cpuMilli: 1_000, memoryBytes: 10, idleMs: 3_000 }),
      provider: "fake",
      availability: { state: "ok", untilMs: null, reason: "" },
      slices: vms.map(({ vm, state }) => ({
        slice: vm,
        createdMs: 1,
        externalId: null,
        vms: [{ vm, state, sinceMs: 1, reason: "", phase: "" }],
      })),
    }],
    ended: [],
  });
  const load = (name: string, held: number, retiring = false) => ({
    ...room(name, 1, { freeCpuMilli: held > 0 ? 0 : 1_000 }),
    ...{ held, retiring },
  });
  const demand = (workers: Demand["workers"], jobs: Demand["jobs"] = []): Demand => ({
    ...{ type: "demand", jobs, workers, usage: {} },
  });
  loop.run(autoscalerLoop(), {});
  await loop.ready;
  await tell(fleet({ vm: "w0", state: "READY" }));
  assertEquals([told, retired], [[], [[]]], "it asks what there is to do before it decides");
  await tell(demand([]));
  assertEquals(told, ["1"]);
  await tell(demand([load("w0", 1)], [job(1, 2)]));
  assertEquals(told, ["1", "3"]);
  await tell(fleet(
    { vm: "w0", state: "READY" },
    { vm: "w1", state: "READY" },
    { vm: "w2", state: "BOOTING" },
  ));
  await tell(demand([load("w0", 0), load("w1", 0)]));
  assertEquals([told.slice(2), retired], [["3"], [[]]]);
  await clock.advance(2_500);
  assertEquals(retired, [[]]);
  await clock.advance(1_000);
  // First nothing new goes there; when the core has seen to that, they may go.
  assertEquals([told.slice(3), retired.slice(1)], [["3"], [["w0", "w1"]]]);
  await tell(demand([load("w0", 0, true), load("w1", 0, true)]));
  assertEquals(told.slice(4), ["1 w0 w1"]);
  // One that a user drained is there, and no room for what waits.
  await tell(fleet({ vm: "w0", state: "READY" }));
  const drained = [{ vm: "w0", state: "ready", reason: "" }] as const;
  await tell({ ...demand([], [job(2, 1)]), seen: drained });
  assertEquals(told.at(-1), "2");
  assertEquals(loop.ticks > 5, true);
  assertEquals(await loop.stop(), []);
  assertEquals(clock.timers, 0);
});
