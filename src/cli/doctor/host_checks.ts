/**
 * What of a host Iris relies on: kernel, cgroups, disk, limits. Looks, and leaves nothing behind. The
 * files of the kernel are read below a root, so that tests can stand in for it.
 */
import { messageOf } from "../../base/errors.ts";
import { exists } from "../../base/there.ts";
import { v1Parent, v2Parent } from "../../host/cgroup.ts";
import { type CgroupFs, realCgroupFs } from "../../host/cgroup_fs.ts";
import { diskFacts } from "../../host/disk.ts";
import { FileCalls } from "../../host/file_calls.ts";
import { readHardware } from "../../host/hardware.ts";
import { hostProblem } from "../../host/host_health.ts";
import { fail, type Finding, ok, warn } from "./finding.ts";

/** Kernels before this were not tried: `[major, minor]`. */
const LEAST_KERNEL = [4, 18] as const;
/** Fewer file descriptors than this are too few for a busy server, and for work at all. */
const SOME_FILES = 4_096;
const FEW_FILES = 256;
/** Fewer processes than this are soon used up by tasks. */
const FEW_PROCESSES = 1_024;
/** Less free disk or inodes than this share is little. */
const LITTLE = 0.1;
/** ... unless so much is free, in bytes. */
const ENOUGH_BYTES = 20 * 2 ** 30;
/** What is punched into a file to see whether that works, in bytes. */
const HOLE_BYTES = 65_536;
const GIB = 2 ** 30;

/** The kernel: old ones were never tried, others than Linux lack what proofs are made of. */
export function kernel(release: string = Deno.osRelease(), os: string = Deno.build.os): Finding {
  if (os !== "linux") {
    const says =
      `this is ${os}: a controller and the commands run, tasks are ended as well as can be`;
    return warn("kernel", { says, remedy: "run workers on Linux" });
  }
  const [major = 0, minor = 0] = release.split(".").map(Number);
  const isOld = major < LEAST_KERNEL[0] || (major === LEAST_KERNEL[0] && minor < LEAST_KERNEL[1]);
  const says = `Linux ${release}, ${Deno.build.arch}`;
  return isOld
    ? warn("kernel", {
      says: `${says}: older than ${LEAST_KERNEL.join(".")}`,
      remedy: "use a newer kernel",
    })
    : ok("kernel", says);
}

/** By what the end of tasks is proved. */
export function proc(root = ""): Finding {
  if (exists(`${root}/proc/self/task`) && childrenListed(root)) {
    return ok("/proc", "children of a process are listed: the end of tasks can be proved");
  }
  return warn("/proc", {
    says: "children of a process are not listed: the end of tasks is looked for, not proved",
    remedy: "mount /proc; the kernel needs CONFIG_PROC_CHILDREN",
  });
}

function childrenListed(root: string): boolean {
  for (const { name } of Deno.readDirSync(`${root}/proc/self/task`)) {
    return exists(`${root}/proc/self/task/${name}/children`);
  }
  return false;
}

/** Whether limits of tasks can be set, and which. */
export function cgroups(fs: CgroupFs = realCgroupFs): Finding {
  const without = "memory, cpu and process limits of tasks are only noted, not kept";
  const v2 = v2Parent(fs);
  const has = (fs.read(`${v2}/cgroup.controllers`) ?? "").split(/\s+/);
  const missing = ["memory", "cpu", "pids"].filter((one) => !has.includes(one));
  if (v2 !== null && missing.length === 0) {
    const problem = makeProblem(fs, v2);
    if (problem === null) return ok("cgroups", `version 2, writable: limits of tasks are kept`);
    return warn("cgroups", {
      says: `version 2, ${problem}: ${without}`,
      remedy:
        "run the worker as root, or with Delegate=yes of systemd (the unit beside the file has it)",
    });
  }
  const v1 = (["memory", "cpu", "pids"] as const).filter((one) => {
    const parent = v1Parent(fs, one);
    return parent !== null && makeProblem(fs, parent) === null;
  });
  if (v1.length === 3) return ok("cgroups", "version 1, writable: limits of tasks are kept");
  if (v1.length > 0) {
    const says = `version 1, only ${v1.join(", ")} writable: other limits of tasks are only noted`;
    return warn("cgroups", { says, remedy: "run the worker as root" });
  }
  const why = v2 === null ? "none that can be used" : `version 2 without ${missing.join(", ")}`;
  return warn("cgroups", {
    says: `${why}: ${without}`,
    remedy: "run the worker as root, or with Delegate=yes",
  });
}

function makeProblem(fs: CgroupFs, parent: string): string | null {
  const path = `${parent}/iris-doctor-${Deno.pid}`;
  try {
    fs.make(path);
    return null;
  } catch (error) {
    return `not writable (${messageOf(error).split(",")[0]})`;
  } finally {
    fs.remove(path);
  }
}

/** The nearest folder that is there, of one that may be made later. */
export function nearestFolder(path: string): string {
  let at = path;
  while (!exists(at) && at.includes("/")) at = at.slice(0, at.lastIndexOf("/")) || "/";
  return at;
}

/** Room and inodes of the state folder's disk, and whether it can be written. */
export async function disk(stateDir: string): Promise<readonly Finding[]> {
  const folder = nearestFolder(stateDir);
  const remedy = `make room there, or choose another folder by --state-dir`;
  const problem = await hostProblem(folder);
  if (problem !== null) return [fail("disk", { says: problem, remedy })];
  const facts = diskFacts(folder);
  if (facts === null) {
    return [warn("disk", { says: "how full it is cannot be told", remedy: "look by df" })];
  }
  const { availableBytes, bytes, inodes, freeInodes } = facts;
  const says = `${folder}: ${gib(availableBytes)} of ${gib(bytes)} free`;
  const isLittle = availableBytes < bytes * LITTLE && availableBytes < ENOUGH_BYTES;
  const few = inodes > 0 && freeInodes < inodes * LITTLE;
  return [
    isLittle ? warn("disk", { says, remedy }) : ok("disk", says),
    inodes === 0 ? ok("inodes", `${folder}: they are not counted there`) : few
      ? warn("inodes", {
        says: `${folder}: ${freeInodes} of ${inodes} free`,
        remedy: "remove files nobody needs",
      })
      : ok("inodes", `${folder}: ${freeInodes} of ${inodes} free`),
  ];
}

/** Whether the middle of a log can be given back while it is written to. */
export async function holes(stateDir: string): Promise<Finding> {
  const folder = nearestFolder(stateDir);
  const path = await Deno.makeTempFile({ dir: folder, prefix: "iris-doctor-" });
  const calls = FileCalls.open();
  try {
    await Deno.writeFile(path, new Uint8Array(2 * HOLE_BYTES).fill(1));
    if (calls?.punch(path, 0, HOLE_BYTES) === true) {
      return ok("holes", `${folder}: logs can be cut while they are written to`);
    }
    return warn("holes", {
      says:
        `${folder}: its file system has no holes: logs of running tasks take the room they take`,
      remedy: "use ext4, xfs, btrfs or tmpfs for the state folder",
    });
  } finally {
    calls?.close();
    await Deno.remove(path);
  }
}

/** What this user may open and start. */
export function limits(text: string | null = readLimits()): readonly Finding[] {
  if (text === null) {
    return [warn("limits", { says: "they cannot be told here", remedy: "look by ulimit -a" })];
  }
  const of = (name: string) => {
    const [, soft = ""] = new RegExp(`^${name}\\s+(\\S+)`, "m").exec(text) ?? [];
    return soft === "unlimited" ? Infinity : Number(soft);
  };
  const files = of("Max open files");
  const processes = of("Max processes");
  const filesRemedy = "raise it: ulimit -n 65536, or LimitNOFILE= of the unit";
  return [
    files < FEW_FILES
      ? fail("open files", { says: `at most ${files}: too few to work`, remedy: filesRemedy })
      : files < SOME_FILES
      ? warn("open files", {
        says: `at most ${files}: too few for many clients and tasks`,
        remedy: filesRemedy,
      })
      : ok("open files", `at most ${files}`),
    processes < FEW_PROCESSES
      ? warn("processes", {
        says: `at most ${processes} of this user: tasks may not start`,
        remedy: "raise it: ulimit -u, or TasksMax= and LimitNPROC= of the unit",
      })
      : ok("processes", processes === Infinity ? "no limit" : `at most ${processes}`),
  ];
}

function readLimits(): string | null {
  try {
    return Deno.readTextFileSync("/proc/self/limits");
  } catch {
    return null;
  }
}

/** What a worker here would offer. */
export function hardware(root = ""): Finding {
  const { cpuMilli, memoryBytes, hostname } = readHardware(root);
  const says = `${hostname}: ${cpuMilli / 1_000} cores, ${gib(memoryBytes)} of memory`;
  return memoryBytes < GIB / 2
    ? warn("hardware", {
      says,
      remedy: "give it more than 512 MiB: a cluster takes 250 MiB itself",
    })
    : ok("hardware", says);
}

/** Sizes for people. */
export function gib(bytes: number): string {
  return bytes < GIB ? `${Math.round(bytes / 2 ** 20)} MiB` : `${(bytes / GIB).toFixed(1)} GiB`;
}
