/** Runs a loop's body in a test: its context, its channels, and a stop in the order of the tree. */
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { channelPair, type PortChannel } from "../../src/lifecycle/channel.ts";
import { Deadline } from "../../src/lifecycle/deadline.ts";
import type { Channel, LoopBody, LoopContext } from "../../src/lifecycle/loop.ts";
import type { Owner } from "../../src/lifecycle/owner.ts";
import type { Part, StopCause, StopReport, StopRequest } from "../../src/lifecycle/part.ts";

/** A loop under test. */
export class FakeLoop<Config> {
  readonly closing = new AbortController();
  readonly signal = new AbortController();
  /** What the body owns, in order. */
  readonly parts: Part[] = [];
  /** Reports that parts answered with. */
  readonly reports: StopReport[] = [];
  readonly #below = new Map<Part, Part[]>();
  readonly #ready = Promise.withResolvers<unknown>();
  readonly #near = new Map<string, PortChannel<unknown, unknown>>();
  readonly #far = new Map<string, PortChannel<unknown, unknown>>();
  readonly #clock: Clock;
  #ended: Promise<void> | null = null;
  ticks = 0;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Resolves with what the body said when it was up; rejects when it ended before. */
  get ready(): Promise<unknown> {
    return this.#ready.promise;
  }

  /** Settles as the body does. */
  get ended(): Promise<void> {
    return this.#ended ?? Promise.resolve();
  }

  /** The other end of a channel of the body. */
  far<In, Out>(name: string): Channel<In, Out> {
    this.#pair(name);
    return this.#far.get(name)! as Channel<unknown, unknown> as Channel<In, Out>;
  }

  run(body: LoopBody<Config>, config: Config): this {
    const owner = { own: (part: Part) => this.#own(part) } as unknown as Owner;
    const context: LoopContext<Config> = {
      signal: this.signal.signal,
      closing: this.closing.signal,
      clock: this.#clock,
      config,
      owner,
      channel: <In, Out>(name: string) => {
        this.#pair(name);
        return this.#near.get(name)! as Channel<unknown, unknown> as Channel<In, Out>;
      },
      ready: (info) => this.#ready.resolve(info),
      tick: () => void this.ticks++,
    };
    this.#ended = body(context);
    this.#ended.then(
      () => this.#ready.reject(new Error("the body ended before it was ready")),
      (error) => this.#ready.reject(error),
    );
    this.#ready.promise.catch(() => {});
    return this;
  }

  /** Close, then ask: first the body, then what it owns, newest first. */
  async stop(remainingMs = 5_000, cause: StopCause = "shutdown"): Promise<readonly string[]> {
    const request = { cause, deadline: Deadline.in(remainingMs, this.#clock) };
    this.closing.abort(cause);
    for (const part of this.parts) part.close?.(cause);
    this.signal.abort(request);
    await this.ended;
    return await this.unwind(remainingMs, cause);
  }

  /** What the owner does once the body has ended, however it did. */
  async unwind(remainingMs = 5_000, cause: StopCause = "shutdown"): Promise<readonly string[]> {
    const request = { cause, deadline: Deadline.in(remainingMs, this.#clock) };
    const leftovers: string[] = [];
    for (const part of this.parts.toReversed()) leftovers.push(...await this.#end(part, request));
    // Messages come on a later turn: what the body said last shall still arrive.
    for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => setTimeout(resolve, 0));
    for (const channel of [...this.#near.values(), ...this.#far.values()]) channel.close();
    return leftovers;
  }

  /** Ends one part: it leaves its owner. @returns what it left over */
  async #end(part: Part, request: StopRequest): Promise<readonly string[]> {
    const reports = await part.ask?.(request);
    this.reports.push(...reports ?? []);
    const leftovers = await part.verify?.(request.deadline) ?? [];
    await part.release?.();
    this.parts.splice(this.parts.indexOf(part), 1);
    return leftovers;
  }

  /** Ends a part and everything below it, newest first. */
  async #endAll(part: Part, request: StopRequest): Promise<void> {
    for (const child of (this.#below.get(part) ?? []).toReversed()) {
      if (this.parts.includes(child)) await this.#endAll(child, request);
    }
    await this.#end(part, request);
  }

  async #own(part: Part): Promise<Pick<Owner, "stop">> {
    this.parts.push(part);
    const below: Part[] = [];
    this.#below.set(part, below);
    const own = (child: Part) => {
      below.push(child);
      return this.#own(child);
    };
    await part.start?.({
      owner: { own } as unknown as Owner,
      clock: this.#clock,
      signal: this.signal.signal,
      ended: () => void this.parts.splice(this.parts.indexOf(part), 1),
    });
    return {
      stop: async (ms, cause) => {
        const deadline = Deadline.in(Number(ms), this.#clock);
        await this.#endAll(part, { cause, deadline });
        deadline.dispose();
        return {} as StopReport;
      },
    };
  }

  #pair(name: string): void {
    if (this.#near.has(name)) return;
    const [near, far] = channelPair<unknown, unknown>();
    this.#near.set(name, near);
    this.#far.set(name, far);
  }
}
