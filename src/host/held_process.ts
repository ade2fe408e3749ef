/**
 * Starts a process whose input and output are held: at a terminal of its own (pty(7)) or at three
 * pipes. A session of its own; at a terminal that is its controlling one, since a session leader
 * gets the first terminal that it opens. Owns the descriptors of what it started, and the thread
 * that waits for them; the processes are reaped by the spawner. Runs in the keeper.
 */
import { IrisError } from "../base/errors.ts";
import { errnoOf, type HeldLibc, openHeldLibc } from "./held_libc.ts";
import { cString, type Libc, openLibc } from "./libc.ts";
import { fileProblem } from "./launch_problem.ts";
import { Poller, type Watch } from "./poller.ts";
import { blockOf, setSession, spawnProblem, STRUCT_BYTES } from "./posix_spawn.ts";

const O_RDWR = 0o2;
const O_NOCTTY = 0o400;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const F_SETFL = 4;
const TIOCSWINSZ = 0x5414n;
const EAGAIN = 11;
const EINTR = 4;
const FIRST_OTHER_FD = 3;
const NAME_BYTES = 64;

/** How large a terminal is, in characters. */
export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** What to start. Strings must hold no NUL. */
export interface HeldRequest {
  /** Absolute path of the executable. */
  readonly path: string;
  readonly argv: readonly string[];
  /** `NAME=value` lines: the whole environment. */
  readonly env: readonly string[];
  readonly cwd: string;
  /** Its terminal's size; null for pipes. */
  readonly terminal: TerminalSize | null;
  /** Whose its terminal shall be; ours when null or left out. */
  readonly owner?: { readonly uid: number; readonly gid: number } | null;
}

/** `again`: nothing now. `end`: nothing ever again. */
export type Moved = number | "again" | "end";

/** Which output. At a terminal everything is `stdout`. */
export type OutputName = "stdout" | "stderr";

/** Starts such processes. */
export class HeldSpawner {
  readonly #libc: Libc = openLibc();
  readonly #held: HeldLibc = openHeldLibc();
  readonly #poller = new Poller(this.#held);
  readonly #attributes = new Uint8Array(STRUCT_BYTES);

  constructor() {
    setSession(this.#libc, this.#attributes);
  }

  /** @throws {IrisError} `launch` when it could not be started */
  start(request: HeldRequest): HeldProcess {
    const ends = request.terminal === null ? this.#pipes() : this.#terminal(request.terminal);
    try {
      const { owner = null } = request;
      if (owner !== null && ends.terminal !== null) {
        Deno.chownSync(ends.terminal, owner.uid, owner.gid);
      }
      const pid = this.#spawn(request, ends);
      return new HeldProcess({ pid, ends, libc: this.#held, poller: this.#poller });
    } catch (error) {
      for (const fd of new Set([ends.input, ...Object.values(ends.outputs)])) this.#close(fd);
      throw error;
    } finally {
      for (const fd of ends.theirs) this.#close(fd);
    }
  }

  /** Gives the libraries back; what was started and not closed must be closed before. */
  async close(): Promise<void> {
    await this.#poller.close();
    this.#libc.symbols.posix_spawnattr_destroy(this.#attributes);
    this.#held.close();
    this.#libc.close();
  }

  #spawn(request: HeldRequest, ends: Ends): number {
    const { symbols } = this.#libc;
    const actions = new Uint8Array(STRUCT_BYTES);
    symbols.posix_spawn_file_actions_init(actions);
    if (ends.terminal === null) {
      ends.theirs.forEach((fd, at) => {
        symbols.posix_spawn_file_actions_adddup2(actions, fd, at);
      });
    } else {
      symbols.posix_spawn_file_actions_addopen(actions, 0, cString(ends.terminal), O_RDWR, 0);
      for (const fd of [1, 2]) symbols.posix_spawn_file_actions_adddup2(actions, 0, fd);
    }
    symbols.posix_spawn_file_actions_addchdir_np(actions, cString(request.cwd));
    symbols.posix_spawn_file_actions_addclosefrom_np?.(actions, FIRST_OTHER_FD);
    const argv = blockOf(request.argv);
    const env = blockOf(request.env);
    const pid = new Int32Array(1);
    const errno = symbols.posix_spawn(
      new Uint8Array(pid.buffer),
      cString(request.path),
      actions,
      this.#attributes,
      argv.view,
      env.view,
    );
    symbols.posix_spawn_file_actions_destroy(actions);
    // C has only the addresses of the texts: they have to be here still.
    const kept = argv.bytes.length + env.bytes.length;
    if (errno === 0 && kept > 0) return pid[0] ?? 0;
    const why = fileProblem(request.path) ?? spawnProblem(errno);
    throw new IrisError("launch", `Cannot start ${request.argv[0] ?? request.path}: ${why}`);
  }

  #pipes(): Ends {
    const made: number[] = [];
    for (let number = 0; number < 3; number++) {
      const pair = new Int32Array(2);
      if (this.#held.symbols.pipe2(new Uint8Array(pair.buffer), O_CLOEXEC) !== 0) {
        const errno = errnoOf(this.#held);
        for (const fd of made) this.#close(fd);
        throw new IrisError("launch", `No pipe can be made: ${spawnProblem(errno)}`);
      }
      made.push(...pair);
    }
    const [inRead, inWrite, outRead, outWrite, errRead, errWrite] = made as Six;
    for (const fd of [inWrite, outRead, errRead]) {
      this.#held.symbols.fcntl(fd, F_SETFL, O_NONBLOCK);
    }
    return {
      terminal: null,
      input: inWrite,
      outputs: { stdout: outRead, stderr: errRead },
      theirs: [inRead, outWrite, errWrite],
    };
  }

  #terminal(size: TerminalSize): Ends {
    const { symbols } = this.#held;
    const fd = symbols.posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    const name = new Uint8Array(NAME_BYTES);
    const made = fd >= 0 && symbols.grantpt(fd) === 0 && symbols.unlockpt(fd) === 0 &&
      symbols.ptsname_r(fd, name, BigInt(NAME_BYTES)) === 0;
    if (!made) {
      const errno = errnoOf(this.#held);
      if (fd >= 0) this.#close(fd);
      throw new IrisError("launch", `No terminal can be made: ${spawnProblem(errno)}`);
    }
    resize(this.#held, fd, size);
    const terminal = new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
    return { terminal, input: fd, outputs: { stdout: fd }, theirs: [] };
  }

  #close(fd: number): void {
    this.#held.symbols.close(fd);
  }
}

type Six = [number, number, number, number, number, number];

interface Ends {
  /** The terminal's name, or null for pipes. */
  readonly terminal: string | null;
  readonly input: number;
  readonly outputs: { readonly stdout: number; readonly stderr?: number };
  /** What the process gets as 0, 1 and 2. */
  readonly theirs: readonly number[];
}

/** A process whose input and output are held. Its owner closes it. */
export class HeldProcess {
  readonly pid: number;
  readonly #libc: HeldLibc;
  readonly #ends: Ends;
  readonly #watches = new Map<number, Watch>();
  /** What is waited for, by descriptor. */
  readonly #wants = new Map<number, { read: boolean; write: boolean }>();
  readonly #open = new Set<number>();
  #onReady: () => void = () => {};

  /** Made by {@linkcode HeldSpawner.start}. */
  constructor(of: { pid: number; ends: Ends; libc: HeldLibc; poller: Poller }) {
    this.pid = of.pid;
    this.#libc = of.libc;
    this.#ends = of.ends;
    for (const fd of new Set([of.ends.input, ...Object.values(of.ends.outputs)])) {
      this.#open.add(fd);
      this.#wants.set(fd, { read: false, write: false });
      this.#watches.set(fd, of.poller.watch(fd, () => this.#onReady()));
    }
  }

  get hasTerminal(): boolean {
    return this.#ends.terminal !== null;
  }

  /** The outputs there are. */
  get outputs(): OutputName[] {
    return Object.keys(this.#ends.outputs) as OutputName[];
  }

  /** Sets who is called when something that is wanted can be done. */
  onReady(callback: () => void): void {
    this.#onReady = callback;
  }

  /** Says whether output is waited for. */
  wantOutput(name: OutputName, read: boolean): void {
    this.#want(this.#fdOf(name), { read });
  }

  /** Says whether room for input is waited for. */
  wantInput(write: boolean): void {
    this.#want(this.#ends.input, { write });
  }

  /** Reads what there is into `buffer`. Never blocks. */
  read(name: OutputName, buffer: Uint8Array<ArrayBuffer>): Moved {
    const fd = this.#fdOf(name);
    if (!this.#open.has(fd)) return "end";
    return this.#moved(this.#libc.symbols.read(fd, buffer, BigInt(buffer.length)));
  }

  /** Writes as much as there is room for. Never blocks. */
  write(bytes: Uint8Array<ArrayBuffer>): Moved {
    const fd = this.#ends.input;
    if (!this.#open.has(fd)) return "end";
    return this.#moved(this.#libc.symbols.write(fd, bytes, BigInt(bytes.length)));
  }

  /** No more input comes. At a terminal only its user can say so. */
  endInput(): void {
    if (!this.hasTerminal) this.#close(this.#ends.input);
  }

  /** Tells the terminal its size; its foreground gets SIGWINCH. */
  resize(size: TerminalSize): void {
    if (this.hasTerminal && this.#open.has(this.#ends.input)) {
      resize(this.#libc, this.#ends.input, size);
    }
  }

  /** Gives every descriptor back; at a terminal its session gets SIGHUP. */
  close(): void {
    for (const fd of [...this.#open]) this.#close(fd);
  }

  #fdOf(name: OutputName): number {
    return this.#ends.outputs[name] ?? -1;
  }

  #want(fd: number, change: { read?: boolean; write?: boolean }): void {
    const wants = { read: false, write: false, ...this.#wants.get(fd), ...change };
    this.#wants.set(fd, wants);
    if (this.#open.has(fd)) this.#watches.get(fd)?.want(wants);
  }

  #moved(result: bigint): Moved {
    const size = Number(result);
    if (size > 0) return size;
    if (size === 0) return "end";
    const errno = errnoOf(this.#libc);
    // A terminal that nobody has open answers EIO, a pipe that nobody reads EPIPE.
    return errno === EAGAIN || errno === EINTR ? "again" : "end";
  }

  #close(fd: number): void {
    if (!this.#open.delete(fd)) return;
    this.#watches.get(fd)?.end();
    this.#libc.symbols.close(fd);
  }
}

function resize(libc: HeldLibc, fd: number, { rows, columns }: TerminalSize): void {
  const size = new Uint16Array([rows, columns, 0, 0]);
  libc.symbols.ioctl(fd, TIOCSWINSZ, new Uint8Array(size.buffer));
}
