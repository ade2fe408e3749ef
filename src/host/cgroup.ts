/**
 * A cgroup that holds a keeper and everything below it, so that nothing can leave: not by changing
 * session, not by an emptied environment. cgroup v2 (also beside v1, in the hybrid layout) or the v1
 * `pids` hierarchy, whichever can be written (cgroups(7)). Where none can, the other proofs remain.
 */
import { signalProcess } from "./process_group.ts";

/** Where hierarchies are mounted, best first; `kill` is a v2 file that ends all members at once. */
const MOUNTS = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids"];

/** A cgroup of ours. */
export class Cgroup {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes or finds the cgroup of that name; null where none can be made. */
  static open(name: string): Cgroup | null {
    for (const mount of MOUNTS) {
      const parent = ownPath(mount);
      if (parent === null) continue;
      const path = `${parent}/${name}`;
      try {
        Deno.mkdirSync(path, { recursive: true });
        Deno.openSync(`${path}/cgroup.procs`, { write: true }).close();
        return new Cgroup(path);
      } catch {
        // Not writable here: the next one.
      }
    }
    return null;
  }

  /** The cgroup of that name, if an earlier process made it. */
  static find(name: string): Cgroup | null {
    for (const mount of MOUNTS) {
      const parent = ownPath(mount);
      if (parent === null) continue;
      try {
        Deno.statSync(`${parent}/${name}/cgroup.procs`);
        return new Cgroup(`${parent}/${name}`);
      } catch {
        // Not here.
      }
    }
    return null;
  }

  /** Moves this process into it; what it starts from then on is born there. */
  enter(): boolean {
    try {
      Deno.writeTextFileSync(`${this.path}/cgroup.procs`, `${Deno.pid}`);
      return true;
    } catch {
      return false;
    }
  }

  /** Who is in it. */
  members(): number[] {
    try {
      return Deno.readTextFileSync(`${this.path}/cgroup.procs`).split("\n").filter((line) =>
        line !== ""
      ).map(Number);
    } catch {
      return [];
    }
  }

  /** SIGKILLs everybody in it, this process excepted. */
  kill(): void {
    const members = this.members();
    if (!members.includes(Deno.pid)) {
      try {
        return Deno.writeTextFileSync(`${this.path}/cgroup.kill`, "1");
      } catch {
        // v1, or a kernel before 5.14: one by one.
      }
    }
    for (const pid of members) if (pid !== Deno.pid) signalProcess(pid, "SIGKILL");
  }

  /** Removes it; false while somebody is in it. */
  remove(): boolean {
    try {
      Deno.removeSync(this.path);
      return true;
    } catch (error) {
      return error instanceof Deno.errors.NotFound;
    }
  }
}

/** The folder of this process's own cgroup below a mount, or null when that is none. */
function ownPath(mount: string): string | null {
  try {
    Deno.statSync(`${mount}/cgroup.procs`);
    const lines = Deno.readTextFileSync("/proc/self/cgroup").split("\n");
    const isV1 = mount.endsWith("/pids");
    const line = lines.find((one) => isV1 ? one.split(":")[1] === "pids" : one.startsWith("0::"));
    if (line === undefined) return null;
    const path = line.split(":").slice(2).join(":").replace(/\/iris-[\w-]+$/, "");
    return `${mount}${path === "/" ? "" : path}`;
  } catch {
    return null;
  }
}
