/**
 * Starts processes by `posix_spawn` through FFI: a session each, both outputs appended to files by
 * the spawn itself, at the rate of a C program. Owns the library handle, the SIGCHLD listener and
 * the C blocks it caches. Runs in the keeper, whose only children are tasks.
 */
import { IrisError } from "../base/errors.ts";
import { becomeSubreaper, cString, type Libc, openLibc } from "./libc.ts";
import { launchProblem } from "./launch_problem.ts";
import { childrenOfThread } from "./proc.ts";
import type { EndUsage, ProcessEnd, Spawner, SpawnRequest } from "./spawner.ts";

const SPAWN_SETSIGDEF = 0x04;
const SPAWN_SETSIGMASK = 0x08;
const SPAWN_SETSID = 0x80;
const O_RDONLY = 0;
const O_CLOEXEC = 0o2000000;
const O_APPEND_CREATE = 0o2101;
const MODE = 0o600;
const WNOHANG = 1;
const RUSAGE_SELF = 0;
/** `struct rusage`: two times (seconds, microseconds), then the peak of memory in KiB, then more. */
const RUSAGE_WORDS = 18;
/** Behind stdin, stdout and stderr. */
const FIRST_OTHER_FD = 3;
/** Room for `posix_spawnattr_t`, `posix_spawn_file_actions_t` and `sigset_t` of any libc. */
export const STRUCT_BYTES = 1024;
const SIGSET_BYTES = 128;
/** Cached file actions at most; one set for each slot and working directory. */
const MAX_ACTIONS = 4096;
const ERRORS: Readonly<Record<number, string>> = {
  1: "not permitted",
  2: "no such file or directory",
  7: "arguments and environment are too long",
  8: "not an executable format",
  11: "too many processes",
  12: "out of memory",
  13: "permission denied",
  20: "not a directory",
  23: "too many open files",
  24: "too many open files",
  26: "the file is being written",
};

/** Lines of an environment that may differ from start to start. */
const MAX_EXTRA = 32;
const SCRATCH_BYTES = 16 * 1024;
const NO_LINES: readonly string[] = [];
/** What one read of a file of /proc gives at most. */
const PAGE_BYTES = 4096;
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

/** Texts in one C block, with the pointers to them and room for more. */
export interface Block {
  /** Kept, since C has only the addresses. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly pointers: BigUint64Array<ArrayBuffer>;
  /** The pointers as bytes. */
  readonly view: Uint8Array<ArrayBuffer>;
  readonly count: number;
  readonly room: number;
}

/** Bytes that are written anew for each start, and where they are. */
interface Scratch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly base: bigint;
}

/** See the head of this file. */
export class PosixSpawner implements Spawner {
  readonly kind = "posix_spawn" as const;
  readonly adoptsOrphans: boolean;
  readonly #libc: Libc = openLibc();
  readonly #attributes = new Uint8Array(STRUCT_BYTES);
  readonly #pid = new Int32Array(1);
  readonly #status = new Int32Array(1);
  readonly #pidBytes = new Uint8Array(this.#pid.buffer);
  readonly #statusBytes = new Uint8Array(this.#status.buffer);
  /** Low and high halves in turn; nothing here needs the high ones. */
  readonly #usage = new Uint32Array(2 * RUSAGE_WORDS);
  readonly #usageBytes = new Uint8Array(this.#usage.buffer);
  /** The most memory that this process itself had when it was last looked at, in KiB. */
  #ownPeak = 0;
  readonly #blocks = new WeakMap<readonly string[], Block>();
  readonly #actions = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly #paths = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly #page = new Uint8Array(PAGE_BYTES);
  #childrenFd: number | null = null;
  #extra = scratchOf(SCRATCH_BYTES);
  /** What C is reading: nothing else would keep it from being collected. */
  readonly #held: { argv: Block | null; env: Block | null } = { argv: null, env: null };
  readonly #listener = () => this.#callback?.();
  #callback: (() => void) | null = null;

  constructor() {
    this.adoptsOrphans = becomeSubreaper(this.#libc);
    setSession(this.#libc, this.#attributes);
    Deno.addSignalListener("SIGCHLD", this.#listener);
  }

  spawn(request: SpawnRequest): number {
    const path = this.#path(request.path);
    const argv = this.#block(request.argv);
    const env = this.#block(request.env);
    this.#held.argv = argv;
    this.#held.env = env;
    const result = this.#libc.symbols.posix_spawn(
      this.#pidBytes,
      path,
      this.#fileActions(request),
      this.#attributes,
      argv.view,
      this.#environment(env, request.extraEnv ?? NO_LINES),
    );
    if (result !== 0) throw this.#launchError(request, result);
    return this.#pid[0] ?? 0;
  }

  reap(): ProcessEnd[] {
    const ends: ProcessEnd[] = [];
    for (;;) {
      const pid = this.#libc.symbols.wait4(-1, this.#statusBytes, WNOHANG, this.#usageBytes);
      if (pid <= 0) return ends;
      const status = this.#status[0] ?? 0;
      const signal = status & 0x7f;
      const usage = this.#endUsage();
      ends.push(
        signal === 0
          ? { pid, code: (status >> 8) & 0xff, signal: null, usage }
          : { pid, code: null, signal, usage },
      );
    }
  }

  /** What the kernel just said of the process that was reaped. */
  #endUsage(): EndUsage {
    const words = this.#usage;
    const seconds = words[0]! + words[4]!;
    const cpuMs = seconds * 1000 + Math.round((words[2]! + words[6]!) / 1000);
    const peak = words[8]!;
    if (peak > this.#ownPeak) {
      this.#libc.symbols.getrusage(RUSAGE_SELF, this.#usageBytes);
      this.#ownPeak = words[8]!;
    }
    return { cpuMs, peakBytes: peak > this.#ownPeak ? peak * 1024 : null };
  }

  onChildEnd(callback: (() => void) | null): void {
    this.#callback = callback;
  }

  children(): number[] {
    // This isolate runs on the process's first thread: what it starts, and what comes back, is there.
    const fd = this.#childrenFile();
    if (fd < 0) return childrenOfThread(Deno.pid);
    let text = "";
    for (let at = 0;;) {
      const { symbols } = this.#libc;
      const size = Number(
        symbols.pread(fd, this.#page, BigInt(PAGE_BYTES), BigInt(at)),
      );
      if (size <= 0) break;
      text += DECODER.decode(this.#page.subarray(0, size));
      at += size;
    }
    return text === "" ? [] : text.trimEnd().split(" ").map(Number);
  }

  /** Kept open: a look at it is needed for each task. */
  #childrenFile(): number {
    const path = `/proc/self/task/${Deno.pid}/children`;
    this.#childrenFd ??= this.#libc.symbols.open(cString(path), O_CLOEXEC);
    return this.#childrenFd;
  }

  groupAlive(group: number): boolean {
    return this.#libc.symbols.kill(-group, 0) === 0;
  }

  close(): void {
    Deno.removeSignalListener("SIGCHLD", this.#listener);
    const { symbols } = this.#libc;
    for (const actions of this.#actions.values()) symbols.posix_spawn_file_actions_destroy(actions);
    symbols.posix_spawnattr_destroy(this.#attributes);
    if (this.#childrenFd !== null && this.#childrenFd >= 0) symbols.close(this.#childrenFd);
    this.#libc.close();
  }

  #fileActions(request: SpawnRequest): Uint8Array<ArrayBuffer> {
    const key = `${request.stdoutPath}\n${request.stderrPath}\n${request.cwd}`;
    let actions = this.#actions.get(key);
    if (actions !== undefined) return actions;
    const { symbols } = this.#libc;
    if (this.#actions.size >= MAX_ACTIONS) {
      for (const old of this.#actions.values()) symbols.posix_spawn_file_actions_destroy(old);
      this.#actions.clear();
    }
    actions = new Uint8Array(STRUCT_BYTES);
    symbols.posix_spawn_file_actions_init(actions);
    // glibc copies the paths.
    symbols.posix_spawn_file_actions_addopen(actions, 0, cString("/dev/null"), O_RDONLY, 0);
    const { stdoutPath, stderrPath, cwd } = request;
    for (const [fd, file] of [[1, stdoutPath], [2, stderrPath]] as const) {
      symbols.posix_spawn_file_actions_addopen(actions, fd, cString(file), O_APPEND_CREATE, MODE);
    }
    symbols.posix_spawn_file_actions_addchdir_np(actions, cString(cwd));
    // What this process inherited itself is none of a task's business.
    symbols.posix_spawn_file_actions_addclosefrom_np?.(actions, FIRST_OTHER_FD);
    this.#actions.set(key, actions);
    return actions;
  }

  #path(path: string): Uint8Array<ArrayBuffer> {
    let bytes = this.#paths.get(path);
    if (bytes === undefined) {
      if (this.#paths.size > MAX_ACTIONS) this.#paths.clear();
      bytes = cString(path);
      this.#paths.set(path, bytes);
    }
    return bytes;
  }

  #block(texts: readonly string[]): Block {
    let block = this.#blocks.get(texts);
    if (block === undefined) {
      block = blockOf(texts);
      this.#blocks.set(texts, block);
    }
    return block;
  }

  /** The environment with lines behind it that differ by start: only those are written anew. */
  #environment(base: Block, extra: readonly string[]): Uint8Array<ArrayBuffer> {
    if (base.room < extra.length) throw new RangeError(`More than ${base.room} lines differ`);
    const scratch = this.#scratch(extra);
    let at = 0;
    extra.forEach((line, index) => {
      base.pointers[base.count + index] = scratch.base + BigInt(at);
      at += ENCODER.encodeInto(line, scratch.bytes.subarray(at)).written;
      scratch.bytes[at++] = 0;
    });
    base.pointers[base.count + extra.length] = 0n;
    return base.view;
  }

  /** Room for these lines, however their characters encode. */
  #scratch(lines: readonly string[]): Scratch {
    let need = 0;
    for (const line of lines) need += line.length * 3 + 1;
    if (this.#extra.bytes.length < need) this.#extra = scratchOf(need * 2);
    return this.#extra;
  }

  #launchError(request: SpawnRequest, errno: number): IrisError {
    const name = request.argv[0] ?? request.path;
    const why = launchProblem(request) ?? ERRORS[errno] ?? `error ${errno}`;
    return new IrisError("launch", `Cannot start ${name}: ${why}`);
  }
}

/** Makes ready the attributes of a start: a session of its own, and signals as they were at boot. */
export function setSession({ symbols }: Libc, attributes: Uint8Array<ArrayBuffer>): void {
  symbols.posix_spawnattr_init(attributes);
  symbols.posix_spawnattr_setflags(attributes, SPAWN_SETSID | SPAWN_SETSIGDEF | SPAWN_SETSIGMASK);
  symbols.posix_spawnattr_setsigmask(attributes, new Uint8Array(SIGSET_BYTES));
  const all = new Uint8Array(SIGSET_BYTES).fill(0xff, 0, 8);
  symbols.posix_spawnattr_setsigdefault(attributes, all);
}

/** Why a start was refused, by its error number. */
export function spawnProblem(errno: number): string {
  return ERRORS[errno] ?? `error ${errno}`;
}

/** Texts as C wants `argv` and `environ`. Keep it for as long as C reads it. */
export function blockOf(texts: readonly string[]): Block {
  const parts = texts.map(cString);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 1));
  const pointers = new BigUint64Array(texts.length + MAX_EXTRA + 1);
  const base = addressOf(bytes);
  let at = 0;
  parts.forEach((part, index) => {
    bytes.set(part, at);
    pointers[index] = base + BigInt(at);
    at += part.length;
  });
  const view = new Uint8Array(pointers.buffer);
  return { bytes, pointers, view, count: texts.length, room: MAX_EXTRA };
}

function scratchOf(size: number): Scratch {
  const bytes = new Uint8Array(size);
  return { bytes, base: addressOf(bytes) };
}

function addressOf(bytes: Uint8Array<ArrayBuffer>): bigint {
  return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
}
