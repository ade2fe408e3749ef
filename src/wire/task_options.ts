/**
 * How a task is run beside its command: the same fields in a submitted job, in what a worker is told
 * and in what its keeper is told. An option that is missing has its default, so a program one
 * version older or newer still understands.
 */
import * as v from "valibot";
import { must, show, text, whole } from "./fields.ts";
import { WARN_SIGNALS, type WarnSignal } from "./limits.ts";

/** A function of a module on the worker, called instead of a command. */
export interface ModuleEntry {
  /** The module's path: absolute, or below the bundle. */
  readonly file: string;
  /** The name under which it exports the function. */
  readonly export: string;
  /** What the function is called with: any JSON. */
  readonly args: unknown;
  /** Each task's function is called with what its entry is as JSON instead. */
  readonly entryAsArgs?: boolean;
}

/** See the head of this file. */
export interface TaskOptions {
  /** Call this instead of running a command; null for a command. */
  readonly module: ModuleEntry | null;
  /** Run the command inside a container of this image; null for none. */
  readonly container: { readonly image: string } | null;
  /** The content hash of the folder that tasks begin in; null for none. */
  readonly bundle: string | null;
  /** Names of ports that each task gets, as `IRIS_PORT_<NAME>`. */
  readonly ports: readonly string[];
  /** A signal that comes so long before the time limit; null for none. */
  readonly warn: { readonly signal: WarnSignal; readonly beforeMs: number } | null;
  /** A hard limit in thousandths of a core; null for none. */
  readonly cpuLimitMilli: number | null;
  /** How many processes and threads a task may have at a time; null for no limit. */
  readonly pidsLimit: number | null;
  /** How much output of an attempt is kept, in bytes; null for as much as the worker keeps. */
  readonly logBytes: number | null;
  /** How much of `IRIS_OUTPUT_DIR` is kept, in bytes; null when tasks get no such folder. */
  readonly outputBytes: number | null;
  /** Whether tasks get `IRIS_RESULT_FILE` and `IRIS_PROGRESS_FILE`; those of a module always do. */
  readonly result: boolean;
}

/** A task without any option. */
export const NO_OPTIONS: TaskOptions = {
  module: null,
  container: null,
  bundle: null,
  ports: [],
  warn: null,
  cpuLimitMilli: null,
  pidsLimit: null,
  logBytes: null,
  outputBytes: null,
  result: false,
};

/** The most ports of a task. */
export const MAX_PORTS = 16;
/** The arguments of a module's function, as JSON, in bytes of UTF-8. */
export const MAX_ARGS_BYTES = 64 * 1024;
/** The longest path or image name, in characters. */
const MAX_PATH_CHARS = 4_096;
/** The longest warning before a time limit, in ms: a day. */
const MAX_WARN_MS = 86_400_000;

/** The options of a spec, and nothing else of it. */
export function optionsOf(spec: Partial<TaskOptions>): TaskOptions {
  const names = Object.keys(NO_OPTIONS) as (keyof TaskOptions)[];
  return Object.fromEntries(
    names.map((name) => [name, spec[name] ?? NO_OPTIONS[name]]),
  ) as unknown as TaskOptions;
}

/** What contradicts itself: the field and why, or null. */
export function optionProblem(
  spec: TaskOptions & {
    readonly argv: readonly string[];
    readonly timeoutMs: number | null;
    readonly cwd?: string | null;
    readonly entries?: readonly string[] | null;
  },
): { readonly field: string; readonly why: string } | null {
  const { module, container, argv, warn, timeoutMs } = spec;
  if (module !== null && container !== null) {
    return { field: "container", why: "must be null for a module" };
  }
  if (module !== null && argv.length > 0) {
    return { field: "argv", why: "must be left out for a module" };
  }
  if (module === null && container === null && argv.length === 0) {
    return { field: "argv", why: "must name a command" };
  }
  if (module !== null && !module.file.startsWith("/") && spec.bundle === null) {
    return { field: "module.file", why: "must be an absolute path, or come with a bundle" };
  }
  if (module !== null && leadsOut(module.file)) {
    return { field: "module.file", why: "must stay inside of the bundle" };
  }
  const entriesProblem = module?.entryAsArgs === true ? jsonProblem(spec.entries ?? null) : null;
  if (entriesProblem !== null) return entriesProblem;
  const { cwd = null } = spec;
  if (cwd !== null && !cwd.startsWith("/") && spec.bundle === null) {
    return { field: "cwd", why: `must be an absolute path or null: it is ${show(cwd)}` };
  }
  if (cwd !== null && leadsOut(cwd)) {
    return { field: "cwd", why: "must stay inside of the bundle" };
  }
  if (warn !== null && timeoutMs === null) {
    return { field: "warn", why: "needs a timeoutMs that it comes before" };
  }
  if (warn !== null && timeoutMs !== null && warn.beforeMs >= timeoutMs) {
    return { field: "warn.beforeMs", why: `must be less than the timeoutMs of ${timeoutMs}` };
  }
  return null;
}

/** What is wrong with entries that are to be arguments. */
function jsonProblem(
  entries: readonly string[] | null,
): { readonly field: string; readonly why: string } | null {
  if (entries === null) return { field: "entries", why: "must be given for entryAsArgs" };
  for (const [i, entry] of entries.entries()) {
    try {
      JSON.parse(entry);
    } catch {
      return { field: `entries.${i}`, why: `must be JSON for entryAsArgs: it is ${show(entry)}` };
    }
  }
  return null;
}

/** Of a path below a bundle: whether it may end up anywhere else. */
function leadsOut(path: string): boolean {
  return !path.startsWith("/") && path.split("/").includes("..");
}

const path = v.pipe(
  text("a path"),
  v.minLength(1, "must not be empty"),
  v.maxLength(MAX_PATH_CHARS, `must have at most ${MAX_PATH_CHARS} characters`),
);

function fits(args: unknown): boolean {
  return new TextEncoder().encode(JSON.stringify(args) ?? "").length <= MAX_ARGS_BYTES;
}

const moduleEntry = v.strictObject({
  file: path,
  export: v.pipe(
    text("a name"),
    v.regex(/^[A-Za-z_$][\w$]{0,127}$/, must("the name of an export")),
  ),
  args: v.pipe(
    v.optional(v.unknown(), null),
    v.check(fits, `must have at most ${MAX_ARGS_BYTES} bytes as JSON`),
  ),
  // Left out unless it is said: a worker that does not know it takes a module without it.
  entryAsArgs: v.exactOptional(v.boolean(must("true or false"))),
}, must("an object with file and export"));

const portName = v.pipe(
  text("a name"),
  v.regex(/^[A-Za-z][A-Za-z0-9_]{0,31}$/, must("a name of letters, digits and '_'")),
);

const ports = v.pipe(
  v.array(portName, must("a list of names")),
  v.maxLength(MAX_PORTS, `must have at most ${MAX_PORTS} names`),
  v.check(
    (names) => new Set(names.map((name) => name.toUpperCase())).size === names.length,
    "must not name a port twice",
  ),
);

const image = v.pipe(
  text("the name of an image"),
  v.regex(/^[A-Za-z0-9][\w./:@-]{0,511}$/, must("the name of an image")),
);

const orNull = <T extends v.GenericSchema>(schema: T) => v.optional(v.nullable(schema), null);
const limit = (min: number) => orNull(whole(min, Number.MAX_SAFE_INTEGER));

/** The fields of a submit that are options. */
export const OPTION_ENTRIES = {
  module: orNull(moduleEntry),
  container: orNull(v.strictObject({ image }, must("an object with image"))),
  bundle: orNull(v.pipe(text("a hash"), v.regex(/^[0-9a-f]{64}$/, must("64 hex digits")))),
  ports: v.optional(ports, []),
  warn: orNull(v.strictObject({
    signal: v.picklist(WARN_SIGNALS, must(`one of ${WARN_SIGNALS.join(", ")}`)),
    beforeMs: whole(1, MAX_WARN_MS),
  }, must("an object with signal and beforeMs"))),
  cpuLimitMilli: limit(1),
  pidsLimit: limit(1),
  logBytes: limit(0),
  outputBytes: limit(0),
  result: v.optional(v.boolean(must("true or false")), false),
};
