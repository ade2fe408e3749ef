import { assert, assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../../src/base/clock.ts";
import { IrisError } from "../../../src/base/errors.ts";
import { FakeCloud, fakeProvider } from "../../../src/vm/fake/fake_provider.ts";
import type { FakeProviderConfig } from "../../../src/vm/provider_config.ts";
import { HeardEvents, providerContract, type ProviderWorld } from "../../contracts/vm_provider.ts";
import { ManualClock, settle } from "../../fakes/manual_clock.ts";
import { scaleGroup } from "../../fakes/scale_groups.ts";

const CONFIG: FakeProviderConfig = {
  ...{ kind: "fake", bootMs: 20, deleteMs: 20, script: [], quota: null },
};

function world(sliceVms: number): ProviderWorld {
  const cloud = new FakeCloud(CONFIG, systemClock);
  return {
    group: scaleGroup({ name: "g", sliceVms, cpuMilli: 500, memoryBytes: 64 * 1024 ** 2 }),
    make: (context) =>
      fakeProvider(cloud)(CONFIG, {
        ...{ ...context, cluster: "c", folder: "/nowhere" },
        launch: () => Promise.reject(new Error("a fake starts no worker")),
      }),
    async workerUp(vm) {
      for (let look = 0; !cloud.isUp(vm); look++) {
        assert(look < 500, `${vm} did not come up: ${cloud.left}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    crash(vm) {
      cloud.crash(vm);
      return Promise.resolve();
    },
    left: () => Promise.resolve(cloud.left),
    end() {
      cloud.end();
      return Promise.resolve();
    },
  };
}

providerContract({ name: "fake", slowMs: 2_000, world: () => Promise.resolve(world(1)) });
providerContract({
  ...{ name: "fake with slices of three", slowMs: 2_000 },
  world: () => Promise.resolve(world(3)),
});

Deno.test("fates come in the order of the script, and quota is refused", async () => {
  const clock = new ManualClock();
  const cloud = new FakeCloud({
    ...CONFIG,
    quota: 3,
    script: [
      { fate: "failed", afterMs: 10 },
      { fate: "quota", afterMs: 0 },
      { fate: "preempted", afterMs: 100 },
      { fate: "hang", afterMs: 0 },
      { fate: "unhealthy", afterMs: 5 },
    ],
  }, clock);
  const heard = new HeardEvents();
  cloud.listen(heard);
  const request = (slice: string) => cloud.request({ slice, vms: [slice] }, "g");
  assertEquals(request("a"), "fake-0");
  await assertRejects(() => Promise.resolve().then(() => request("b")), IrisError, "no more");
  for (const slice of ["c", "d"]) request(slice);
  await clock.advance(20);
  request("e");
  await assertRejects(() => Promise.resolve().then(() => request("f")), IrisError, "than 3");
  await clock.advance(30);
  await clock.advance(100);
  await settle();
  assertEquals(heard.events.map(({ vm, event }) => `${vm} ${event.name}`), [
    "a failed",
    "c booted",
    "c ready",
    "e booted",
    "e ready",
    "e unhealthy",
    "c preempted",
  ]);
  assertEquals(cloud.left, ["d coming", "e up"]);
  cloud.end();
  assertEquals(clock.timers, 0);
});
