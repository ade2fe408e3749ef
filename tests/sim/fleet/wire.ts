/**
 * The line between a VM manager and a controller in the simulator: in order, by structured clone, and
 * only while both programs live and the line is not cut. When it comes up the controller is told the
 * whole fleet, and the VM manager that it is heard.
 */
import type { Channel } from "../../../src/lifecycle/loop.ts";
import type { Fleet, FromVmManager, ToVmManager } from "../../../src/vm/fleet.ts";
import type { Engine, Program } from "../engine.ts";

/** How much later a message arrives at most, in ms. */
const MAX_DELAY_MS = 20;
/** How long it takes until a line that broke is noticed, in ms. */
const NOTICE_MS = 5_000;

type Side = "manager" | "controller";

/** One end, of one program. */
class End implements Channel<unknown, unknown> {
  readonly dropped = 0;
  readonly program: Program;
  readonly #send: (message: unknown) => void;
  #handler: ((message: unknown) => void) | null = null;
  readonly #early: unknown[] = [];

  constructor(program: Program, send: (message: unknown) => void) {
    this.program = program;
    this.#send = send;
  }

  post(message: unknown): void {
    if (this.program.alive) this.#send(structuredClone(message));
  }

  onMessage(handler: ((message: unknown) => void) | null): void {
    this.#handler = handler;
    if (handler !== null) { for (const message of this.#early.splice(0)) handler(message); }
  }

  arrive(message: unknown): void {
    this.program.run(() => {
      if (this.#handler === null) this.#early.push(message);
      else this.#handler(message);
    });
  }
}

/** See the head of this file. */
export class Wire {
  readonly #engine: Engine;
  readonly #ends: { manager: End | null; controller: End | null } = {
    manager: null,
    controller: null,
  };
  readonly #lastAt = { manager: 0, controller: 0 };
  #fleet: Fleet | null = null;
  #cut = false;
  #up = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** The VM manager's end, for a new program. */
  manager(program: Program): Channel<ToVmManager, FromVmManager> {
    this.#fleet = null;
    return this.#end("manager", program) as unknown as Channel<ToVmManager, FromVmManager>;
  }

  /** The controller's end, for a new program. */
  controller(program: Program): Channel<FromVmManager, ToVmManager> {
    return this.#end("controller", program) as unknown as Channel<FromVmManager, ToVmManager>;
  }

  /** Cuts it, or mends it. */
  set cut(cut: boolean) {
    this.#cut = cut;
    this.#engine.at(NOTICE_MS, () => this.#look());
  }

  /** True while what one side says reaches the other. */
  get up(): boolean {
    const { manager, controller } = this.#ends;
    return !this.#cut && (manager?.program.alive ?? false) && (controller?.program.alive ?? false);
  }

  #end(side: Side, program: Program): End {
    const end = new End(program, (message) => this.#post(side, message));
    this.#ends[side] = end;
    program.onDeath(() => void this.#engine.at(NOTICE_MS, () => this.#look()));
    // The new one stands on its own feet before it is talked to.
    this.#up = false;
    this.#engine.at(MAX_DELAY_MS, () => this.#look());
    return end;
  }

  #look(): void {
    if (this.up === this.#up) return;
    this.#up = this.up;
    this.#deliver("manager", { type: "controller", heard: this.#up } satisfies ToVmManager);
    if (this.#up && this.#fleet !== null) {
      this.#deliver("controller", { ...this.#fleet, ended: [] } satisfies Fleet);
    }
  }

  #post(from: Side, message: unknown): void {
    if (from === "manager" && (message as FromVmManager).type === "fleet") {
      this.#fleet = message as Fleet;
    }
    if (this.up) this.#deliver(from === "manager" ? "controller" : "manager", message);
  }

  #deliver(to: Side, message: unknown): void {
    const end = this.#ends[to];
    const { nowMs } = this.#engine;
    const at = Math.max(this.#lastAt[to], nowMs + this.#engine.between(0, MAX_DELAY_MS));
    this.#lastAt[to] = at;
    this.#engine.at(at - nowMs, () => {
      if (end !== null && this.#ends[to] === end) end.arrive(message);
    });
  }
}
