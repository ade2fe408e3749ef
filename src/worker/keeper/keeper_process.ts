/**
 * The keeper as an owned part: starts this program again as a keeper, in a session of its own, and
 * proves that nothing of it is left when it ended. Owns the process and its stdin, whose end tells
 * the keeper that its owner is gone. Runs in main.
 *
 * The keeper of a worker on its own (`keep`) outlives its worker: one that an earlier process left
 * is adopted, a detach leaves it, and one that was lost is replaced.
 */
import { sleep } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { logger } from "../../base/log.ts";
import { Cgroup } from "../../host/cgroup.ts";
import { descendants } from "../../host/proc.ts";
import { signalProcess } from "../../host/process_group.ts";
import { OrphanReaper } from "../../host/orphan_reaper.ts";
import { startPiped } from "../../host/piped_process.ts";
import { sideSocketFor, socketPathFor } from "../../host/socket_path.ts";
import type { Deadline } from "../../lifecycle/deadline.ts";
import type {
  Part,
  PartFacts,
  StartContext,
  StopCause,
  StopReport,
  StopRequest,
} from "../../lifecycle/part.ts";
import { type Cleared, sweepWorker } from "./clear_folder.ts";
import { leftReport } from "./end_report.ts";
import { findKeeper } from "./found_keeper.ts";
import { adoptedKeeper, type HeldKeeper, ownKeeper } from "./held_keeper.ts";
import { liveKeeper, readKeeperNote } from "./keeper_lock.ts";
import { sweepNoted } from "./cleanup_note.ts";

/** How long the sweep of what an earlier keeper left may take, in ms. */
const SWEEP_MS = 5_000;
/** So many looks in a row find no orphan before there is none; between two of them, in ms. */
const CALM_LOOKS = 2;
const CALM_MS = 3;
/** How long is looked for orphans that were killed and are about to end; where some do not go, in ms. */
const DYING_MS = 2_000;
const STUCK_MS = 150;
/** Keepers that are lost one after another: so many within the window are replaced. */
const REPLACE_LIMIT = 5;
const REPLACE_WINDOW_MS = 60_000;
/** Before the first; doubled for each one after it. */
const REPLACE_GAP_MS = 50;

/** What a keeper process is made of. */
export interface KeeperProcessOptions {
  /** This program: executable and arguments, to which the keeper's own are added. */
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly cluster: string;
  readonly worker: string;
  /** The worker's folder: what writes to a file in it is a task's. */
  readonly folder: string;
  /** The name of the keeper's cgroup, or null for none. */
  readonly cgroup: string | null;
  /** For a keeper that outlives its worker; without it they go together. */
  readonly keep?: {
    /** What one that cannot be adopted gets to end its tasks in, in ms. */
    readonly graceMs: number;
  };
}

/** See the head of this file. */
export class KeeperProcess implements Part {
  readonly name = "keeper";
  readonly kind = "process" as const;
  readonly #options: KeeperProcessOptions;
  readonly #reaper = new OrphanReaper();
  readonly #stopping = new AbortController();
  readonly #lostAtMs: number[] = [];
  #context: StartContext | null = null;
  #keeper: HeldKeeper | null = null;
  #replacing: Promise<void> | null = null;
  #asked = false;
  #gone = false;
  /** True once it goes on without this process, on purpose. */
  #left = false;
  #detaching = false;
  #workerUp = false;

  /** @param options what it is made of */
  constructor(options: KeeperProcessOptions) {
    this.#options = options;
  }

  async start(context: StartContext): Promise<void> {
    this.#context = context;
    const { keep, folder } = this.#options;
    const { clock, signal } = context;
    if (keep === undefined) return await this.#begin(signal);
    const socket = socketPathFor(folder);
    const found = await findKeeper({ folder, socket, clock, signal, graceMs: keep.graceMs });
    if (found === null) return await this.#begin(signal);
    this.#hold(adoptedKeeper(found, clock));
    logger("keeper").info("adopted the keeper {pid}: {running} attempts run", {
      ...{ pid: found.pid, running: found.running },
    });
  }

  /**
   * The worker around it is up. Before that a failure leaves an adopted keeper as it was found: what
   * runs there does not end because a port was taken.
   */
  workerUp(): void {
    this.#workerUp = true;
  }

  close(cause: StopCause): void {
    this.#detaching = this.#mayLeave(cause);
  }

  async ask({ cause, deadline }: StopRequest): Promise<readonly StopReport[] | void> {
    this.#asked = true;
    this.#stopping.abort();
    this.#detaching = this.#mayLeave(cause);
    await this.#replacing;
    const keeper = this.#keeper;
    if (keeper === null || this.#gone) return;
    if (this.#detaching) {
      this.#left = true;
      await keeper.leave();
      return [leftReport(keeper.pid, { cause, allowedMs: deadline.remainingMs() })];
    }
    await keeper.askToEnd();
    await keeper.ended;
  }

  force(): void {
    this.#asked = true;
    this.#stopping.abort();
    const keeper = this.#keeper;
    if (keeper === null || this.#gone || !keeper.alive) return;
    if (this.#detaching) {
      this.#left = true;
      return;
    }
    const below = descendants(keeper.pid);
    signalProcess(keeper.pid, "SIGKILL");
    for (const one of below) signalProcess(one, "SIGKILL");
  }

  async verify(deadline: Deadline): Promise<readonly string[]> {
    this.#asked = true;
    if (this.#keeper === null) return [];
    if (this.#left && this.#keeper.alive) return [];
    const ours = this.#keeper.pid;
    const { left, ended } = await this.#sweep(deadline.remainingMs());
    for (const line of ended.filter((line) => !line.startsWith(`${ours} `))) {
      logger("keeper").warning("the keeper left this behind, it was ended: {line}", { line });
    }
    const { folder, cluster, worker } = this.#options;
    const more = await sweepNoted({
      ...{ folder, uid: `${cluster}.${worker}`, clock: this.#context!.clock },
      timeoutMs: deadline.remainingMs(),
    });
    return [...left, ...more];
  }

  async release(): Promise<void> {
    await this.#keeper?.leave();
    if (!this.#left || this.#keeper?.alive === false) {
      removeSocket(socketPathFor(this.#options.folder));
      removeSocket(sideSocketFor(this.#options.folder));
      if (this.#options.cgroup !== null) Cgroup.find(this.#options.cgroup)?.remove();
    }
    this.#reaper.close();
  }

  facts(): PartFacts {
    const keeper = this.#keeper;
    if (keeper === null) return {};
    if (this.#gone) return { detail: "lost, the next one is being started" };
    const adopted = keeper.adopted === null ? "" : `, adopted, version ${keeper.adopted}`;
    return { detail: `pid ${keeper.pid}${adopted}` };
  }

  /** A keeper is left behind alive by a detach, and by a worker that adopted it and never came up. */
  #mayLeave(cause: StopCause): boolean {
    if (this.#options.keep === undefined) return false;
    if (cause === "detach") return true;
    return cause === "crash" && !this.#workerUp && this.#keeper?.adopted !== null;
  }

  /** Ends what an earlier keeper left, and starts a new one. */
  async #begin(signal: AbortSignal): Promise<void> {
    const { ended } = await this.#sweep(SWEEP_MS);
    for (const line of ended) {
      logger("keeper").warning("ended what an earlier keeper left: {line}", { line });
    }
    const { command, args } = this.#options;
    const process = startPiped([...command, ...args]);
    this.#gone = false;
    this.#hold(ownKeeper(process, { terminate: this.#options.keep !== undefined }));
    const line = await process.firstLine(signal);
    if (!line.startsWith("ready")) throw new Error(`The keeper did not start: ${line}`);
  }

  #hold(keeper: HeldKeeper): void {
    this.#keeper = keeper;
    // owner: the process, which this part ends and waits for.
    void keeper.ended.then(({ how }) => {
      this.#gone = true;
      if (!this.#asked && this.#replacing === null) this.#lost(how);
    });
  }

  #lost(how: string): void {
    const { keep, folder } = this.#options;
    const { clock } = this.#context!;
    const error = new Error(`The keeper was lost (${how})`);
    const now = clock.now();
    this.#lostAtMs.push(now);
    const recent = this.#lostAtMs.filter((atMs) => now - atMs < REPLACE_WINDOW_MS);
    if (keep === undefined || recent.length > REPLACE_LIMIT) return this.#context!.ended(error);
    // One that left in order said so in its lock: it was replaced on purpose.
    if (readKeeperNote(folder) === null) logger("keeper").info("the keeper left, the next starts");
    else logger("keeper").error("the keeper was lost ({how}): another is started", { how });
    this.#replacing = this.#replace(REPLACE_GAP_MS * 2 ** (recent.length - 1));
  }

  async #replace(gapMs: number): Promise<void> {
    const { signal } = this.#stopping;
    let problem: string | null = null;
    try {
      await sleep(this.#context!.clock, gapMs, signal);
      if (!this.#asked) await this.#begin(signal);
    } catch (error) {
      problem = messageOf(error);
    } finally {
      this.#replacing = null;
    }
    if (this.#asked) return;
    if (problem !== null) this.#lost(problem);
    else if (this.#gone) this.#lost("it ended as soon as it began");
  }

  /**
   * What died between the last reaping and the last look is still a zombie, and on a busy machine comes
   * back a moment later: a parent of it that was killed has to be gone first.
   */
  async #reapLast(limitMs: number): Promise<void> {
    const { clock } = this.#context!;
    const giveUp = clock.now() + limitMs;
    for (let calm = 0; calm < CALM_LOOKS && clock.now() < giveUp;) {
      this.#reaper.reap();
      // The kernel takes a killed keeper's memory first, and gives its children to us only then.
      const dies = this.#keeper?.alive === true;
      calm = !dies && this.#reaper.orphans().length === 0 ? calm + 1 : 0;
      if (calm < CALM_LOOKS) await sleep(clock, CALM_MS);
    }
  }

  /** Ends everything with our marker, and what came back to us since we are a subreaper. */
  async #sweep(timeoutMs: number): Promise<Cleared> {
    const ours = this.#keeper;
    const result = await sweepWorker(this.#options, {
      clock: this.#context!.clock,
      timeoutMs,
      also: () => {
        this.#reaper.reap();
        // One of before that still lives can only be one that nobody adopts.
        const earlier = liveKeeper(this.#options.folder)?.pid ?? 0;
        if (ours === null) return earlier === 0 ? [] : [earlier];
        // Only when the keeper itself is gone has all that it left come back to main.
        return [...(ours.alive ? [ours.pid] : []), ...this.#reaper.orphans()];
      },
    });
    // Before the first keeper there is nothing of ours that could be dying.
    await this.#reapLast(ours !== null && result.left.length === 0 ? DYING_MS : STUCK_MS);
    return result;
  }
}

/** A keeper that was killed leaves it, perhaps outside of the worker's folder. */
function removeSocket(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // The keeper did so itself.
  }
}
