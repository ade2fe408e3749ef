/** Scale groups of one VM manager after another over one cloud and one journal, without a process. */
import { assertEquals } from "@std/assert";
import { seededRandom } from "../../src/base/random.ts";
import type {
  EndedVm,
  Fleet,
  FromVmManager,
  ToVmManager,
  VmAnswer,
  VmQuestion,
  WorkerSeen,
} from "../../src/vm/fleet.ts";
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
import { ScriptedCloud } from "../fakes/scripted_cloud.ts";
import type { Need } from "./require.ts";

/** See the head of this file. */
export class VmGroupsWorld {
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
    question: { verb: "logs"; tail: number; after?: number; waitMs?: number } | {
      verb: "stop";
      reason: string;
    } | {
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

/** A test in such a world. */
export function groupsTest(
  name: string,
  body: (world: VmGroupsWorld) => Promise<void>,
  need: Need = { ignore: false },
) {
  Deno.test(name, need, async () => {
    const folder = Deno.makeTempDirSync({ prefix: "iris-vm-" });
    const world = new VmGroupsWorld();
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
