/**
 * Cgroups that limit attempts: which limits can be set on this machine, and a cgroup for each attempt
 * that has some. Version 2 where its controllers can be had (cgroup-v2.rst of the kernel's
 * documents, "Delegation"), else the hierarchies of version 1, each limit for itself. Owns the
 * folders of attempts below the keeper's own cgroup; runs in the keeper.
 */
import { IrisError, messageOf } from "../base/errors.ts";
import {
  ATTEMPT_PREFIX,
  AttemptCgroup,
  type AttemptFolders,
  type AttemptLimits,
} from "./attempt_cgroup.ts";
import { MAIN_LEAF, type V1Controller, v1Parent, v2Parent } from "./cgroup.ts";
import { type CgroupFs, realCgroupFs, removeBelow } from "./cgroup_fs.ts";
import { descendants } from "./proc.ts";

/** What sets a limit; null when nothing does. */
export type LimitPower = "cgroup v1" | "cgroup v2" | null;

/** What is in force on this machine. */
export interface LimitsInForce {
  readonly memory: LimitPower;
  readonly cpu: LimitPower;
  readonly pids: LimitPower;
  /** Why something is null, one line; null when nothing is. */
  readonly why: string | null;
}

/** Makes cgroups for attempts. */
export interface LimitCgroups {
  readonly inForce: LimitsInForce;
  /**
   * A cgroup with these limits, as far as they are in force.
   *
   * @param name unlike that of any other attempt
   * @throws {IrisError} `launch` when the kernel refuses
   */
  make(name: string, limits: AttemptLimits): AttemptCgroup;
  /** Removes what is left of attempts; false while something of them lives. */
  close(): boolean;
}

/** Of whom cgroups are made. */
export interface LimitCgroupsOptions {
  /** The name of the keeper's cgroup. */
  readonly name: string;
  /** The process that owns the keeper: it and all below it may be moved to a leaf. */
  readonly root: number;
  readonly fs?: CgroupFs;
  /** Everything below a process; for tests. */
  readonly below?: (pid: number) => readonly number[];
}

const LIMITS = ["memory", "cpu", "pids"] as const;
/** The file that a hierarchy of version 1 must have to be of use. */
const V1_KNOBS: Readonly<Record<V1Controller, string>> = {
  memory: "memory.limit_in_bytes",
  cpu: "cpu.cfs_quota_us",
  cpuacct: "cpuacct.usage",
  pids: "pids.max",
  freezer: "freezer.state",
};

/** No limit at all, for this reason. */
export function noLimits(why: string): LimitsInForce {
  return { memory: null, cpu: null, pids: null, why };
}

/** Finds out what can be limited here; the keeper must be in its own cgroup, if there is one. */
export function openLimitCgroups(options: LimitCgroupsOptions): LimitCgroups {
  return new HostCgroups(options);
}

class HostCgroups implements LimitCgroups {
  readonly inForce: LimitsInForce;
  readonly #fs: CgroupFs;
  /** Below which folder attempts have theirs, by controller. */
  readonly #v1 = new Map<V1Controller, string>();
  readonly #v2: { readonly path: string; readonly controllers: ReadonlySet<string> } | null;

  constructor(options: LimitCgroupsOptions) {
    this.#fs = options.fs ?? realCgroupFs;
    const v2 = new Version2(this.#fs, options);
    this.#v2 = v2.path === null ? null : { path: v2.path, controllers: v2.controllers };
    for (const controller of Object.keys(V1_KNOBS) as V1Controller[]) {
      if (this.#v2?.controllers.has(controller)) continue;
      const path = this.#openV1(controller, options.name);
      if (path !== null) this.#v1.set(controller, path);
    }
    const powers = Object.fromEntries(LIMITS.map((limit) => [limit, this.#power(limit)])) as Pick<
      LimitsInForce,
      (typeof LIMITS)[number]
    >;
    const missing = LIMITS.filter((limit) => powers[limit] === null);
    const why = missing.length === 0
      ? null
      : `no ${missing.join(", ")} cgroup: ${v2.problem ?? "none can be written"}`;
    this.inForce = { ...powers, why };
    this.close();
  }

  make(name: string, limits: AttemptLimits): AttemptCgroup {
    const made: string[] = [];
    const make = (parent: string | undefined | null) => {
      if (parent === undefined || parent === null) return null;
      const path = `${parent}/${ATTEMPT_PREFIX}${name}`;
      this.#makeBelow(parent, path);
      if (!made.includes(path)) made.push(path);
      return path;
    };
    try {
      const version2 = make(this.#v2?.path);
      const of = (controller: V1Controller) =>
        this.#v2?.controllers.has(controller) ? version2 : make(this.#v1.get(controller));
      const folders: AttemptFolders = {
        version2,
        memory: of("memory"),
        cpu: of("cpu"),
        cpuacct: this.#v2?.controllers.has("cpu") ? null : of("cpuacct"),
        pids: of("pids"),
        freezer: version2 === null ? of("freezer") : null,
      };
      const cgroup = new AttemptCgroup(folders, this.#fs);
      cgroup.limit(limits);
      return cgroup;
    } catch (error) {
      for (const path of made) this.#fs.remove(path);
      const message = `Cannot limit it: the kernel refuses a cgroup: ${messageOf(error)}`;
      throw new IrisError("launch", message, { cause: error });
    }
  }

  close(): boolean {
    const parents = [this.#v2?.path, ...this.#v1.values()].filter((one) => one !== undefined);
    const left = parents.flatMap((parent) =>
      this.#fs.below(parent).filter((name) => name.startsWith(ATTEMPT_PREFIX))
        .filter((name) => !removeBelow(this.#fs, `${parent}/${name}`))
    );
    return left.length === 0;
  }

  /** Whoever cleans up may have found the folder empty: it is made again. */
  #makeBelow(parent: string, path: string): void {
    try {
      this.#fs.make(path);
    } catch {
      this.#fs.make(parent);
      this.#fs.make(path);
    }
  }

  #power(limit: (typeof LIMITS)[number]): LimitPower {
    if (this.#v2?.controllers.has(limit)) return "cgroup v2";
    return this.#v1.has(limit) ? "cgroup v1" : null;
  }

  #openV1(controller: V1Controller, name: string): string | null {
    const parent = v1Parent(this.#fs, controller);
    if (parent === null) return null;
    const path = `${parent}/${name}`;
    try {
      this.#fs.make(path);
    } catch {
      return null;
    }
    if (this.#fs.read(`${path}/${V1_KNOBS[controller]}`) !== null) return path;
    this.#fs.remove(path);
    return null;
  }
}

/**
 * The keeper's cgroup in version 2, with as many controllers for its children as can be had. Each
 * one comes from above: the parent must hand it down, and a cgroup that hands something down may
 * hold no process (the root excepted). So what stands in the parent is put in a leaf, if it is all
 * ours; when others are there it is theirs as well, and nothing is moved.
 */
class Version2 {
  readonly path: string | null;
  readonly controllers = new Set<string>();
  problem: string | null = null;
  readonly #fs: CgroupFs;
  readonly #options: LimitCgroupsOptions;

  constructor(fs: CgroupFs, options: LimitCgroupsOptions) {
    this.#fs = fs;
    this.#options = options;
    const parent = v2Parent(fs);
    const path = parent === null ? null : `${parent}/${options.name}`;
    this.path = path !== null && fs.read(`${path}/cgroup.procs`) !== null ? path : null;
    if (parent === null || this.path === null) return;
    for (const limit of LIMITS) {
      const offered = words(fs.read(`${parent}/cgroup.controllers`)).includes(limit);
      if (!offered || !this.#handDown(parent, limit)) continue;
      if (this.#enable(this.path, limit)) this.controllers.add(limit);
    }
  }

  #handDown(parent: string, controller: string): boolean {
    if (this.#enable(parent, controller)) return true;
    const { root, below = descendants } = this.#options;
    const ours = new Set([root, ...below(root)]);
    const there = words(this.#fs.read(`${parent}/cgroup.procs`)).map(Number);
    if (there.length === 0) return false;
    if (!there.every((pid) => ours.has(pid))) {
      this.problem = `other processes are in ${parent}: start the worker in a cgroup of its own, ` +
        "for instance by systemd-run --scope -p Delegate=yes";
      return false;
    }
    try {
      this.#fs.make(`${parent}/${MAIN_LEAF}`);
      for (const pid of there) this.#fs.write(`${parent}/${MAIN_LEAF}/cgroup.procs`, `${pid}`);
    } catch (error) {
      this.problem = `${parent} is not delegated to this user: ${messageOf(error)}`;
      return false;
    }
    return this.#enable(parent, controller);
  }

  #enable(path: string, controller: string): boolean {
    const file = `${path}/cgroup.subtree_control`;
    if (words(this.#fs.read(file)).includes(controller)) return true;
    try {
      this.#fs.write(file, `+${controller}`);
      return true;
    } catch (error) {
      this.problem ??= `${file} cannot be written: ${messageOf(error)}`;
      return false;
    }
  }
}

function words(text: string | null): string[] {
  return (text ?? "").split(/\s+/).filter((word) => word !== "");
}
