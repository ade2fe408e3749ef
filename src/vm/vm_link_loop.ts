/**
 * The link of a VM manager to a controller elsewhere: one long poll after the other, with what both
 * have to say. It goes on through restarts and absences of the controller. Runs in an isolate of the
 * VM manager's process.
 */
import { backoffMs } from "../base/backoff.ts";
import { sleep, type Timer } from "../base/clock.ts";
import { eitherSignal } from "../base/either_signal.ts";
import { IrisError, messageOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { Channel, LoopBody, LoopContext } from "../lifecycle/loop.ts";
import type { StopReport, StopRequest, TreeNode } from "../lifecycle/part.ts";
import type { FromVmManager, ToVmManager } from "./fleet.ts";
import { LinkSide } from "./link_side.ts";
import type { FromLinked, LinkAnswer, LinkRequest, ToLinked } from "./vm_link.ts";

/** The names of its channels, at its own end. */
export const MANAGER_CHANNEL = "manager";
export const MAIN_CHANNEL = "main";

/** How long the controller may hold a call, in ms; and what a call may take beyond that. */
const WAIT_MS = 20_000;
const SLACK_MS = 10_000;
/** News that comes this close together travels together, in ms. */
const NEWS_MS = 100;
/** The first and the longest pause after a call that failed, in ms. */
const PAUSE = { minMs: 200, maxMs: 5_000 };
/** The controller counts as gone after this long without an answer, in ms. */
const AWAY_MS = 30_000;
/** One of the same name or group may have ended without a word: it is waited for so long, in ms. */
const CONFLICT_MS = 25_000;
/** What the last call at a stop may take, in ms. */
const LAST_MS = 2_000;
/** No more ends of VMs are kept for a controller that is away; the oldest are left out. */
const MAX_ENDED = 5_000;
/** How often the loop says that it is alive, in ms. */
const TICK_MS = 500;
/** What does not heal by itself. */
const FATAL: ReadonlySet<string> = new Set([
  "unauthorized",
  "forbidden",
  "invalid",
  "incompatible",
  "not_found",
]);

/** What a link is told by whoever composes it. Plain data. */
export interface VmLinkConfig {
  /** The VM manager's name. */
  readonly name: string;
  readonly session: string;
  /** Where the controller may be; not empty. */
  readonly controllerUrls: readonly string[];
  readonly groups: readonly string[];
  readonly version: string;
  readonly protocol: number;
  /** Certificates to trust in the controller, PEM, or null. */
  readonly trust: string | null;
  readonly tokenFile: string;
  /** Where `/metrics` is answered on this host; nowhere when left out. */
  readonly metricsPort?: number | undefined;
}

/** Link to main. */
export type FromLink =
  /** The controller took this VM manager for the first time. */
  | { readonly type: "attached"; readonly cluster: string }
  /** It will not, and that does not heal by itself. */
  | { readonly type: "refused"; readonly code: string; readonly message: string }
  | { readonly type: "stop"; readonly id: string; readonly remainingMs: number }
  /** How everything is; answered by a tree of the same id. */
  | { readonly type: "tree"; readonly id: number }
  /** The report of a stop is with the controller, or cannot be brought there. */
  | { readonly type: "delivered"; readonly ok: boolean }
  /** Whether the controller took other groups; it keeps to the earlier ones when not. */
  | { readonly type: "regrouped"; readonly problem: string | null };

/** Main to link. */
export type ToLink =
  | { readonly type: "stopped"; readonly report: StopReport }
  | { readonly type: "tree"; readonly id: number; readonly tree: TreeNode }
  /** The groups are these from now on. Answered by `regrouped`. */
  | { readonly type: "groups"; readonly groups: readonly string[] };

/** Powers that a link is handed. */
export interface VmLinkPorts {
  readonly random: Random;
  /**
   * Makes the call at one of the addresses.
   *
   * @throws {IrisError} in one line: what the controller answered, or `unavailable`
   */
  call(url: string, request: LinkRequest, signal: AbortSignal): Promise<LinkAnswer>;
}

/** The body of the link's loop. */
export function vmLinkLoop(
  ports: (context: LoopContext<VmLinkConfig>) => Promise<VmLinkPorts>,
): LoopBody<VmLinkConfig> {
  /** The groups that the controller took last, also for a run that begins anew after a crash. */
  let taken: readonly string[] | null = null;
  return async (context) => {
    const groups = taken ?? context.config.groups;
    const onGroups = (other: readonly string[]) => void (taken = other);
    await new VmLink(context, { ports: await ports(context), groups, onGroups }).run();
  };
}

class VmLink {
  readonly #context: LoopContext<VmLinkConfig>;
  readonly #ports: VmLinkPorts;
  readonly #manager: Channel<FromVmManager, ToVmManager>;
  readonly #main: Channel<ToLink, FromLink>;
  readonly #side = new LinkSide<FromLinked, ToLinked>(merged);
  #link: string | null = null;
  #groups: readonly string[];
  readonly #onGroups: (taken: readonly string[]) => void;
  /** Groups that the controller was not asked for yet. */
  #other: readonly string[] | null = null;
  /** Ends the held call, since there is something to tell. */
  #news = new AbortController();
  #url = 0;
  #stopId: string | null = null;
  #isReported = false;
  #heardMs: number;
  #heard = false;
  #failures = 0;
  #trouble = "";
  #refused = false;
  readonly #beganMs: number;

  constructor(
    context: LoopContext<VmLinkConfig>,
    of: {
      readonly ports: VmLinkPorts;
      readonly groups: readonly string[];
      readonly onGroups: (taken: readonly string[]) => void;
    },
  ) {
    this.#context = context;
    this.#ports = of.ports;
    this.#onGroups = of.onGroups;
    this.#manager = context.channel(MANAGER_CHANNEL);
    this.#main = context.channel(MAIN_CHANNEL);
    this.#groups = of.groups;
    this.#beganMs = this.#heardMs = context.clock.now();
  }

  async run(): Promise<void> {
    const { signal, clock } = this.#context;
    const telling: { timer: Timer | null } = { timer: null };
    const tell = (message: FromLinked) => {
      this.#side.push(message);
      telling.timer ??= clock.setTimer(NEWS_MS, () => {
        telling.timer = null;
        this.#news.abort();
      });
    };
    const tick = () => {
      this.#context.tick();
      this.#look();
      timer = clock.setTimer(TICK_MS, tick);
    };
    let timer = clock.setTimer(TICK_MS, tick);
    this.#manager.onMessage(tell);
    this.#main.onMessage((message) => {
      if (message.type === "groups") {
        this.#other = message.groups;
        return this.#news.abort();
      }
      if (message.type === "tree") return tell(message);
      const { report } = message;
      if (this.#stopId === null) return this.#main.post({ type: "delivered", ok: true });
      this.#isReported = true;
      tell({ type: "stopped", id: this.#stopId, report });
    });
    this.#manager.post({ type: "controller", heard: false });
    this.#context.ready();
    try {
      while (!signal.aborted) await this.#once();
      await this.#last();
    } finally {
      timer.cancel();
      telling.timer?.cancel();
      this.#manager.onMessage(null);
      this.#main.onMessage(null);
    }
  }

  /** One call, and a pause after one that failed. */
  async #once(): Promise<void> {
    const { signal, clock } = this.#context;
    this.#news = new AbortController();
    // Before the first answer there is nobody to tell anything; at the end somebody waits for it.
    const isUrgent = this.#isReported && this.#side.waiting > 0;
    const waitMs = this.#link === null || isUrgent || this.#side.hasMore ? 0 : WAIT_MS;
    const either = eitherSignal(signal, this.#news.signal);
    try {
      await this.#call(waitMs, either.signal);
    } catch (error) {
      if (signal.aborted || this.#news.signal.aborted) return;
      this.#failed(error);
      const ms = backoffMs(this.#failures++, PAUSE, this.#ports.random);
      await sleep(clock, ms, signal);
    } finally {
      either.done();
    }
  }

  async #call(waitMs: number, signal: AbortSignal): Promise<void> {
    const { config, clock } = this.#context;
    const { session, version, protocol, controllerUrls } = config;
    const other = this.#link === null ? null : this.#other;
    const groups = other ?? this.#other ?? this.#groups;
    // With other groups it is another link, of the same session.
    const link = other === null ? this.#link : "another";
    const isNew = this.#link === null || other !== null;
    const batch = isNew ? { ack: 0, from: 1, messages: [] } : this.#side.batch();
    const request = { ...batch, session, link, groups, version, protocol, waitMs };
    const limit = new AbortController();
    const timer = clock.setTimer(
      waitMs + SLACK_MS,
      () => limit.abort(new IrisError("unavailable", "The controller does not answer")),
    );
    const either = eitherSignal(signal, limit.signal);
    try {
      const url = controllerUrls[this.#url % controllerUrls.length]!;
      this.#answered(await this.#ports.call(url, request, either.signal));
      this.#regrouped(groups, null);
    } finally {
      either.done();
      timer.cancel();
    }
  }

  #answered(answer: LinkAnswer): void {
    this.#failures = 0;
    this.#heardMs = this.#context.clock.now();
    if (this.#trouble !== "") logger("link").info("the controller is heard again");
    this.#trouble = "";
    const first = this.#link === null;
    if (answer.link !== this.#link) {
      this.#link = answer.link;
      this.#side.reset();
      // It knows nothing of what the one before was told.
      if (!first) this.#manager.post({ type: "tell" });
    }
    if (first) this.#main.post({ type: "attached", cluster: answer.cluster });
    if (!this.#heard) this.#manager.post({ type: "controller", heard: true });
    this.#heard = true;
    for (const message of this.#side.take(answer)) this.#take(message);
    if (this.#isReported && this.#side.waiting === 0) {
      this.#main.post({ type: "delivered", ok: true });
    }
  }

  /** The controller took the groups of a call, or would not. */
  #regrouped(groups: readonly string[], problem: string | null): void {
    if (this.#other !== groups) return;
    this.#other = null;
    if (problem === null) this.#onGroups(this.#groups = groups);
    this.#main.post({ type: "regrouped", problem });
  }

  #take(message: ToLinked): void {
    if (message.type === "tree") return this.#main.post(message);
    if (message.type !== "stop") return this.#manager.post(message);
    this.#stopId = message.id;
    this.#main.post(message);
  }

  #failed(error: unknown): void {
    const { clock } = this.#context;
    this.#url++;
    const code = error instanceof IrisError ? error.code : "internal";
    const isConflict = code === "conflict" && clock.now() - this.#beganMs > CONFLICT_MS;
    const message = messageOf(error);
    if (this.#link !== null && this.#other !== null && (code === "conflict" || FATAL.has(code))) {
      return this.#regrouped(this.#other, message);
    }
    if (this.#link === null && (FATAL.has(code) || isConflict)) {
      if (!this.#refused) this.#main.post({ type: "refused", code, message });
      this.#refused = true;
    }
    if (message !== this.#trouble) logger("link").warn("{message}; trying again", { message });
    this.#trouble = message;
  }

  /** Without the controller for long nobody is judged by what it said last. */
  #look(): void {
    if (!this.#heard || this.#context.clock.now() - this.#heardMs < AWAY_MS + WAIT_MS) return;
    this.#heard = false;
    this.#manager.post({ type: "controller", heard: false });
  }

  /** What is still to be told, once more. */
  async #last(): Promise<void> {
    const { clock, closing, signal } = this.#context;
    // A run that begins anew goes on with the same session.
    if (this.#link === null || !closing.aborted) return;
    this.#side.push({ type: "bye" });
    const { deadline } = signal.reason as StopRequest;
    const limit = new AbortController();
    const ms = Math.min(LAST_MS, deadline.remainingMs() / 2);
    const timer = clock.setTimer(ms, () => limit.abort());
    try {
      await this.#call(0, limit.signal);
    } catch (error) {
      logger("link").warn("the controller was not told the last: {error}", {
        error: messageOf(error),
      });
    } finally {
      timer.cancel();
    }
  }
}

/** Of fleets only the newest matters, with all that ended lately. */
function merged(last: FromLinked, next: FromLinked): FromLinked | null {
  if (last.type !== "fleet" || next.type !== "fleet") return null;
  return { ...next, ended: [...last.ended, ...next.ended].slice(-MAX_ENDED) };
}
