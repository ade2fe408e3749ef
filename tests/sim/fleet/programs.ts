/**
 * The programs of the fleet simulator: the real VM manager loop over a cloud and a journal that
 * outlive it, and the real autoscaler loop beside a core. Each can be killed between any two steps.
 */
import type { Demand, FromAutoscaler } from "../../../src/autoscaler/messages.ts";
import { CORE_CHANNEL, SERVER_CHANNEL, VM_CHANNEL } from "../../../src/autoscaler/messages.ts";
import { autoscalerLoop } from "../../../src/autoscaler/autoscaler_loop.ts";
import { Deadline } from "../../../src/lifecycle/deadline.ts";
import { managedLoop } from "../../../src/lifecycle/managed_loop.ts";
import type { Channel, LoopBody } from "../../../src/lifecycle/loop.ts";
import { Owner } from "../../../src/lifecycle/owner.ts";
import type { StopReport } from "../../../src/lifecycle/part.ts";
import { AUTOSCALER_CHANNEL } from "../../../src/vm/fleet.ts";
import type { GroupConfig } from "../../../src/vm/scale_group.ts";
import type { BookChange } from "../../../src/vm/vm_book.ts";
import { type OpenJournal, vmManagerLoop } from "../../../src/vm/vm_manager_loop.ts";
import { MemoryJournal } from "../../fakes/memory_journal.ts";
import { SILENT } from "../../fakes/silent_channel.ts";
import { SimChannel } from "../channel.ts";
import { type Engine, Program } from "../engine.ts";
import { RESTART } from "../sim_worker.ts";
import type { SimCloud } from "./sim_cloud.ts";
import type { SimCore } from "./sim_core.ts";
import type { Wire } from "./wire.ts";

/** What a loop may take to start, and between ticks, in ms. */
const LOOP = { startTimeoutMs: 60_000, stallMs: 10_000, restart: RESTART } as const;

/** What both programs are made of. */
export interface ProgramsOf {
  readonly engine: Engine;
  readonly wire: Wire;
  /** Told of a program that ended by itself, and why. */
  readonly broken: (why: string) => void;
}

/** A program with one loop. */
async function begin<Config>(
  { engine, broken }: ProgramsOf,
  of: {
    name: string;
    program: Program;
    body: LoopBody<Config>;
    config: Config;
    channels: Record<string, Channel<unknown, unknown>>;
  },
): Promise<Owner> {
  const { name, program } = of;
  const root = Owner.root(name, {
    clock: program.clock,
    onFailure: (error) => program.alive && broken(`${name}: ${error}`),
  });
  await root.own(managedLoop<Config>({ ...LOOP, ...of, random: engine.random }));
  return root;
}

function programOf(engine: Engine, name: string): Program {
  return new Program(engine, { name, machine: name, wallShift: () => 0 });
}

/** The VM manager. */
export class SimManager {
  readonly journal = new MemoryJournal();
  /** It dies right after this many further intents. */
  dieAfterIntents = Infinity;
  /** Told before a change is written. */
  witness: (change: BookChange) => void = () => {};
  readonly #of: ProgramsOf & { cloud: SimCloud; groups: readonly GroupConfig[]; folder: string };
  #program: Program | null = null;
  #root: Owner | null = null;

  constructor(
    of: ProgramsOf & { cloud: SimCloud; groups: readonly GroupConfig[]; folder: string },
  ) {
    this.#of = of;
  }

  get up(): boolean {
    return this.#program?.alive ?? false;
  }

  async start(): Promise<void> {
    const { engine, cloud, groups, folder, wire } = this.#of;
    const program = programOf(engine, "manager");
    this.#program = program;
    this.dieAfterIntents = Infinity;
    this.#root = await begin(this.#of, {
      ...{ name: "manager", program, config: { cluster: "sim", groups, folder, hasLocal: false } },
      body: vmManagerLoop({
        makers: () => cloud.makers(program),
        random: engine.random,
        hasJournal: () => Promise.resolve(true),
        journal: () => Promise.resolve(this.#journal(program)),
        main: () => ({
          launch: () => Promise.reject(new Error("nobody starts workers here")),
          onGroups: () => {},
        }),
      }),
      channels: { [AUTOSCALER_CHANNEL]: wire.manager(program) as Channel<unknown, unknown> },
    });
  }

  kill(): void {
    this.#program?.kill();
  }

  /** As SIGTERM does. */
  async stop(budgetMs: number): Promise<StopReport> {
    const program = this.#program!;
    const report = await this.#root!.stop(Deadline.in(budgetMs, program.clock), "shutdown");
    program.kill();
    return report;
  }

  #journal(program: Program): OpenJournal {
    const { journal } = this;
    return {
      read: () => journal.read(),
      close: () => {},
      write: (changes) => {
        if (!program.alive) throw new Error("the program is dead");
        for (const change of changes) this.witness(change);
        journal.write(changes);
        if (changes.some(({ type }) => type === "intent") && --this.dieAfterIntents <= 0) {
          program.kill();
        }
      },
    };
  }
}

/** The controller: the autoscaler beside a core. */
export class SimController {
  readonly #of: ProgramsOf & { core: SimCore };
  #program: Program | null = null;

  constructor(of: ProgramsOf & { core: SimCore }) {
    this.#of = of;
  }

  get up(): boolean {
    return this.#program?.alive ?? false;
  }

  async start(): Promise<void> {
    const { engine, core, wire } = this.#of;
    const program = programOf(engine, "controller");
    this.#program = program;
    const [near, far] = SimChannel.pair(engine, program);
    const channel = near.as<FromAutoscaler, Demand>();
    // As the real core, which tells nothing until it is asked.
    let asked = false;
    let last: Demand | null = null;
    channel.onMessage((message) => {
      if (message.type !== "retire") return;
      asked = true;
      core.retire(message);
      if (last !== null) channel.post(last);
    });
    core.begin((demand) => {
      last = demand;
      if (asked) channel.post(demand);
    });
    program.onDeath(() => void (core.post = null));
    await begin(this.#of, {
      ...{ name: "controller", program, config: null, body: autoscalerLoop() as LoopBody<null> },
      channels: {
        [CORE_CHANNEL]: far,
        [SERVER_CHANNEL]: SILENT as Channel<never, unknown> as Channel<unknown, unknown>,
        [VM_CHANNEL]: wire.controller(program) as Channel<unknown, unknown>,
      },
    });
  }

  kill(): void {
    this.#program?.kill();
  }
}
