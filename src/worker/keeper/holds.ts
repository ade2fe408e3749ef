/**
 * Makes what holds attempts with limits, and tells which limits are in force. Attempts without any
 * start without it, which is the fast way. Owns cgroups that could not be removed yet; runs in the
 * keeper.
 */
import { makeFolder } from "../../host/make_folder.ts";
import type { AttemptCgroup } from "../../host/attempt_cgroup.ts";
import { type RunAs, stepRequest } from "../../host/launch_step.ts";
import type { LimitCgroups, LimitsInForce } from "../../host/limit_cgroups.ts";
import { OomKills } from "../../host/oom_kills.ts";
import type { SpawnRequest } from "../../host/spawner.ts";
import { IrisError, messageOf } from "../../base/errors.ts";
import type { KeeperLimits, KeeperSpec } from "../keeper_link.ts";
import { Hold, SAMPLE_MS } from "./hold.ts";

/** What a keeper limits attempts with. */
export interface HoldsOptions {
  /** The worker's folder. */
  readonly folder: string;
  /** Null when no cgroup may be made. */
  readonly cgroups: LimitCgroups | null;
  /** What is in force without cgroups. */
  readonly otherwise: LimitsInForce;
  readonly runAs: RunAs | null;
  /** What no task can know. */
  readonly secret: string;
}

/** One attempt that is about to start. */
export interface HoldRequest {
  readonly spec: KeeperSpec;
  readonly uid: string;
  readonly request: SpawnRequest;
  /** Where its output on stderr begins. */
  readonly errFrom: number;
}

/** How often a cgroup that the kernel still holds on to is tried again, in ms. */
const TIDY_MS = 100;
/** How old the count of all kills for want of memory may be, in ms. */
const KILLS_MS = 200;
const OWN_FOLDER = /^\d+\.\d+\.\d+$/;

/** See the head of this file. */
export class Holds {
  readonly #options: HoldsOptions;
  readonly #inForce: LimitsInForce;
  readonly #kills = new OomKills({ freshMs: KILLS_MS, lingerMs: SAMPLE_MS });
  /** Dropped, and not gone yet. */
  #lingering: Hold[] = [];
  #nextTidyMs = 0;

  /** @param options what attempts are limited with */
  constructor(options: HoldsOptions) {
    this.#options = options;
    this.#inForce = options.cgroups?.inForce ?? options.otherwise;
    this.#sweepFolders();
  }

  /** Whose rights attempts get; null for the worker's own. */
  get runAs(): RunAs | null {
    return this.#options.runAs;
  }

  /** What is in force, for the worker. */
  get limits(): KeeperLimits {
    return { ...this.#inForce, disk: "counting" };
  }

  /** Makes the folder that tasks without one of their own begin in. @throws when it cannot be made */
  makeWork(path: string): void {
    makeFolder(path, 0o700);
    this.give(path);
  }

  /** Makes a folder the user's as whom tasks run. */
  give(path: string): void {
    const { runAs } = this.#options;
    if (runAs !== null) Deno.chownSync(path, runAs.uid, runAs.gid);
  }

  /** True for a job whose attempts cannot simply be spawned. */
  needed(spec: KeeperSpec): boolean {
    // What runs in a container is limited by its engine, whose client needs the worker's own rights.
    if (spec.cleanup !== undefined && spec.cleanup !== null) return false;
    return this.#options.runAs !== null || spec.memoryBytes > 0 || asked(spec).length > 0;
  }

  /**
   * Holds an attempt: what to spawn instead of the request, and what it is held by.
   *
   * @throws {IrisError} `launch` when that cannot be made
   */
  take({ spec, uid, request, errFrom }: HoldRequest): { request: SpawnRequest; hold: Hold } {
    const { runAs, secret } = this.#options;
    const limits = {
      memoryBytes: spec.memoryBytes > 0 ? spec.memoryBytes : null,
      cpuMilli: spec.options?.cpuLimitMilli ?? null,
      pids: spec.options?.pidsLimit ?? null,
    };
    const diskBytes = spec.resources?.disk ?? 0;
    const owned = diskBytes > 0 && spec.cwd === null ? `${request.cwd}/${uid}` : null;
    const limited = asked(spec).some((one) => one !== "disk" && this.#inForce[one] !== null);
    let cgroup: AttemptCgroup | null = null;
    try {
      if (owned !== null) this.#makeOwn(owned);
      if (limited) cgroup = this.#options.cgroups?.make(uid, limits) ?? null;
      const step = cgroup === null && runAs === null
        ? null
        : { cgroups: cgroup?.entries ?? [], runAs, mark: `iris-start-${secret}` };
      const placed = owned === null ? request : { ...request, cwd: owned };
      const hold = new Hold({
        kills: this.#kills,
        ...{ spec, cgroup, step, folder: owned, missing: this.#missing(spec) },
        diskBytes: owned === null ? null : diskBytes,
        stderr: { path: request.stderrPath, from: errFrom },
      });
      return { hold, request: step === null ? placed : stepRequest(placed, step) };
    } catch (error) {
      cgroup?.remove();
      if (error instanceof IrisError) throw error;
      throw new IrisError("launch", `Cannot start ${spec.argv[0]}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /** Gives back what held an attempt that is gone. */
  drop(hold: Hold): void {
    if (!hold.drop()) this.#lingering.push(hold);
  }

  /** Tries again, now and then, what could not be removed. */
  tidy(nowMs: number): void {
    if (this.#lingering.length === 0 || nowMs < this.#nextTidyMs) return;
    this.#nextTidyMs = nowMs + TIDY_MS;
    this.#lingering = this.#lingering.filter((hold) => !hold.cgroup!.remove());
  }

  /** Removes every cgroup of attempts that is empty. */
  close(): void {
    this.#options.cgroups?.close();
  }

  #makeOwn(path: string): void {
    this.makeWork(path.slice(0, path.lastIndexOf("/")));
    this.makeWork(path);
  }

  #missing(spec: KeeperSpec): string {
    const { why } = this.#inForce;
    const missing = asked(spec).filter((one) =>
      one === "disk" ? spec.cwd !== null : this.#inForce[one] === null
    );
    if (missing.length === 0) return "";
    const reason = missing.every((one) => one === "disk")
      ? "only a folder of the task's own is counted"
      : why ?? "nothing enforces it here";
    return `ran without its ${missing.join(", ")} limit (${reason})`;
  }

  /** What attempts of a keeper that was killed left. */
  #sweepFolders(): void {
    const work = `${this.#options.folder}/work`;
    try {
      for (const { name } of Deno.readDirSync(work)) {
        if (!OWN_FOLDER.test(name)) continue;
        // owner: the keeper, as in `Hold.drop`.
        void Deno.remove(`${work}/${name}`, { recursive: true }).catch(() => {});
      }
    } catch {
      // There is no such folder yet.
    }
  }
}

/** Which limits a job asks for. */
function asked(
  { memoryBytes, options, resources }: KeeperSpec,
): ("memory" | "cpu" | "pids" | "disk")[] {
  return [
    ...(memoryBytes > 0 ? ["memory"] as const : []),
    ...((options?.cpuLimitMilli ?? null) === null ? [] : ["cpu"] as const),
    ...((options?.pidsLimit ?? null) === null ? [] : ["pids"] as const),
    ...((resources?.disk ?? 0) > 0 ? ["disk"] as const : []),
  ];
}
