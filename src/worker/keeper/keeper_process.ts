/**
 * The keeper as an owned part: starts this program again as a keeper, in a session of its own, and
 * proves that nothing of it is left when it ended. Owns the process and its stdin, whose end tells
 * the keeper that its owner is gone. Runs in main.
 */
import type { Clock } from "../../base/clock.ts";
import { logger } from "../../base/log.ts";
import { Cgroup } from "../../host/cgroup.ts";
import { childrenOf, descendants } from "../../host/proc.ts";
import { signalProcess } from "../../host/process_group.ts";
import { OrphanReaper } from "../../host/orphan_reaper.ts";
import { type PipedProcess, startPiped } from "../../host/piped_process.ts";
import { socketPathFor } from "../../host/socket_path.ts";
import { sweepMarked } from "../../host/sweep.ts";
import type { Deadline } from "../../lifecycle/deadline.ts";
import type { Part, PartFacts, StartContext } from "../../lifecycle/part.ts";
import { MARKER } from "./marker.ts";

/** How long the sweep of what an earlier keeper left may take, in ms. */
const SWEEP_MS = 5_000;

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
}

/** See the head of this file. */
export class KeeperProcess implements Part {
  readonly name = "keeper";
  readonly kind = "process" as const;
  readonly #options: KeeperProcessOptions;
  readonly #reaper = new OrphanReaper();
  #process: PipedProcess | null = null;
  #clock: Clock | null = null;
  #asked = false;
  #gone = false;

  /** @param options what it is made of */
  constructor(options: KeeperProcessOptions) {
    this.#options = options;
  }

  async start(context: StartContext): Promise<void> {
    this.#clock = context.clock;
    const { ended } = await this.#sweep(SWEEP_MS);
    for (const line of ended) {
      logger("keeper").warning("ended what an earlier keeper left: {line}", { line });
    }
    const { command, args } = this.#options;
    this.#process = startPiped([...command, ...args]);
    const line = await this.#process.firstLine(context.signal);
    if (!line.startsWith("ready")) throw new Error(`The keeper did not start: ${line}`);
    // owner: the process, which this part ends and waits for.
    void this.#process.ended.then(({ how }) => {
      this.#gone = true;
      if (!this.#asked) context.ended(new Error(`The keeper was lost (${how})`));
    });
  }

  async ask(): Promise<void> {
    this.#asked = true;
    await this.#process?.closeStdin();
    await this.#process?.ended;
  }

  force(): void {
    this.#asked = true;
    const pid = this.#process?.pid;
    if (pid === undefined) return;
    const below = descendants(pid);
    signalProcess(pid, "SIGKILL");
    for (const one of below) signalProcess(one, "SIGKILL");
  }

  async verify(deadline: Deadline): Promise<readonly string[]> {
    this.#asked = true;
    if (this.#process === null) return [];
    const ours = this.#process.pid;
    const { left, ended } = await this.#sweep(deadline.remainingMs());
    for (const line of ended.filter((line) => !line.startsWith(`${ours} `))) {
      logger("keeper").warning("the keeper left this behind, it was ended: {line}", { line });
    }
    return left;
  }

  async release(): Promise<void> {
    await this.#process?.closeStdin();
    removeSocket(socketPathFor(this.#options.folder));
    if (this.#options.cgroup !== null) Cgroup.find(this.#options.cgroup)?.remove();
    this.#reaper.close();
  }

  facts(): PartFacts {
    return this.#process === null ? {} : { detail: `pid ${this.#process.pid}` };
  }

  /** Ends everything with our marker, and what came back to us since we are a subreaper. */
  async #sweep(timeoutMs: number): Promise<{ ended: string[]; left: string[] }> {
    const { cluster, worker } = this.#options;
    const ours = this.#process?.pid;
    const cgroup = this.#options.cgroup === null ? null : Cgroup.find(this.#options.cgroup);
    const result = await sweepMarked({
      marker: MARKER,
      folder: this.#options.folder,
      prefix: `${cluster}.${worker}.`,
      clock: this.#clock as Clock,
      timeoutMs,
      also: () => {
        this.#reaper.reap();
        const members = cgroup?.members() ?? [];
        if (members.length > 0) cgroup?.kill();
        if (ours === undefined) return members;
        // Only when the keeper itself is gone has all that it left come back to main.
        const keeper = this.#gone ? [] : [ours];
        if (!this.#reaper.adopts) return [...members, ...keeper];
        // Children of main that are no keeper of ours came back from a keeper that was killed.
        const orphans = childrenOf("self").filter((pid) => this.#reaper.isOrphan(pid));
        return [...members, ...keeper, ...orphans];
      },
    });
    // What died between the last reaping and the last look is still a zombie.
    this.#reaper.reap();
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
