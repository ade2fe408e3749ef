/**
 * Starts processes by `posix_spawn` through FFI: a session each, both outputs appended to files by
 * the spawn itself, at the rate of a C program. Owns the library handle, the SIGCHLD listener and
 * the C blocks it caches. Runs in the keeper, whose only children are tasks.
 */
import { IrisError } from "../base/errors.ts";
import { becomeSubreaper, cString, type Libc, openLibc } from "./libc.ts";
import { childrenOfThread } from "./proc.ts";
import type { ProcessEnd, Spawner, SpawnRequest } from "./spawner.ts";

const SPAWN_SETSIGDEF = 0x04;
const SPAWN_SETSIGMASK = 0x08;
const SPAWN_SETSID = 0x80;
const O_RDONLY = 0;
const O_APPEND_CREATE = 0o2101;
const MODE = 0o600;
const WNOHANG = 1;
/** Room for `posix_spawnattr_t`, `posix_spawn_file_actions_t` and `sigset_t` of any libc. */
const STRUCT_BYTES = 1024;
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

/** Texts in one C block, with the pointers to them. */
interface Block {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly pointers: BigUint64Array<ArrayBuffer>;
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
  readonly #blocks = new WeakMap<readonly string[], Block>();
  readonly #actions = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly #paths = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly #listener = () => this.#callback?.();
  #callback: (() => void) | null = null;

  constructor() {
    const { symbols } = this.#libc;
    this.adoptsOrphans = becomeSubreaper(this.#libc);
    symbols.posix_spawnattr_init(this.#attributes);
    symbols.posix_spawnattr_setflags(
      this.#attributes,
      SPAWN_SETSID | SPAWN_SETSIGDEF | SPAWN_SETSIGMASK,
    );
    symbols.posix_spawnattr_setsigmask(this.#attributes, new Uint8Array(SIGSET_BYTES));
    const all = new Uint8Array(SIGSET_BYTES).fill(0xff, 0, 8);
    symbols.posix_spawnattr_setsigdefault(this.#attributes, all);
    Deno.addSignalListener("SIGCHLD", this.#listener);
  }

  spawn(request: SpawnRequest): number {
    const path = this.#path(request.path);
    const argv = this.#block(request.argv);
    const env = joined(this.#block(request.env), request.extraEnv ?? []);
    const result = this.#libc.symbols.posix_spawn(
      Deno.UnsafePointer.of(this.#pidBytes),
      path,
      this.#fileActions(request),
      this.#attributes,
      new Uint8Array(argv.pointers.buffer),
      new Uint8Array(env.pointers.buffer),
    );
    if (result !== 0) throw this.#launchError(request, result);
    return this.#pid[0] ?? 0;
  }

  reap(): ProcessEnd[] {
    const ends: ProcessEnd[] = [];
    for (;;) {
      const pid = this.#libc.symbols.waitpid(-1, this.#statusBytes, WNOHANG);
      if (pid <= 0) return ends;
      const status = this.#status[0] ?? 0;
      const signal = status & 0x7f;
      ends.push(
        signal === 0
          ? { pid, code: (status >> 8) & 0xff, signal: null }
          : { pid, code: null, signal },
      );
    }
  }

  onChildEnd(callback: (() => void) | null): void {
    this.#callback = callback;
  }

  children(): number[] {
    // This isolate runs on the process's first thread: what it starts, and what comes back, is there.
    return childrenOfThread(Deno.pid);
  }

  groupAlive(group: number): boolean {
    return this.#libc.symbols.kill(-group, 0) === 0;
  }

  close(): void {
    Deno.removeSignalListener("SIGCHLD", this.#listener);
    const { symbols } = this.#libc;
    for (const actions of this.#actions.values()) symbols.posix_spawn_file_actions_destroy(actions);
    symbols.posix_spawnattr_destroy(this.#attributes);
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

  #launchError(request: SpawnRequest, errno: number): IrisError {
    const name = request.argv[0] ?? request.path;
    try {
      if (!Deno.statSync(request.cwd).isDirectory) {
        return new IrisError("launch", `Cannot start ${name}: ${request.cwd} is not a directory`);
      }
    } catch {
      return new IrisError("launch", `Cannot start ${name}: no working directory ${request.cwd}`);
    }
    return new IrisError("launch", `Cannot start ${name}: ${ERRORS[errno] ?? `error ${errno}`}`);
  }
}

function blockOf(texts: readonly string[]): Block {
  const parts = texts.map(cString);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 1));
  const pointers = new BigUint64Array(texts.length + 1);
  const base = addressOf(bytes);
  let at = 0;
  parts.forEach((part, index) => {
    bytes.set(part, at);
    pointers[index] = base + BigInt(at);
    at += part.length;
  });
  return { bytes, pointers };
}

/** A block with a few more texts behind it; the first block's bytes are not copied. */
function joined(block: Block, extra: readonly string[]): Block {
  if (extra.length === 0) return block;
  const more = blockOf(extra);
  const count = block.pointers.length - 1;
  const pointers = new BigUint64Array(count + more.pointers.length);
  pointers.set(block.pointers.subarray(0, count));
  pointers.set(more.pointers, count);
  return { bytes: more.bytes, pointers };
}

function addressOf(bytes: Uint8Array<ArrayBuffer>): bigint {
  return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
}
