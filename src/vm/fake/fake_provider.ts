/**
 * The provider `fake`: VMs that are not there, which come up, fail, are refused, taken back or hang as
 * a script says. For trying out scale groups without machines, and for tests. Its slices live in a
 * {@linkcode FakeCloud}, which like a real one knows nothing of who asks.
 */
import type { Clock, Timer } from "../../base/clock.ts";
import { IrisError } from "../../base/errors.ts";
import type { Part } from "../../lifecycle/part.ts";
import type { VmEvent } from "../managed_vm.ts";
import type { FakeProviderConfig, FakeStep } from "../provider_config.ts";
import type {
  ExistingSlice,
  MakeProvider,
  ProviderContext,
  ProviderReceiver,
  SliceDelete,
  SliceRequest,
  VmProvider,
} from "../vm_provider.ts";

/** A slice in the cloud. */
interface CloudSlice extends SliceRequest {
  readonly group: string;
  readonly externalId: string;
  readonly timers: Set<Timer>;
  state: "coming" | "up" | "going";
}

/** Where fake slices are. */
export class FakeCloud {
  readonly #clock: Clock;
  readonly #config: FakeProviderConfig;
  readonly #slices = new Map<string, CloudSlice>();
  #made = 0;
  #receiver: ProviderReceiver | null = null;

  constructor(config: FakeProviderConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
  }

  /** What there is, one line each. */
  get left(): string[] {
    return [...this.#slices.values()].map(({ slice, state }) => `${slice} ${state}`);
  }

  /** Whether a VM is up. */
  isUp(vm: string): boolean {
    return this.#sliceOf(vm)?.state === "up";
  }

  /** Sets who hears of it; null for nobody. */
  listen(receiver: ProviderReceiver | null): void {
    this.#receiver = receiver;
  }

  /** What a group has. */
  slices(group: string): ExistingSlice[] {
    return [...this.#slices.values()].filter((one) => one.group === group)
      .map(({ slice, vms, externalId }) => ({ slice, vms, externalId, group }));
  }

  /** Takes a request. @throws {IrisError} `quota` */
  request({ slice, vms }: SliceRequest, group: string): string {
    const known = this.#slices.get(slice);
    if (known !== undefined) return known.externalId;
    const { quota, script, bootMs } = this.#config;
    const step = script[this.#made] ?? { fate: "ready", afterMs: bootMs };
    if (step.fate === "quota" || (quota !== null && this.#slices.size >= quota)) {
      this.#made++;
      throw new IrisError("quota", `The fake cloud gives no more than ${this.#slices.size} slices`);
    }
    const one: CloudSlice = {
      ...{ slice, vms, group, state: "coming" },
      externalId: `fake-${this.#made++}`,
      timers: new Set(),
    };
    this.#slices.set(slice, one);
    this.#phase(one, "booting");
    this.#play(one, step);
    return one.externalId;
  }

  /** Takes it away, whatever it does. */
  remove({ slice, vms }: SliceRequest, afterMs = this.#config.deleteMs): void {
    const one = this.#slices.get(slice);
    if (one === undefined) {
      this.#clock.setTimer(0, () => this.#tell(vms, { name: "gone", reason: "It is not there" }));
      return;
    }
    if (one.state === "going") return;
    this.#quiet(one);
    one.state = "going";
    this.#after(one, afterMs, () => this.#lose(one, { name: "gone", reason: "It was deleted" }));
  }

  /** A VM ends by itself, and takes its slice along. */
  crash(vm: string): void {
    const one = this.#sliceOf(vm);
    if (one !== undefined) this.#lose(one, { name: "failed", reason: "It crashed" });
  }

  /** Nothing happens any more. */
  end(): void {
    for (const one of this.#slices.values()) this.#quiet(one);
    this.#slices.clear();
  }

  #play(one: CloudSlice, { fate, afterMs }: FakeStep): void {
    const { bootMs } = this.#config;
    if (fate === "hang") return;
    if (fate === "failed") {
      return this.#after(one, afterMs, () => {
        this.#lose(one, { name: "failed", reason: "It did not boot" });
      });
    }
    this.#after(one, fate === "ready" ? afterMs : bootMs, () => this.#up(one));
    if (fate === "preempted") {
      this.#after(one, bootMs + afterMs, () => {
        this.#lose(one, { name: "preempted", reason: "It was taken back" });
      });
    }
    if (fate === "unhealthy") {
      this.#after(one, bootMs + afterMs, () => {
        this.#tell(one.vms, { name: "unhealthy", reason: "It does not answer" });
      });
    }
  }

  #up(one: CloudSlice): void {
    one.state = "up";
    this.#phase(one, "");
    this.#tell(one.vms, { name: "booted" });
    this.#tell(one.vms, { name: "ready" });
  }

  #lose(one: CloudSlice, event: VmEvent): void {
    this.#quiet(one);
    this.#slices.delete(one.slice);
    this.#tell(one.vms, event);
  }

  #tell(vms: readonly string[], event: VmEvent): void {
    for (const vm of vms) this.#receiver?.event(vm, event);
  }

  #phase(one: CloudSlice, phase: string): void {
    for (const vm of one.vms) this.#receiver?.phase(vm, phase);
  }

  #after(one: CloudSlice, ms: number, act: () => void): void {
    const timer = this.#clock.setTimer(ms, () => {
      one.timers.delete(timer);
      act();
    });
    one.timers.add(timer);
  }

  #quiet(one: CloudSlice): void {
    for (const timer of one.timers) timer.cancel();
    one.timers.clear();
  }

  #sliceOf(vm: string): CloudSlice | undefined {
    return [...this.#slices.values()].find(({ vms }) => vms.includes(vm));
  }
}

/** Makes one for a group, over a cloud of its own or one that is given. */
export function fakeProvider(cloud?: FakeCloud): MakeProvider<FakeProviderConfig> {
  return async (config, context) => {
    const provider = new FakeProvider(cloud ?? new FakeCloud(config, context.clock), context);
    await context.owner.own(provider.part({ owned: cloud === undefined }));
    return provider;
  };
}

class FakeProvider implements VmProvider {
  readonly name = "fake";
  readonly #cloud: FakeCloud;
  readonly #context: ProviderContext;
  /** Requests under way, and what was deleted meanwhile: it goes as soon as it is there. */
  readonly #asking = new Set<string>();
  readonly #doomed = new Set<string>();

  constructor(cloud: FakeCloud, context: ProviderContext) {
    this.#cloud = cloud;
    this.#context = context;
  }

  /** @param options.owned whether the cloud ends with this */
  part(options: { owned: boolean }): Part {
    return {
      name: `${this.#context.group.name} fake cloud`,
      kind: "resource",
      start: () => this.#cloud.listen(this.#context.receiver),
      release: () => {
        this.#cloud.listen(null);
        if (options.owned) this.#cloud.end();
      },
    };
  }

  existing(): Promise<readonly ExistingSlice[]> {
    return Promise.resolve(this.#cloud.slices(this.#context.group.name));
  }

  async create(request: SliceRequest): Promise<string> {
    this.#asking.add(request.slice);
    try {
      await Promise.resolve();
      const externalId = this.#cloud.request(request, this.#context.group.name);
      if (this.#doomed.has(request.slice)) this.#cloud.remove(request);
      return externalId;
    } finally {
      this.#asking.delete(request.slice);
      this.#doomed.delete(request.slice);
    }
  }

  delete(slice: SliceDelete): void {
    if (this.#asking.has(slice.slice)) this.#doomed.add(slice.slice);
    else this.#cloud.remove(slice);
  }

  reload(): Promise<void> {
    return Promise.reject(new IrisError("invalid", "A fake VM has no worker to start anew"));
  }
}
