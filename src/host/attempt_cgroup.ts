/**
 * The cgroup of one attempt with limits: one folder in version 2, or one in each hierarchy of
 * version 1 that is there. Runs in the keeper, which makes it before the attempt starts and removes
 * it when nothing of the attempt is left.
 */
import { type CgroupFs, membersBelow, realCgroupFs, removeBelow } from "./cgroup_fs.ts";
import { signalProcess } from "./process_group.ts";

/** What an attempt may use at most; null for as much as there is. */
export interface AttemptLimits {
  readonly memoryBytes: number | null;
  /** Thousandths of a core. */
  readonly cpuMilli: number | null;
  /** Processes and threads at a time. */
  readonly pids: number | null;
}

/** What the kernel counted; null for what it cannot tell here. */
export interface CgroupUsage {
  readonly memoryBytes: number | null;
  readonly peakMemoryBytes: number | null;
  readonly cpuMs: number | null;
  readonly processes: number | null;
}

/** Folders of one attempt; null where it has none. The same one several times in version 2. */
export interface AttemptFolders {
  readonly version2: string | null;
  readonly memory: string | null;
  readonly cpu: string | null;
  readonly cpuacct: string | null;
  readonly pids: string | null;
  readonly freezer: string | null;
}

/** What the name of an attempt's folder begins with; the attempt's uid follows. */
export const ATTEMPT_PREFIX = "t-";
/** The period over which a CPU limit is counted, in µs; what every scheduler uses. */
const CPU_PERIOD_US = 100_000;
/** The kernel takes no smaller quota, in µs. */
const MIN_QUOTA_US = 1_000;
const NS_PER_MS = 1e6;
const US_PER_MS = 1e3;

/** See the head of this file. */
export class AttemptCgroup {
  readonly #fs: CgroupFs;
  readonly #of: AttemptFolders;
  readonly #folders: readonly string[];

  /** @param folders where it is: they exist */
  constructor(folders: AttemptFolders, fs: CgroupFs = realCgroupFs) {
    this.#fs = fs;
    this.#of = folders;
    this.#folders = [...new Set(Object.values(folders).filter((one) => one !== null))];
  }

  /** Files to which a process writes `0` to enter. */
  get entries(): readonly string[] {
    return this.#folders.map((folder) => `${folder}/cgroup.procs`);
  }

  /** Sets the limits. @throws when the kernel refuses one */
  limit({ memoryBytes, cpuMilli, pids }: AttemptLimits): void {
    const { memory, cpu, pids: pidsFolder, version2 } = this.#of;
    if (memoryBytes !== null && memory !== null) this.#limitMemory(memory, memoryBytes);
    if (cpuMilli !== null && cpu !== null) {
      const quota = Math.max(MIN_QUOTA_US, Math.round(cpuMilli * CPU_PERIOD_US / 1_000));
      if (cpu === version2) this.#fs.write(`${cpu}/cpu.max`, `${quota} ${CPU_PERIOD_US}`);
      else {
        this.#fs.write(`${cpu}/cpu.cfs_period_us`, `${CPU_PERIOD_US}`);
        this.#fs.write(`${cpu}/cpu.cfs_quota_us`, `${quota}`);
      }
    }
    if (pids !== null && pidsFolder !== null) this.#fs.write(`${pidsFolder}/pids.max`, `${pids}`);
  }

  /** How often the kernel killed something of it because memory ran out. */
  oomKills(): number {
    const { memory, version2 } = this.#of;
    if (memory === null) return 0;
    const file = memory === version2 ? "memory.events" : "memory.oom_control";
    return valueIn(this.#fs.read(`${memory}/${file}`), "oom_kill") ?? 0;
  }

  /** True where the kernel itself ends all of an attempt that ran out of memory. */
  get endsWhole(): boolean {
    const { memory, version2 } = this.#of;
    return memory !== null && memory === version2 &&
      this.#number(memory, "memory.oom.group") === 1;
  }

  /** What it uses and used. */
  usage(): CgroupUsage {
    const { memory, cpu, cpuacct, pids, version2 } = this.#of;
    const isV2 = memory === version2;
    const ns = this.#number(cpuacct, "cpuacct.usage");
    const us = cpu !== null && cpu === version2
      ? valueIn(this.#fs.read(`${cpu}/cpu.stat`), "usage_usec")
      : null;
    return {
      memoryBytes: this.#number(memory, isV2 ? "memory.current" : "memory.usage_in_bytes"),
      peakMemoryBytes: this.#number(memory, isV2 ? "memory.peak" : "memory.max_usage_in_bytes"),
      cpuMs: us !== null ? us / US_PER_MS : ns === null ? null : ns / NS_PER_MS,
      processes: this.#number(pids, "pids.current"),
    };
  }

  /** Who is in it, zombies excepted. */
  members(): number[] {
    return [...new Set(this.#folders.flatMap((folder) => membersBelow(this.#fs, folder)))];
  }

  /** Lets nothing of it run, or lets it run again. Nothing happens where that is not to be had. */
  freeze(frozen: boolean): void {
    const { freezer, version2 } = this.#of;
    if (version2 !== null) this.#try(`${version2}/cgroup.freeze`, frozen ? "1" : "0");
    else if (freezer !== null) this.#try(`${freezer}/freezer.state`, frozen ? "FROZEN" : "THAWED");
  }

  /**
   * SIGKILLs everybody in it. Where the kernel cannot do so at once, it is frozen meanwhile, so that
   * nothing forks faster than it is killed; call it again while there are members.
   */
  kill(): void {
    if (this.#of.version2 !== null && this.#try(`${this.#of.version2}/cgroup.kill`, "1")) return;
    this.freeze(true);
    for (const pid of this.members()) signalProcess(pid, "SIGKILL");
    this.freeze(false);
  }

  /** Removes it; false while something is in it, or the kernel is not done with what was. */
  remove(): boolean {
    return this.#folders.map((folder) => removeBelow(this.#fs, folder)).every((it) => it);
  }

  #limitMemory(folder: string, bytes: number): void {
    if (folder === this.#of.version2) {
      this.#fs.write(`${folder}/memory.max`, `${bytes}`);
      // What is not there is a kernel without swap, or an older one.
      this.#try(`${folder}/memory.swap.max`, "0");
      this.#try(`${folder}/memory.oom.group`, "1");
      return;
    }
    this.#fs.write(`${folder}/memory.limit_in_bytes`, `${bytes}`);
    // Memory and swap together; missing where swap is not counted.
    this.#try(`${folder}/memory.memsw.limit_in_bytes`, `${bytes}`);
  }

  #number(folder: string | null, file: string): number | null {
    if (folder === null) return null;
    const text = this.#fs.read(`${folder}/${file}`)?.trim() ?? "";
    return /^\d+$/.test(text) ? Number(text) : null;
  }

  #try(path: string, text: string): boolean {
    try {
      this.#fs.write(path, text);
      return true;
    } catch {
      return false;
    }
  }
}

/** The value behind a key in lines of `key value`. */
function valueIn(text: string | null, key: string): number | null {
  const line = text?.split("\n").find((one) => one.startsWith(`${key} `));
  return line === undefined ? null : Number(line.slice(key.length + 1));
}

/** The name under which the cgroup of a process was made, or null when it is in none of an attempt. */
export function attemptCgroupOf(pid: number): string | null {
  const groups = realCgroupFs.read(`/proc/${pid}/cgroup`) ?? "";
  return /\/iris-[\w-]+\/t-([^/\n]+)/.exec(groups)?.[1] ?? null;
}
