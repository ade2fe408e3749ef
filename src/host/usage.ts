/**
 * What processes and the host use, from /proc (proc(5)). Any isolate may call it; it changes
 * nothing, and tolerates that a process vanishes while it is looked at.
 */
/** What some processes use together. */
export interface ProcessesUsage {
  /** Processor time, that of waited-for children included, in ms. */
  readonly cpuMs: number;
  readonly memoryBytes: number;
  /** How many of them there are. */
  readonly processes: number;
}

/** What the host has and uses. */
export interface HostNow {
  readonly memoryBytes: number;
  readonly memoryTotalBytes: number;
  readonly load: number;
  /** Since boot, all cores together: busy and all time, in clock ticks. */
  readonly busyTicks: number;
  readonly ticks: number;
}

const AT_PAGESZ = 6n;
const AT_CLKTCK = 17n;
/** Fields of /proc/PID/stat behind the name, counted from the state. */
const UTIME = 11;
const CUTIME_END = 15;
const RSS = 21;

let units: { readonly pageBytes: number; readonly tickMs: number } | null = null;

/** What these processes use. */
export function usageOf(pids: Iterable<number>): ProcessesUsage {
  const { pageBytes, tickMs } = unitsHere();
  let ticks = 0;
  let pages = 0;
  let processes = 0;
  for (const pid of pids) {
    const text = read(`/proc/${pid}/stat`);
    if (text === null) continue;
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z") continue;
    for (let at = UTIME; at < CUTIME_END; at++) ticks += Number(fields[at]);
    pages += Number(fields[RSS]);
    processes++;
  }
  return { cpuMs: ticks * tickMs, memoryBytes: pages * pageBytes, processes };
}

/** The most memory that a process ever had, in bytes; 0 when it is gone. */
export function peakBytesOf(pid: number): number {
  const text = read(`/proc/${pid}/status`);
  const match = text === null ? null : /^VmHWM:\s+(\d+) kB$/m.exec(text);
  return match === null ? 0 : Number(match[1]) * 1024;
}

/** The host as a whole. */
export function hostNow(): HostNow {
  const meminfo = read("/proc/meminfo") ?? "";
  const kB = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(meminfo)?.[1] ?? 0);
  const cpu = (read("/proc/stat") ?? "").split("\n", 1)[0]!.split(/\s+/).slice(1, 9).map(Number);
  const ticks = cpu.reduce((sum, one) => sum + one, 0);
  // Idle, and idle because of a disk.
  const idle = (cpu[3] ?? 0) + (cpu[4] ?? 0);
  return {
    memoryBytes: (kB("MemTotal") - kB("MemAvailable")) * 1024,
    memoryTotalBytes: kB("MemTotal") * 1024,
    load: Number((read("/proc/loadavg") ?? "0").split(" ")[0]),
    busyTicks: ticks - idle,
    ticks,
  };
}

function unitsHere(): { pageBytes: number; tickMs: number } {
  if (units !== null) return units;
  const found = new Map<bigint, number>();
  try {
    const bytes = Deno.readFileSync("/proc/self/auxv");
    const words = new BigUint64Array(bytes.buffer, 0, bytes.length >> 3);
    for (let at = 0; at + 1 < words.length; at += 2) found.set(words[at]!, Number(words[at + 1]));
  } catch {
    // The usual ones then.
  }
  const pageBytes = found.get(AT_PAGESZ) ?? 4096;
  return units = { pageBytes, tickMs: 1000 / (found.get(AT_CLKTCK) ?? 100) };
}

function read(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return null;
  }
}
