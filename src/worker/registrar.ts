/**
 * Keeps a worker registered: says where it is whenever its controller does not know, and says in one
 * line when that does not work. Owned by the lifecycle loop.
 */
import { backoffMs, type BackoffOptions } from "../base/backoff.ts";
import { sleep } from "../base/clock.ts";
import { type ErrorCode, IrisError, messageOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { hostOf, isWildcard, withHost } from "../host/address.ts";
import type { LoopContext } from "../lifecycle/loop.ts";
import { PROTOCOL } from "../wire/protocol.ts";
import type { RegisterRequest, RegisterResponse } from "../wire/reconcile.ts";
import type { LifecycleConfig, LifecyclePorts } from "./lifecycle_config.ts";
import { registerWorker } from "./registration.ts";
import type { Wakeup } from "./wakeup.ts";

/** How often it looks whether there is something to do, in ms. */
const LOOK_MS = 250;
/** The first and the longest wait before another attempt, in ms. */
const SOON: BackoffOptions = { minMs: 50, maxMs: 5_000 };
/** The same for what somebody has to change first. */
const LATER: BackoffOptions = { minMs: 1_000, maxMs: 30_000 };
/** What heals only when somebody does something about it. */
const SLOW_CODES: ReadonlySet<ErrorCode> = new Set(["unauthorized", "incompatible", "conflict"]);
/** The same trouble is told again after this, in ms. */
const REMIND_MS = 60_000;

/** So many different lines are remembered. */
const MAX_TROUBLES = 50;

/** What a registrar needs of its loop. */
export interface RegistrarOptions {
  readonly ports: LifecyclePorts;
  readonly wakeup: Wakeup;
  /** What the worker found out about itself, for constraints; what it was told goes before. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Takes an answer in. @throws {IrisError} when it is not from this worker's controller */
  readonly joined: (answer: RegisterResponse) => void;
}

/** See the head of this file. */
export class Registrar {
  readonly #context: LoopContext<LifecycleConfig>;
  readonly #options: RegistrarOptions;
  /** Where the server listens, and where it did when the controller was told. */
  #listening: string | null = null;
  #told: string | null = null;
  #toldUrl: string | null = null;
  /** Which of the controller's addresses is tried, or worked last. */
  #at = 0;
  /** Of the controller that was told last. */
  #epoch = -1;
  /** What was said, each address having its own trouble, and when. */
  readonly #troubles = new Map<string, number>();

  constructor(context: LoopContext<LifecycleConfig>, options: RegistrarOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** The address that the controller was told last; null for none yet. */
  get toldUrl(): string | null {
    return this.#toldUrl;
  }

  /** Where the controller is, as far as is known. */
  get controllerUrl(): string {
    const { controllerUrl, otherControllerUrls = [] } = this.#context.config;
    return [controllerUrl, ...otherControllerUrls][this.#at] ?? controllerUrl;
  }

  /** The server listens there from now on. */
  listening(url: string): void {
    this.#listening = url;
    this.#options.wakeup.wake();
  }

  /** The controller has to be told again. */
  again(): void {
    this.#told = null;
    this.#options.wakeup.wake();
  }

  /** A controller calls that began after the one that was told: it may be somewhere else. */
  calledBy(epoch: number): void {
    if (epoch > this.#epoch && this.#told !== null) this.again();
  }

  /** Until the signal aborts. Never rejects for what the network does. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    for (let failures = 0; !signal.aborted;) {
      const url = this.#listening;
      if (url === null || url === this.#told) {
        await this.#options.wakeup.wait(clock, LOOK_MS, signal);
        continue;
      }
      try {
        await this.#register(url, signal);
        this.#told = url;
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        const slow = error instanceof IrisError && SLOW_CODES.has(error.code);
        const ms = backoffMs(failures++, slow ? LATER : SOON, this.#options.ports.random);
        this.#say(messageOf(error));
        this.#at = (this.#at + 1) % (1 + (this.#context.config.otherControllerUrls ?? []).length);
        await sleep(clock, ms, signal);
      }
    }
  }

  async #register(listening: string, signal: AbortSignal): Promise<void> {
    const { config, clock } = this.#context;
    const { ports, joined } = this.#options;
    const url = await this.#reachable(listening, signal);
    this.#toldUrl = url;
    const answer = await registerWorker(this.#request(url), {
      controllerUrl: this.controllerUrl,
      token: ports.token?.() ?? config.controllerToken,
      clock,
      signal,
      fetch: ports.fetch ?? fetch,
    });
    joined(answer);
    this.#epoch = answer.epoch;
    if (this.#troubles.size === 0) return;
    this.#troubles.clear();
    logger("worker").warn("registered with {url}", { url: this.controllerUrl });
  }

  /** The address for the controller: every address of a host is none that can be called. */
  async #reachable(listening: string, signal: AbortSignal): Promise<string> {
    if (!isWildcard(hostOf(listening))) return listening;
    const { clock } = this.#context;
    const { controllerUrl } = this;
    const find = this.#options.ports.localAddress;
    if (find === undefined) return listening;
    try {
      const host = await find(controllerUrl, { clock, signal });
      return withHost(listening, { host, port: null });
    } catch (error) {
      const why = messageOf(error);
      const message = `The controller at ${controllerUrl} cannot be reached: ${why}`;
      throw new IrisError("unavailable", message, { cause: error });
    }
  }

  #request(url: string): RegisterRequest {
    const { config } = this.#context;
    return {
      worker: config.worker,
      url,
      token: config.serverToken,
      cpuMilli: config.capacity.cpuMilli,
      memoryBytes: config.capacity.memoryBytes,
      resources: config.capacity.resources ?? {},
      attributes: { ...this.#options.attributes, ...config.attributes },
      hostname: config.hostname,
      version: config.version,
      protocol: PROTOCOL,
      pid: config.pid,
      certificate: config.certificate ?? null,
    };
  }

  /** One line for each trouble; the same one again only now and then. */
  #say(line: string): void {
    const now = this.#context.clock.now();
    const saidAt = this.#troubles.get(line);
    if (saidAt !== undefined && now - saidAt < REMIND_MS) return;
    const still = saidAt === undefined ? "" : "still ";
    if (this.#troubles.size > MAX_TROUBLES) this.#troubles.clear();
    this.#troubles.set(line, now);
    logger("worker").warn("{still}not registered: {line}; it is tried again", { still, line });
  }
}
