/**
 * What /proc says of processes (Linux, proc(5)). Every look tolerates that a process vanishes while
 * it is looked at. Any isolate may call it; it changes nothing.
 */

/** What /proc counts time in: USER_HZ, the same on every Linux that Iris runs on. */
export const TICKS_PER_SECOND = 100;

/** The parts of /proc/PID/stat that are used here. */
export interface ProcessStat {
  readonly pid: number;
  readonly name: string;
  /** `R`, `S`, `Z`, ... */
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Clock ticks since boot: with the pid it names a process for ever. */
  readonly startTime: number;
}

/** Reads one process, or null when it is gone. */
export function processStat(pid: number): ProcessStat | null {
  const text = readProc(`${pid}/stat`);
  if (text === null) return null;
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  const fields = text.slice(close + 2).split(" ");
  return {
    pid,
    name: text.slice(open + 1, close),
    state: fields[0] ?? "?",
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    startTime: Number(fields[19]),
  };
}

/** When a process started, in clock ticks since boot; null when it is gone or a zombie. */
export function processStartTime(pid: number): number | null {
  const stat = processStat(pid);
  return stat === null || stat.state === "Z" ? null : stat.startTime;
}

/** True while the process that had this pid since `startTime` lives: a pid alone may be another's. */
export function isSameProcess(pid: number, startTime: number): boolean {
  return processStartTime(pid) === startTime;
}

/** Names the current boot of this machine: pids mean nothing across two of them. */
export function bootId(): string {
  return readProc("sys/kernel/random/boot_id")?.trim() ?? "unknown";
}

/** Now, in clock ticks since boot (there are 100 a second), as `startTime` counts. */
export function uptimeTicks(): number {
  return Math.floor(Number.parseFloat(readProc("uptime") ?? "0") * TICKS_PER_SECOND);
}

/** True for a process that exists and is no zombie. */
export function isAlive(pid: number): boolean {
  const state = processStat(pid)?.state;
  return state !== undefined && state !== "Z";
}

/** What a process has open under a number; empty when nothing, or when it is not ours to see. */
export function openFile(pid: number, fd: number): string {
  try {
    return Deno.readLinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return "";
  }
}

/** All pids there are. */
export function allPids(): number[] {
  const pids: number[] = [];
  for (const entry of Deno.readDirSync("/proc")) {
    const pid = Number(entry.name);
    if (Number.isInteger(pid) && pid > 0) pids.push(pid);
  }
  return pids;
}

/** Live children of a process, of all its threads; zombies are among them. */
export function childrenOf(pid: number | "self"): number[] {
  const children: number[] = [];
  let tasks: Deno.DirEntry[];
  try {
    tasks = [...Deno.readDirSync(`/proc/${pid}/task`)];
  } catch {
    return children;
  }
  for (const task of tasks) {
    const text = readProc(`${pid}/task/${task.name}/children`);
    if (text === null || text === "") continue;
    for (const word of text.trim().split(" ")) if (word !== "") children.push(Number(word));
  }
  return children;
}

/** Children that one thread of this process has; the first thread's id is the process's. */
export function childrenOfThread(thread: number): number[] {
  const text = readProc(`self/task/${thread}/children`) ?? "";
  return text.split(" ").filter((word) => word !== "").map(Number);
}

/** Everything below a process, parents first. */
export function descendants(pid: number): number[] {
  const found: number[] = [];
  const todo = [pid];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    for (const child of childrenOf(next)) {
      found.push(child);
      todo.push(child);
    }
  }
  return found;
}

/** The value of a variable in the environment a process was started with, or null. */
export function environOf(pid: number, name: string): string | null {
  const text = readProc(`${pid}/environ`);
  if (text === null) return null;
  for (const line of text.split("\0")) {
    if (line.startsWith(`${name}=`)) return line.slice(name.length + 1);
  }
  return null;
}

/** How many namespaces of pids a process is in: more for one in a container; 0 when it is gone. */
export function pidDepth(pid: number | "self"): number {
  const line = readProc(`${pid}/status`)?.split("\n").find((one) => one.startsWith("NSpid:"));
  return line === undefined ? 0 : line.trim().split(/\s+/).length - 1;
}

/** The command line of a process, or its name in brackets. */
export function commandOf(pid: number): string {
  const text = readProc(`${pid}/cmdline`)?.replaceAll("\0", " ").trim() ?? "";
  return text === "" ? `[${processStat(pid)?.name ?? "gone"}]` : text.slice(0, 200);
}

function readProc(path: string): string | null {
  try {
    return Deno.readTextFileSync(`/proc/${path}`);
  } catch {
    return null;
  }
}
