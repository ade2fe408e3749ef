/**
 * A cgroup that holds a keeper and everything below it, so that nothing can leave: not by changing
 * session, not by an emptied environment. cgroup v2 (also beside v1, in the hybrid layout) or the v1
 * `pids` hierarchy, whichever can be written (cgroups(7)). Where none can, the other proofs remain.
 *
 * The keeper itself is in a leaf of it, since a v2 cgroup whose children are limited may hold no
 * process itself. Attempts with limits have cgroups of their own beside that leaf
 * (`limit_cgroups.ts`), in v1 below a folder of the same name in each hierarchy: what is done here to
 * all members is done to those too.
 */
import { type CgroupFs, membersBelow, realCgroupFs, removeBelow } from "./cgroup_fs.ts";
import { parseCgroups } from "./hardware.ts";
import { signalProcess } from "./process_group.ts";

/** Where version 2 is mounted: alone, or beside version 1. */
const V2_MOUNTS = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
/** Where hierarchies of version 1 are mounted. */
const V1_MOUNT = "/sys/fs/cgroup";
/** Hierarchies of version 1 in which a keeper may have a folder. */
const V1_CONTROLLERS = ["pids", "memory", "cpu", "cpuacct", "freezer"] as const;
/** The leaf of the keeper itself. */
const KEEPER_LEAF = "keeper";

/** Where the processes are put that stand in the way of controllers; beside our cgroups. */
export const MAIN_LEAF = "iris-main";

/** A controller of version 1. */
export type V1Controller = (typeof V1_CONTROLLERS)[number];

/** A cgroup of ours. */
export class Cgroup {
  readonly path: string;
  readonly #name: string;
  readonly #fs: CgroupFs;

  private constructor(path: string, name: string, fs: CgroupFs) {
    this.path = path;
    this.#name = name;
    this.#fs = fs;
  }

  /** Makes or finds the cgroup of that name; null where none can be made. */
  static open(name: string, fs = realCgroupFs): Cgroup | null {
    for (const parent of [v2Parent(fs), v1Parent(fs, "pids")]) {
      if (parent === null) continue;
      const path = `${parent}/${name}`;
      try {
        fs.make(path);
        fs.make(`${path}/${KEEPER_LEAF}`);
        if (fs.read(`${path}/${KEEPER_LEAF}/cgroup.procs`) !== null) {
          return new Cgroup(path, name, fs);
        }
      } catch {
        // Not writable here: the next one.
      }
    }
    return null;
  }

  /** The cgroup of that name, if an earlier process made it. */
  static find(name: string, fs = realCgroupFs): Cgroup | null {
    const [path] = foldersOf(name, fs);
    return path === undefined ? null : new Cgroup(path, name, fs);
  }

  /** Moves this process into it; what it starts from then on is born there. */
  enter(): boolean {
    try {
      this.#fs.write(`${this.path}/${KEEPER_LEAF}/cgroup.procs`, `${Deno.pid}`);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Moves this process out again, to where it came from or to the leaf beside, and removes what is
   * empty: a keeper that ends goes with nobody left to remove it when its owner was killed.
   */
  leave(): void {
    const parent = this.path.slice(0, this.path.lastIndexOf("/"));
    for (const place of [parent, `${parent}/${MAIN_LEAF}`]) {
      try {
        this.#fs.write(`${place}/cgroup.procs`, `${Deno.pid}`);
        break;
      } catch {
        // A cgroup that hands controllers down holds no process.
      }
    }
    this.remove();
  }

  /** Who is in it, in the cgroups of attempts too. */
  members(): number[] {
    return [
      ...new Set(foldersOf(this.#name, this.#fs).flatMap((one) => membersBelow(this.#fs, one))),
    ];
  }

  /** SIGKILLs everybody in it, this process excepted. */
  kill(): void {
    const members = this.members();
    if (!members.includes(Deno.pid)) {
      try {
        this.#fs.write(`${this.path}/cgroup.kill`, "1");
      } catch {
        // v1, or a kernel before 5.14: one by one.
      }
    }
    for (const pid of members) if (pid !== Deno.pid) signalProcess(pid, "SIGKILL");
  }

  /** Removes it with all below it; false while somebody is in it. */
  remove(): boolean {
    return foldersOf(this.#name, this.#fs).map((one) => removeBelow(this.#fs, one)).every((it) =>
      it
    );
  }
}

/** Where cgroups of this process may be made in version 2; null without one. */
export function v2Parent(fs: CgroupFs): string | null {
  const group = ownGroups(fs).get("");
  if (group === undefined) return null;
  const mount = V2_MOUNTS.find((one) => fs.read(`${one}/cgroup.controllers`) !== null);
  return mount === undefined ? null : seen(fs, mount, group);
}

/** The same in a hierarchy of version 1. */
export function v1Parent(fs: CgroupFs, controller: V1Controller): string | null {
  const group = ownGroups(fs).get(controller);
  if (group === undefined) return null;
  const mount = `${V1_MOUNT}/${controller}`;
  return fs.read(`${mount}/cgroup.procs`) === null ? null : seen(fs, mount, group);
}

/** A group as it is seen below a mount; inside a container that may show only its own part. */
function seen(fs: CgroupFs, mount: string, group: string): string {
  const path = group === "/" ? mount : `${mount}${group}`;
  return fs.read(`${path}/cgroup.procs`) === null ? mount : path;
}

/** Where this process is, by controller; a cgroup of ours counts as the one it was made in. */
function ownGroups(fs: CgroupFs): Map<string, string> {
  const groups = parseCgroups(fs.read("/proc/self/cgroup") ?? "");
  for (const [controller, path] of groups) {
    groups.set(controller, path.replace(/\/iris-[\w-]+(?:\/.*)?$/, "") || "/");
  }
  return groups;
}

/** Every folder of that name that exists; the one that holds the keeper first. */
function foldersOf(name: string, fs: CgroupFs): string[] {
  const parents = [v2Parent(fs), ...V1_CONTROLLERS.map((one) => v1Parent(fs, one))];
  return parents.filter((one) => one !== null).map((one) => `${one}/${name}`)
    .filter((one) => fs.read(`${one}/cgroup.procs`) !== null);
}
