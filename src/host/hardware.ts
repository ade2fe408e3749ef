/** What this machine, or the part of it that a container leaves us, has to give. */

/** Cores, memory and name of a host. */
export interface Hardware {
  /** Thousandths of a core. */
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly hostname: string;
}

/** Above this, a version 1 memory limit means none. */
const NO_LIMIT_BYTES = 2 ** 60;

/**
 * Reads the hardware; limits of the cgroup this process is in count, of version 1 and 2.
 *
 * @param root where /proc and /sys are looked for; for tests
 */
export function readHardware(root = ""): Hardware {
  const groups = parseCgroups(read(`${root}/proc/self/cgroup`) ?? "");
  const cores = root === "" ? navigator.hardwareConcurrency : 1;
  const meminfo = /^MemTotal:\s+(\d+) kB$/m.exec(read(`${root}/proc/meminfo`) ?? "");
  const total = meminfo === null ? Deno.systemMemoryInfo().total : Number(meminfo[1]) * 1024;
  return {
    cpuMilli: Math.max(1, Math.min(cores * 1000, ...cpuLimits(root, groups))),
    memoryBytes: Math.min(total, ...memoryLimits(root, groups)),
    hostname: Deno.hostname(),
  };
}

/** The cgroup paths of a process by controller, from `/proc/<pid>/cgroup`; "" is version 2. */
export function parseCgroups(text: string): Map<string, string> {
  const groups = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^\d+:([^:]*):(.*)$/.exec(line);
    if (match === null) continue;
    for (const controller of match[1]!.split(",")) groups.set(controller, match[2]!);
  }
  return groups;
}

function cpuLimits(root: string, groups: Map<string, string>): number[] {
  const limits: number[] = [];
  for (const folder of foldersOf(`${root}/sys/fs/cgroup`, groups.get(""))) {
    const match = /^(\d+) (\d+)/.exec(read(`${folder}/cpu.max`) ?? "");
    if (match !== null) limits.push(milliOf(Number(match[1]), Number(match[2])));
  }
  for (const folder of foldersOf(`${root}/sys/fs/cgroup/cpu`, groups.get("cpu"))) {
    const quota = Number(read(`${folder}/cpu.cfs_quota_us`) ?? -1);
    const period = Number(read(`${folder}/cpu.cfs_period_us`) ?? 0);
    if (quota > 0 && period > 0) limits.push(milliOf(quota, period));
  }
  return limits;
}

function memoryLimits(root: string, groups: Map<string, string>): number[] {
  const files: string[] = [];
  for (const folder of foldersOf(`${root}/sys/fs/cgroup`, groups.get(""))) {
    files.push(`${folder}/memory.max`);
  }
  for (const folder of foldersOf(`${root}/sys/fs/cgroup/memory`, groups.get("memory"))) {
    files.push(`${folder}/memory.limit_in_bytes`);
  }
  // "max" is no number and falls out.
  return files.map((file) => Number(read(file) ?? NaN)).filter((n) => n > 0 && n < NO_LIMIT_BYTES);
}

/** A group's folder and those above it: each of them limits. */
function foldersOf(mount: string, group: string | undefined): string[] {
  if (group === undefined) return [];
  const folders = [mount];
  let path = mount;
  for (const name of group.split("/").filter((part) => part !== "")) {
    folders.push(path = `${path}/${name}`);
  }
  return folders;
}

function milliOf(quota: number, period: number): number {
  return Math.floor(quota * 1000 / period);
}

function read(path: string): string | null {
  try {
    return Deno.readTextFileSync(path).trim();
  } catch {
    return null;
  }
}
