/**
 * The child process of the runtime `module`: imports the module, calls its function, and keeps what
 * it returns. Owns the progress timer; everything else that the function started is its own, and
 * ends with the process.
 */
import type { Clock, Timer } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { MAX_PROGRESS_BYTES, MAX_RESULT_BYTES, progressOf } from "../../wire/returned.ts";
import type { TaskContext } from "../../wire/task_context.ts";
import type { ModuleEntry } from "../../wire/task_options.ts";

/** Progress is written no more often than this, in ms. */
const PROGRESS_MS = 50;
/** The exit code of a task that ended because SIGTERM asked it to, as that of a process. */
const TERMINATED = 143;

/** What the child is handed by the command line around it. */
export interface ModulePorts {
  readonly clock: Clock;
  readonly env: (name: string) => string | undefined;
  readonly cwd: string;
  /** Aborted by SIGTERM. */
  readonly signal: AbortSignal;
  /** Writes one line to stderr. */
  readonly say: (line: string) => void;
  /** Writes what was thrown to stderr, with its stack. */
  readonly trace: (error: unknown) => void;
  readonly log: (...parts: readonly unknown[]) => void;
}

/** Runs a task to its end. @returns the exit code */
export async function runModuleTask(entry: ModuleEntry, ports: ModulePorts): Promise<number> {
  const task = await load(entry, ports);
  if (task === null) return 1;
  const progress = new ProgressFile(ports.env("IRIS_PROGRESS_FILE"), ports.clock);
  let value: unknown;
  try {
    value = await task(argsOf(entry, ports), contextOf(ports, progress));
  } catch (error) {
    if (ports.signal.aborted && isAbort(error, ports.signal)) return TERMINATED;
    ports.trace(error);
    return 1;
  } finally {
    progress.close();
  }
  const problem = keepResult(value, ports.env("IRIS_RESULT_FILE"));
  if (problem === null) return 0;
  ports.say(`iris: what ${entry.export} returned ${problem}`);
  return 1;
}

type Loaded = (args: unknown, context: TaskContext) => unknown;

/** The function; null when there is none, which is said. */
async function load(entry: ModuleEntry, { cwd, say, trace }: ModulePorts): Promise<Loaded | null> {
  const file = entry.file.startsWith("/") ? entry.file : `${cwd}/${entry.file}`;
  const problem = fileProblem(file);
  if (problem !== null) {
    say(`iris: ${file} cannot be imported: ${problem}`);
    return null;
  }
  let exports: Record<string, unknown>;
  try {
    exports = await import(fileUrl(file));
  } catch (error) {
    const isThrown = !isUnreadable(error);
    say(`iris: ${file} cannot be imported: ${isThrown ? "it threw" : loadProblem(error)}`);
    if (isThrown) trace(error);
    return null;
  }
  const found = exports[entry.export];
  if (typeof found === "function") return found as Loaded;
  const names = Object.keys(exports).filter((name) => typeof exports[name] === "function");
  const known = names.length === 0 ? "it exports none" : `it exports ${names.join(", ")}`;
  say(`iris: ${file} has no function ${entry.export}: ${known}`);
  return null;
}

function fileProblem(file: string): string | null {
  try {
    return Deno.statSync(file).isFile ? null : "it is no file";
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? "there is no such file" : messageOf(error);
  }
}

function fileUrl(path: string): string {
  return new URL(`file://${path.split("/").map(encodeURIComponent).join("/")}`).href;
}

/** Whether it, or what it imports, is missing or no program; else it ran, and threw. */
function isUnreadable(error: unknown): boolean {
  return error instanceof SyntaxError ||
    (error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_")) ||
    (error instanceof TypeError &&
      /^(Module not found|Import |Relative import)/.test(error.message));
}

/** What is wrong and where, in one line. */
function loadProblem(error: unknown): string {
  const [first = ""] = messageOf(error).split("\n");
  const place = /^ +at (file:\S+)$/m.exec(messageOf(error))?.[1];
  return place === undefined ? first : `${first} at ${place}`;
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason ||
    (error instanceof Error && (error.name === "AbortError" || error.cause === signal.reason));
}

/** What the function is called with. @throws {SyntaxError} for an entry that is no JSON */
function argsOf({ args, entryAsArgs }: ModuleEntry, { env }: ModulePorts): unknown {
  return entryAsArgs === true ? JSON.parse(env("IRIS_ENTRY") ?? "null") : args;
}

function contextOf({ env, signal, log }: ModulePorts, progress: ProgressFile): TaskContext {
  return {
    signal,
    job: env("IRIS_JOB") ?? "",
    task: env("IRIS_TASK") ?? "",
    index: Number(env("IRIS_TASK_INDEX") ?? 0),
    replicas: Number(env("IRIS_REPLICAS") ?? 1),
    attempt: Number(env("IRIS_ATTEMPT") ?? 0),
    entry: env("IRIS_ENTRY") ?? null,
    progress: (said) => progress.say(said),
    log,
  };
}

/** Keeps a result. @returns why it cannot be kept, or null */
function keepResult(value: unknown, file: string | undefined): string | null {
  if (value === undefined || file === undefined) return null;
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (error) {
    return `is no JSON: ${messageOf(error).split("\n")[0]}`;
  }
  if (json === undefined) return `is no JSON: it is a ${typeof value}`;
  const { length } = new TextEncoder().encode(json);
  if (length > MAX_RESULT_BYTES) {
    return `has ${length} bytes as JSON: at most ${MAX_RESULT_BYTES} are kept`;
  }
  try {
    writeWhole(file, json);
    return null;
  } catch (error) {
    return `could not be kept: ${messageOf(error)}`;
  }
}

/** Never half of it is seen. */
function writeWhole(file: string, text: string): void {
  Deno.writeTextFileSync(`${file}.new`, text);
  Deno.renameSync(`${file}.new`, file);
}

/** The latest progress, on disk within a moment, however often there is a new one. */
class ProgressFile {
  readonly #file: string | undefined;
  readonly #clock: Clock;
  #writtenAt = -Infinity;
  #pending: string | null = null;
  #timer: Timer | null = null;

  constructor(file: string | undefined, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
  }

  say(said: unknown): void {
    const progress = progressOf(said, this.#clock.wall());
    if (progress === null) {
      throw new TypeError(
        "progress must be a number from 0, or an object with fraction, done, total or message",
      );
    }
    this.#pending = JSON.stringify(progress);
    const waitMs = this.#writtenAt + PROGRESS_MS - this.#clock.now();
    if (waitMs <= 0) return this.#write();
    this.#timer ??= this.#clock.setTimer(waitMs, () => this.#write());
  }

  close(): void {
    this.#write();
  }

  #write(): void {
    this.#timer?.cancel();
    this.#timer = null;
    const text = this.#pending;
    this.#pending = null;
    if (text === null || this.#file === undefined) return;
    this.#writtenAt = this.#clock.now();
    try {
      if (text.length <= MAX_PROGRESS_BYTES) writeWhole(this.#file, text);
    } catch {
      // A disk that is full must not end a task that works.
    }
  }
}
