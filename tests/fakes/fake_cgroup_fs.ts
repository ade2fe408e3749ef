/**
 * A cgroup file tree in memory, with the kernel's rules: controllers come from above, a cgroup that
 * hands some down holds no process unless it is the root, and one with members or children cannot
 * be removed. Also hierarchies of version 1 beside it.
 */
import type { CgroupFs } from "../../src/host/cgroup_fs.ts";

const V2_KNOBS: Readonly<Record<string, readonly string[]>> = {
  memory: ["memory.max", "memory.swap.max", "memory.oom.group", "memory.events", "memory.peak"],
  cpu: ["cpu.max"],
  pids: ["pids.max", "pids.current"],
};
const V1_KNOBS: Readonly<Record<string, readonly string[]>> = {
  memory: ["memory.limit_in_bytes", "memory.oom_control", "memory.max_usage_in_bytes"],
  cpu: ["cpu.cfs_quota_us", "cpu.cfs_period_us"],
  cpuacct: ["cpuacct.usage"],
  pids: ["pids.max", "pids.current"],
  freezer: ["freezer.state"],
};

interface Group {
  readonly version: 1 | 2;
  /** Mounted here: the root of the hierarchy, unless a container sees only a part of it. */
  readonly mount: boolean;
  readonly controllers: Set<string>;
  readonly handedDown: Set<string>;
  readonly procs: Set<number>;
  readonly files: Map<string, string>;
}

/** See the head of this file. */
export class FakeCgroupFs implements CgroupFs {
  readonly #groups = new Map<string, Group>();
  #self = "";
  /** Paths below which nothing can be made or written. */
  readonly readOnly: string[] = [];
  /** Every write, in order. */
  readonly writes: string[] = [];

  /** Mounts version 2 at a path, with these controllers. */
  mountV2(path: string, controllers: readonly string[]): void {
    this.#add(path, { version: 2, mount: true, controllers });
  }

  /** Mounts a hierarchy of version 1. */
  mountV1(path: string, controller: string): void {
    this.#add(path, { version: 1, mount: true, controllers: [controller] });
  }

  /** What stands in `/proc/self/cgroup`. */
  self(text: string): void {
    this.#self = text;
  }

  /** Puts processes into a cgroup, as whoever made it did. */
  place(path: string, ...pids: number[]): void {
    for (const pid of pids) this.#group(path).procs.add(pid);
  }

  /** Sets a knob as the kernel does. */
  set(path: string, file: string, text: string): void {
    this.#group(path).files.set(file, text);
  }

  /** Who is in a cgroup. */
  members(path: string): number[] {
    return [...this.#group(path).procs];
  }

  /** Every cgroup there is. */
  get paths(): string[] {
    return [...this.#groups.keys()];
  }

  read(path: string): string | null {
    if (path === "/proc/self/cgroup") return this.#self;
    const { folder, file } = split(path);
    const group = this.#groups.get(folder);
    if (group === undefined) return null;
    if (file === "cgroup.procs") return [...group.procs].map((pid) => `${pid}\n`).join("");
    if (group.version === 2) {
      if (file === "cgroup.controllers") return `${[...group.controllers].join(" ")}\n`;
      if (file === "cgroup.subtree_control") return `${[...group.handedDown].join(" ")}\n`;
    }
    return group.files.get(file) ?? null;
  }

  write(path: string, text: string): void {
    this.#mayWrite(path);
    const { folder, file } = split(path);
    const group = this.#group(folder);
    if (file === "cgroup.procs") this.#move(folder, Number(text));
    else if (file === "cgroup.subtree_control") this.#handDown(folder, text.slice(1));
    else if (file === "cgroup.kill" && group.version === 2) this.#killBelow(folder);
    else if (group.files.has(file)) group.files.set(file, text);
    else throw new Deno.errors.NotFound(path);
    this.writes.push(`${path} ${text}`);
  }

  make(path: string): void {
    this.#mayWrite(path);
    if (this.#groups.has(path)) return;
    const parent = this.#group(split(path).folder);
    const controllers = parent.version === 1 ? parent.controllers : parent.handedDown;
    this.#add(path, { version: parent.version, mount: false, controllers: [...controllers] });
  }

  remove(path: string): boolean {
    const group = this.#groups.get(path);
    if (group === undefined) return true;
    if (group.procs.size > 0 || this.below(path).length > 0) return false;
    this.#groups.delete(path);
    return true;
  }

  below(path: string): string[] {
    return this.paths.filter((one) => split(one).folder === path).map((one) => split(one).file);
  }

  #add(path: string, of: { version: 1 | 2; mount: boolean; controllers: readonly string[] }): void {
    const { version, mount, controllers } = of;
    const files = new Map<string, string>();
    const knobs = version === 1 ? V1_KNOBS : V2_KNOBS;
    for (const name of mount ? [] : controllers.flatMap((one) => knobs[one] ?? [])) {
      files.set(name, "");
    }
    if (version === 2 && !mount) files.set("cgroup.freeze", "0");
    this.#groups.set(path, {
      ...{ version, mount, files },
      controllers: new Set(controllers),
      handedDown: new Set(),
      procs: new Set(),
    });
  }

  #group(path: string): Group {
    const group = this.#groups.get(path);
    if (group === undefined) throw new Deno.errors.NotFound(path);
    return group;
  }

  #mayWrite(path: string): void {
    if (this.readOnly.some((one) => path.startsWith(`${one}/`))) {
      throw new Deno.errors.PermissionDenied(path);
    }
  }

  #move(folder: string, pid: number): void {
    const to = this.#group(folder);
    if (to.version === 2 && !to.mount && to.handedDown.size > 0) throw busy(folder);
    for (const [path, { procs, version }] of this.#groups) {
      if (version === to.version && mountOf(path) === mountOf(folder)) procs.delete(pid);
    }
    to.procs.add(pid);
  }

  #handDown(folder: string, controller: string): void {
    const group = this.#group(folder);
    if (!group.controllers.has(controller)) throw new Deno.errors.NotFound(controller);
    if (!group.mount && group.procs.size > 0) throw busy(folder);
    group.handedDown.add(controller);
    for (const name of this.below(folder)) {
      const child = this.#group(`${folder}/${name}`);
      child.controllers.add(controller);
      for (const knob of V2_KNOBS[controller] ?? []) child.files.set(knob, "");
    }
  }

  #killBelow(folder: string): void {
    this.#group(folder).procs.clear();
    for (const name of this.below(folder)) this.#killBelow(`${folder}/${name}`);
  }
}

function busy(path: string): Error {
  return new Error(`Resource or device busy (os error 16): ${path}`);
}

function split(path: string): { folder: string; file: string } {
  const at = path.lastIndexOf("/");
  return { folder: path.slice(0, at), file: path.slice(at + 1) };
}

/** The hierarchy that a path is in: what comes behind `/sys/fs/cgroup/`, if that is a mount. */
function mountOf(path: string): string {
  const first = path.split("/")[4] ?? "";
  return ["unified", ...Object.keys(V1_KNOBS)].includes(first) ? first : "";
}
