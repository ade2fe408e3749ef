/**
 * What every provider promises (`src/vm/vm_provider.ts`). Each implementation brings a world in which
 * slices really come and go, and says what is left there.
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { messageOf } from "../../src/base/errors.ts";
import { Owner } from "../../src/lifecycle/owner.ts";
import type { VmEvent, VmEventName } from "../../src/vm/managed_vm.ts";
import type { ScaleGroup } from "../../src/vm/scale_group.ts";
import type {
  ExistingSlice,
  ProviderContext,
  SliceRequest,
  VmProvider,
} from "../../src/vm/vm_provider.ts";
import type { Need } from "../support/require.ts";

/** One implementation in a world of its own; a new one for each test. */
export interface ProviderWorld {
  readonly group: ScaleGroup;
  /** Makes a provider of this world's cluster: a second one stands for the next VM manager. */
  make(
    context: Pick<ProviderContext, "clock" | "owner" | "receiver" | "group">,
  ): Promise<VmProvider>;
  /**
   * Resolves when the worker of a VM is up, as the controller would see it; rejects with what it
   * saw when that takes too long.
   */
  workerUp(vm: string): Promise<void>;
  /** Ends a VM from outside, as a crash or its host would. */
  crash(vm: string): Promise<void>;
  /** Everything that is left of the cluster's VMs, one line each: processes, allocations, folders in use. */
  left(): Promise<readonly string[]>;
  /** Takes the world down. */
  end(): Promise<void>;
}

/** What is under test. */
export interface ProviderUnderTest {
  readonly name: string;
  readonly need?: Need;
  world(): Promise<ProviderWorld>;
  /** Longest that a slice takes to come up or to go, in ms. */
  readonly slowMs: number;
}

/** Keeps what a provider says, and lets a test wait for it. */
export class HeardEvents {
  readonly events: { vm: string; event: VmEvent }[] = [];
  readonly lines: string[] = [];
  readonly phases: string[] = [];
  readonly #waiters = new Set<() => void>();

  event(vm: string, event: VmEvent): void {
    this.events.push({ vm, event });
    for (const waiter of this.#waiters) waiter();
  }

  phase(vm: string, phase: string): void {
    this.phases.push(`${vm} ${phase}`);
  }

  log(vm: string, line: string): void {
    this.lines.push(`${vm}: ${line}`);
  }

  /** How often an event was heard of a VM. */
  count(vm: string, names: readonly VmEventName[]): number {
    return this.events.filter((one) => one.vm === vm && names.includes(one.event.name)).length;
  }

  /** Resolves when one of these events was heard, beyond those of `since`. */
  async heard(
    vm: string,
    of: { names: readonly VmEventName[]; withinMs: number; since?: number },
  ): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = () => this.count(vm, of.names) > (of.since ?? 0) && resolve();
    const timer = systemClock.setTimer(of.withinMs, () => {
      const all = JSON.stringify({ events: this.events, log: this.lines.slice(-20) });
      reject(new Error(`${vm} was never ${of.names.join(" or ")}: ${all}`));
    });
    this.#waiters.add(look);
    look();
    await promise.finally(() => {
      timer.cancel();
      this.#waiters.delete(look);
    });
  }
}

/** How a VM is proved gone. */
const GONE: readonly VmEventName[] = ["gone", "failed", "preempted"];

class Stage {
  readonly heard = new HeardEvents();
  readonly world: ProviderWorld;
  readonly #failures: unknown[] = [];
  readonly #root = Owner.root("provider-test", {
    clock: systemClock,
    onFailure: (error) => this.#failures.push(error),
  });

  constructor(world: ProviderWorld) {
    this.world = world;
  }

  make(): Promise<VmProvider> {
    const { group } = this.world;
    return this.world.make({ clock: systemClock, owner: this.#root, receiver: this.heard, group });
  }

  /** The VM manager's process ends: what is owned here goes, VMs stay. */
  async leave(): Promise<void> {
    const report = await this.#root.stop(10_000, "detach");
    assertEquals(report.outcome, "clean", JSON.stringify(report));
    assertEquals(this.#failures.map(messageOf), []);
  }
}

/** Runs the suite. */
export function providerContract(of: ProviderUnderTest): void {
  const ignore = of.need?.ignore ?? false;
  const test = (name: string, body: (world: ProviderWorld) => Promise<void>) =>
    Deno.test({
      name: `slices of the provider ${of.name}: ${name}`,
      ignore,
      fn: async () => {
        const world = await of.world();
        try {
          await body(world);
        } finally {
          await world.end();
        }
      },
    });
  const within = of.slowMs;

  function slice(world: ProviderWorld, number: number): SliceRequest {
    const name = `${world.group.name}-${number}`;
    const { sliceVms } = world.group;
    const vms = sliceVms === 1
      ? [name]
      : Array.from({ length: sliceVms }, (_, at) => `${name}-${at}`);
    return { slice: name, vms };
  }

  async function created(stage: Stage, provider: VmProvider, number: number) {
    const request = slice(stage.world, number);
    const externalId = await provider.create(request, AbortSignal.timeout(within));
    for (const vm of request.vms) await stage.world.workerUp(vm);
    return { ...request, externalId };
  }

  async function deleted(
    stage: Stage,
    provider: VmProvider,
    one: SliceRequest & {
      externalId: string | null;
    },
  ) {
    const counts = one.vms.map((vm) => [vm, stage.heard.count(vm, GONE)] as const);
    provider.delete({ ...one, stopMs: 5_000, reason: "test" });
    for (const [vm, since] of counts) {
      await stage.heard.heard(vm, { names: GONE, withinMs: within, since });
    }
  }

  test("a slice comes up with its workers, and goes without a trace", async (world) => {
    const stage = new Stage(world);
    const provider = await stage.make();
    assertEquals(await provider.existing(AbortSignal.timeout(within)), []);
    const one = await created(stage, provider, 0);
    assertNotEquals(await world.left(), []);
    await deleted(stage, provider, one);
    assertEquals(await world.left(), []);
    for (const vm of one.vms) assertEquals(stage.heard.count(vm, GONE), 1);
    await stage.leave();
  });

  test("asking again for the same slice makes no second one", async (world) => {
    const stage = new Stage(world);
    const provider = await stage.make();
    const one = await created(stage, provider, 0);
    const before = (await world.left()).length;
    await provider.create(one, AbortSignal.timeout(within));
    assertEquals((await world.left()).length, before);
    await deleted(stage, provider, one);
    assertEquals(await world.left(), []);
    await stage.leave();
  });

  test("to delete twice, or what is not there, does no harm, and is answered", async (world) => {
    const stage = new Stage(world);
    const provider = await stage.make();
    const never = { ...slice(world, 7), externalId: null };
    await deleted(stage, provider, never);
    const one = await created(stage, provider, 0);
    provider.delete({ ...one, stopMs: 5_000, reason: "first" });
    provider.delete({ ...one, stopMs: 0, reason: "second" });
    for (const vm of one.vms) await stage.heard.heard(vm, { names: GONE, withinMs: within });
    assertEquals(await world.left(), []);
    await stage.leave();
  });

  test("one that is deleted on its way up is gone, and nothing comes after", async (world) => {
    const stage = new Stage(world);
    const provider = await stage.make();
    const request = slice(world, 0);
    const creating = provider.create(request, AbortSignal.timeout(within)).catch(() => null);
    provider.delete({ ...request, externalId: null, stopMs: 0, reason: "test" });
    const externalId = await creating;
    await deleted(stage, provider, { ...request, externalId });
    assertEquals(await world.left(), []);
    await stage.leave();
  });

  test("a VM that ends by itself is told as gone or failed, and its slice can be deleted", async (world) => {
    const stage = new Stage(world);
    const provider = await stage.make();
    const one = await created(stage, provider, 0);
    await world.crash(one.vms[0]!);
    await stage.heard.heard(one.vms[0]!, { names: GONE, withinMs: within });
    assertEquals(stage.heard.count(one.vms[0]!, GONE), 1);
    await deleted(stage, provider, one);
    assertEquals(await world.left(), []);
    await stage.leave();
  });

  test("the next VM manager finds by label what an earlier one left, and ends it", async (world) => {
    const first = new Stage(world);
    const one = await created(first, await first.make(), 0);
    await first.leave();
    const second = new Stage(world);
    const provider = await second.make();
    const found = await provider.existing(AbortSignal.timeout(within));
    const expected: ExistingSlice = { ...one, group: world.group.name };
    assertEquals(found.map(({ slice, vms, group }) => ({ slice, vms: [...vms], group })), [{
      slice: expected.slice,
      vms: [...expected.vms],
      group: expected.group,
    }]);
    // It is adopted: what becomes of it is heard.
    await deleted(second, provider, found[0]!);
    assertEquals(await world.left(), []);
    await second.leave();
  });

  test("what a VM says on its way can be read", async (world) => {
    const stage = new Stage(world);
    const provider = await stage.make();
    const one = await created(stage, provider, 0);
    assert(stage.heard.lines.length > 0 || stage.heard.phases.length > 0);
    await deleted(stage, provider, one);
    await stage.leave();
  });
}
