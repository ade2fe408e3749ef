/**
 * The law of the house as data: which folder may import which, where each power lives, and how big
 * things may get. The lint plugin and the tidy test enforce it, `tables.ts` prints it into
 * docs/ARCHITECTURE.md. To change a rule, change it here, and say why beside it.
 */

/** A folder of `src/` and its place in the order of imports. */
export interface Layer {
  readonly folder: string;
  /** Imports point to a lower rank, or stay inside the folder. */
  readonly rank: number;
  readonly owns: string;
  /** Deterministic and synchronous: no clock, randomness, I/O, `async` or Promise. */
  readonly pure?: true;
  /** Narrower than the rank: the only other folders it may import (types, which vanish, may). */
  readonly only?: readonly string[];
}

/** Every folder of `src/` but `std/`, which stands outside: anyone may import `@std/...`. */
export const LAYERS: readonly Layer[] = [
  { folder: "base", rank: 0, owns: "assert, clock, random, ids, errors, log, metrics, queues" },
  { folder: "lifecycle", rank: 1, owns: "owner, deadline, stop report, loop, isolate, signals" },
  { folder: "model", rank: 1, pure: true, owns: "job, task, attempt, transitions, ranges" },
  // Both ends of a bundle and of kept outputs: the command line, the controller and the workers.
  { folder: "archive", rank: 2, owns: "packing and unpacking folders, what is left out of them" },
  { folder: "host", rank: 2, owns: "spawn, process groups, cgroups, ports, hardware" },
  { folder: "scheduler", rank: 2, pure: true, owns: "order, place, preempt, explain" },
  { folder: "wire", rank: 2, owns: "messages, validation, the error table" },
  // Above wire: a row keeps a job's spec and a worker's registration as the wire defines them.
  { folder: "store", rank: 3, owns: "schema, migrations, one file per table family" },
  { folder: "vm", rank: 3, owns: "VM manager, vm_provider (port); providers in folders" },
  { folder: "runtimes", rank: 3, owns: "task_runtime (port); runtimes in folders" },
  { folder: "heartbeat", rank: 3, owns: "dispatch executor, reconcile loop" },
  // The SDK also runs in Node and in browsers, so it stays clear of everything that needs Deno.
  { folder: "client", rank: 3, only: ["archive", "base", "model", "wire"], owns: "the SDK" },
  { folder: "worker", rank: 4, owns: "worker, keeper, lifecycle loop, logs" },
  { folder: "autoscaler", rank: 4, owns: "decide (pure), loop" },
  { folder: "controller", rank: 5, owns: "reactor (pure), core, recovery, scheduling loop" },
  { folder: "http", rank: 6, owns: "app, routes, pages, of controller and worker" },
  { folder: "isolates", rank: 7, owns: "one file per thread: composes, a few lines each" },
  { folder: "cli", rank: 7, owns: "flags, commands, output, modes: builds the tree" },
];

/** Files outside of the pure folders that are pure too, by their name. */
export const PURE_FILE = /^(decide|reactor)(_[a-z_]+)?\.ts$/;

/** A file that says so in the comment on top of it is held to its word. */
export const PURE_WORDS = /\bPure[.;,:]|\bpart of the reactor\b/;

/** What pure code may not import as a value: `import type` of them is fine. */
export const IMPURE_MODULES: readonly string[] = [
  "src/base/clock.ts",
  "src/base/random.ts",
  "src/base/ids.ts",
  "src/base/log.ts",
  "src/base/metrics.ts",
];

/** Folders that hold a port; each of their own folders is one concrete implementation. */
export const PORT_FOLDERS: readonly string[] = ["src/vm", "src/runtimes"];

/** Where concrete implementations meet. */
export const COMPOSERS: readonly string[] = ["src/cli", "src/isolates"];

/** Something that only a few files may use. */
export interface Power {
  /** Globals, as written: `Deno.kill`, `setTimeout`, `new Worker`, `new Date()` without arguments. */
  readonly names: readonly string[];
  /** Modules; `import type` of them is allowed anywhere. `hono` covers `hono/...`. */
  readonly modules?: readonly string[];
  /** Path prefixes of the files that may. */
  readonly homes: readonly string[];
  /** What everyone else does. */
  readonly instead: string;
}

/** The homes of powers. Only `src/` without `std/` is held to them; tests and benches are free. */
export const POWERS: readonly Power[] = [
  {
    names: ["Deno.Command", "Deno.kill"],
    homes: ["src/host/"],
    instead: "start and signal processes through the ports of src/host",
  },
  {
    names: [
      "Deno.dlopen",
      "Deno.UnsafePointer",
      "Deno.UnsafePointerView",
      "Deno.UnsafeCallback",
      "Deno.UnsafeFnPointer",
    ],
    homes: ["src/host/"],
    instead: "put the foreign function behind a typed function of src/host",
  },
  {
    names: [],
    modules: ["node:sqlite"],
    homes: ["src/store/"],
    instead: "read and write through a table file of src/store",
  },
  {
    names: [],
    modules: ["hono"],
    homes: ["src/http/"],
    instead: "take a `(request: Request) => Response` handler, and build the routes in src/http",
  },
  {
    names: ["new Worker"],
    homes: ["src/lifecycle/"],
    instead: "own an isolate through src/lifecycle/isolate.ts",
  },
  {
    names: ["Deno.exit"],
    homes: ["src/cli/"],
    instead: "let the failure go up to the root; src/cli turns the result into an exit code",
  },
  {
    // The spawner hears SIGCHLD; the keeper and a command that only waits have no root.
    names: ["Deno.addSignalListener", "Deno.removeSignalListener"],
    homes: ["src/lifecycle/", "src/host/", "src/worker/keeper", "src/cli/interrupt"],
    instead: "signals arrive at the root only (src/lifecycle/signals.ts); take an AbortSignal",
  },
  {
    // A server lives in a server loop, or in the responder that answers last from the main isolate.
    names: ["Deno.serve"],
    homes: ["src/http/", "src/host/", "src/controller/server_loop", "src/worker/server_loop"],
    instead: "hand the handler to a server loop, which owns the listener",
  },
  {
    names: ["Deno.listen", "Deno.connect"],
    homes: ["src/host/", "src/worker/keeper"],
    instead: "use a function of src/host, or the keeper's socket in src/worker/keeper_*.ts",
  },
  {
    names: ["Deno.env", "Deno.args", "Deno.chdir"],
    homes: ["src/cli/", "src/host/"],
    instead: "take the value as an argument; src/cli reads it once",
  },
  {
    names: ["Date.now", "performance.now", "new Date()"],
    homes: ["src/base/"],
    instead: "take a `Clock` (src/base/clock.ts) as an argument",
  },
  {
    // The process's last timer must not keep it alive, which a `Clock` cannot say.
    names: ["setTimeout", "setInterval", "Deno.unrefTimer"],
    homes: ["src/base/", "src/cli/modes/result"],
    instead: "use `clock.setTimer` or `sleep` of src/base/clock.ts",
  },
  {
    // At the edges a request needs a signal of its own and no test there turns the clock. Deeper
    // inside, a hidden timer would escape both the fake clock and the test sanitizers.
    names: ["AbortSignal.timeout"],
    homes: ["src/base/", "src/http/", "src/client/", "src/cli/"],
    instead: "use the signal of a `Deadline` (src/lifecycle/deadline.ts)",
  },
  {
    names: ["Math.random", "crypto.getRandomValues", "crypto.randomUUID"],
    homes: ["src/base/"],
    instead: "take a `Random` as an argument, or an id from src/base/ids.ts",
  },
  {
    names: ["console.log", "console.error", "console.warn", "console.info", "console.debug"],
    homes: ["src/cli/"],
    instead: "log with `logger(part)`, or answer through the command's context",
  },
];

/** How big things may get. */
export const LIMITS = {
  /** Lines of a function in src, scripts and bench. */
  functionLines: 70,
  /** Lines of a file outside of tests. */
  fileLines: 500,
  /** Lines of a test file: a table of cases is long without being hard. */
  testFileLines: 800,
  /** Positional parameters, an options object included. */
  parameters: 3,
  /** Words of a test's name: below it, it is no sentence. */
  testNameWords: 3,
} as const;

/** Folders of `tests/` beside those that mirror `src/`. */
export const TEST_FOLDERS: readonly string[] = [
  "contracts",
  "e2e",
  "fakes",
  "regressions",
  "scripts",
  "security",
  "sim",
  "support",
  "tidy",
];

/** Programs that fail on purpose: their tests bear labels, and switch off what they defy. */
export const CANARIES = "tests/support/canaries/";

/** Names that say nothing about what a folder is for. */
export const EMPTY_FOLDER_NAMES: readonly string[] = ["utils", "util", "common", "helpers", "misc"];
