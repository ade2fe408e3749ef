/**
 * Counts what the operating system says this process has: isolate threads, child processes,
 * listening sockets, open files. It owns nothing and changes nothing; any isolate may call it. Its
 * source is /proc (Linux, proc(5)); what cannot be read there is named in `uncounted`.
 */

/** One thread of this process. */
export interface ThreadEntry {
  readonly id: number;
  readonly name: string;
}

/** One child process; a zombie's command is its name in brackets. */
export interface ChildEntry {
  readonly pid: number;
  readonly command: string;
}

/** One socket of this process that listens. */
export interface ListenerEntry {
  readonly protocol: "tcp" | "tcp6" | "unix";
  readonly address: string;
  readonly inode: number;
}

/** One open file descriptor. */
export interface FileEntry {
  readonly fd: number;
  /** A path, or for instance `socket:[4711]`, `pipe:[4712]`, `anon_inode:[eventpoll]`. */
  readonly target: string;
}

/** What this process has at one moment. Plain data. */
export interface Census {
  readonly threads: readonly ThreadEntry[];
  readonly children: readonly ChildEntry[];
  readonly listeners: readonly ListenerEntry[];
  readonly files: readonly FileEntry[];
  /** What could not be counted here, one line each; empty on Linux. */
  readonly uncounted: readonly string[];
}

/** What a difference is about. */
export type CensusKind = "thread" | "child" | "socket" | "file";

/** One thing that is in one census and not in the other. */
export interface CensusChange {
  readonly kind: CensusKind;
  /** `new` when only the later census has it, `gone` when only the earlier one. */
  readonly change: "new" | "gone";
  /** For a person, for instance `child process 4711 (sleep 60)`. */
  readonly what: string;
}

/** Socket states and flags of /proc/net (include/net/tcp_states.h, include/uapi/linux/net.h). */
const TCP_LISTEN = "0A";
const UNIX_ACCEPTS = 0x10000;

/** A thread with this name is an isolate (a Web Worker): Deno names them `worker-N`. */
const ISOLATE_THREAD = /^worker-\d+$/;

/**
 * Counts now.
 *
 * @param proc where proc(5) is mounted
 * @param earlier a census whose listeners are taken over when the same sockets are open as then: to
 *   read the kernel's tables of sockets takes milliseconds
 */
export function takeCensus(proc = "/proc", earlier: Census | null = null): Census {
  const uncounted: string[] = [];
  const attempt = <T>(what: string, count: () => T[]): T[] => {
    try {
      return count();
    } catch {
      uncounted.push(`${what} could not be counted: no readable ${proc}`);
      return [];
    }
  };
  const threads = attempt("threads", () => threadsOf(proc));
  const children = attempt("child processes", () => childrenOf(proc, threads));
  const files = attempt("open files", () => filesOf(proc));
  const same = earlier !== null && socketsOf(earlier.files) === socketsOf(files);
  const listeners = same
    ? [...earlier.listeners]
    : attempt("listening sockets", () => listenersOf(proc, files));
  return { threads, children, listeners, files, uncounted };
}

/** The threads of isolates among all threads. */
export function isolateThreads(census: Pick<Census, "threads">): ThreadEntry[] {
  return census.threads.filter((thread) => ISOLATE_THREAD.test(thread.name));
}

/** All threads of this process. @throws when there is no readable /proc */
export function threadsOf(proc = "/proc"): ThreadEntry[] {
  const threads: ThreadEntry[] = [];
  for (const { name } of Deno.readDirSync(`${proc}/self/task`)) {
    const comm = read(`${proc}/self/task/${name}/comm`);
    if (comm !== undefined) threads.push({ id: Number(name), name: comm.trimEnd() });
  }
  return threads.sort((a, b) => a.id - b.id);
}

/**
 * What changed, thing by thing. Threads that are not isolates are left out: the runtime's own pools
 * grow and shrink as they like.
 */
export function censusChanges(before: Census, after: Census): CensusChange[] {
  return [
    ...changes("thread", isolateThreads(before), isolateThreads(after), (thread) => ({
      key: `${thread.id}`,
      what: `isolate thread ${thread.name} (${thread.id})`,
    })),
    ...changes("child", before.children, after.children, (child) => ({
      key: `${child.pid}`,
      what: `child process ${child.pid} (${child.command})`,
    })),
    ...changes("socket", before.listeners, after.listeners, (socket) => ({
      key: `${socket.inode}`,
      what: `listening socket ${socket.protocol} ${socket.address}`,
    })),
    ...changes("file", before.files, after.files, (file) => ({
      key: file.target,
      what: `open file ${file.target}`,
    })),
  ];
}

/** One line for each difference; none when both have the same. */
export function compareCensus(before: Census, after: Census): string[] {
  return censusChanges(before, after).map(({ change, what }) => `${change}: ${what}`);
}

/** Compares two lists as bags: the same file may be open several times. */
function changes<T>(
  kind: CensusKind,
  before: readonly T[],
  after: readonly T[],
  describe: (entry: T) => { key: string; what: string },
): CensusChange[] {
  const balance = new Map<string, { what: string; count: number }>();
  const add = (entry: T, by: number) => {
    const { key, what } = describe(entry);
    const held = balance.get(key);
    balance.set(key, { what, count: (held?.count ?? 0) + by });
  };
  for (const entry of before) add(entry, -1);
  for (const entry of after) add(entry, 1);
  const result: CensusChange[] = [];
  for (const { what, count } of balance.values()) {
    for (let i = 0; i < Math.abs(count); i++) {
      result.push({ kind, change: count > 0 ? "new" : "gone", what });
    }
  }
  return result;
}

function childrenOf(proc: string, threads: readonly ThreadEntry[]): ChildEntry[] {
  if (threads.length === 0) throw new Error("no threads");
  const children: ChildEntry[] = [];
  for (const thread of threads) {
    // A kernel without CONFIG_PROC_CHILDREN has no such file for any thread.
    const list = read(`${proc}/self/task/${thread.id}/children`);
    if (list === undefined && thread === threads[0]) throw new Error("no list of children");
    for (const pid of (list ?? "").split(" ").filter((word) => word.trim() !== "")) {
      children.push({ pid: Number(pid), command: commandOf(proc, pid.trim()) });
    }
  }
  return children.sort((a, b) => a.pid - b.pid);
}

function commandOf(proc: string, pid: string): string {
  const line = read(`${proc}/${pid}/cmdline`)?.replaceAll("\0", " ").trim();
  if (line) return line;
  return `[${read(`${proc}/${pid}/comm`)?.trimEnd() ?? "ended"}]`;
}

function filesOf(proc: string): FileEntry[] {
  const files: FileEntry[] = [];
  for (const { name } of Deno.readDirSync(`${proc}/self/fd`)) {
    const target = readLink(`${proc}/self/fd/${name}`);
    // The listing itself holds its folder open.
    if (target === undefined || /^\/proc\/\d+\/fd$/.test(target)) continue;
    files.push({ fd: Number(name), target });
  }
  return files.sort((a, b) => a.fd - b.fd);
}

/** Which sockets are open, as one text. */
function socketsOf(files: readonly FileEntry[]): string {
  return files.map(({ target }) => target).filter((target) => target.startsWith("socket:")).sort()
    .join();
}

function listenersOf(proc: string, files: readonly FileEntry[]): ListenerEntry[] {
  const ours = new Set<number>();
  for (const { target } of files) {
    const match = /^socket:\[(\d+)\]$/.exec(target);
    if (match) ours.add(Number(match[1]));
  }
  const lines = (table: string) =>
    (read(`${proc}/self/net/${table}`) ?? "").split("\n").slice(1).map((l) => l.trim().split(/ +/));
  if (read(`${proc}/self/net/unix`) === undefined) throw new Error("no socket tables");
  const found: ListenerEntry[] = [];
  for (const protocol of ["tcp", "tcp6"] as const) {
    for (const row of lines(protocol)) {
      if (row[3] !== TCP_LISTEN || !ours.has(Number(row[9]))) continue;
      found.push({ protocol, address: ipAddress(row[1] ?? ""), inode: Number(row[9]) });
    }
  }
  for (const row of lines("unix")) {
    const flags = Number.parseInt(row[3] ?? "0", 16);
    if ((flags & UNIX_ACCEPTS) === 0 || !ours.has(Number(row[6]))) continue;
    found.push({ protocol: "unix", address: row[7] ?? "(unnamed)", inode: Number(row[6]) });
  }
  return found;
}

/** `0100007F:1F90` → `127.0.0.1:8080`: words of four bytes, each lowest byte first. */
function ipAddress(hex: string): string {
  const [address = "", port = "0"] = hex.split(":");
  const bytes: number[] = [];
  for (let word = 0; word < address.length; word += 8) {
    for (let byte = 6; byte >= 0; byte -= 2) {
      bytes.push(Number.parseInt(address.slice(word + byte, word + byte + 2), 16));
    }
  }
  const portNumber = Number.parseInt(port, 16);
  if (bytes.length === 4) return `${bytes.join(".")}:${portNumber}`;
  const groups: string[] = [];
  for (let i = 0; i < bytes.length; i += 2) {
    groups.push((((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)).toString(16));
  }
  return `[${groups.join(":").replace(/(^|:)0(:0)+(:|$)/, "::")}]:${portNumber}`;
}

/** The text of a file, or undefined when it is not there: threads and children may just have ended. */
function read(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}

function readLink(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return undefined;
  }
}
